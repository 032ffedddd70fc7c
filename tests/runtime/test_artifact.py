"""A saved model: one file that loads anywhere, with what it was, or is refused."""

from __future__ import annotations

import json
import os
import pickle
import random
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import nn

from nnc.compiler.backends.torch.build import build
from nnc.compiler.driver import compile_mapping
from nnc.runtime.failure import Failure
from nnc.runtime.saving.artifact import load, load_with_header, save
from nnc.runtime.saving.header import BLANK, MAX_HEADER, digest_of, raw_header, read_header

CONV: dict[str, Any] = {
    "nnc": 1,
    "name": "größe",
    "inputs": {"x": ["B", 1, 8, 8]},
    "args": {"width": 4},
    "layers": {"conv": "Conv2d(width, 3, padding=1)", "bn": "BatchNorm2d", "flat": "flatten(1)", "fc": "Linear(10)"},
}
TIED: dict[str, Any] = {
    "nnc": 1,
    "name": "tied",
    "inputs": {"x": {"shape": ["B", "T"], "dtype": "int64"}},
    "layers": {
        "embed": "Embedding(20, 6)",
        "lstm": "LSTM(6)",
        "decoder": {"type": "Linear(20, bias=False)", "from": "lstm.output"},
    },
    "tie": {"decoder.weight": "embed.weight"},
}
BUFFER: dict[str, Any] = {
    "nnc": 1,
    "name": "buffer",
    "inputs": {"x": ["B", 4]},
    "layers": {"mask": "Buffer(arange(4), persistent=False)", "fc": "Linear(4)", "out": "fc + mask"},
}


def network(spec: dict[str, Any], **args: Any) -> nn.Module:
    torch.manual_seed(0)
    return build(compile_mapping(spec, args=args).graph, spec=spec, args=args)


def image() -> torch.Tensor:
    return torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(1))


CASES: dict[str, tuple[dict[str, Any], Callable[[], torch.Tensor]]] = {
    "conv": (CONV, image),
    "tied": (TIED, lambda: torch.arange(12).reshape(3, 4)),
    "buffer": (BUFFER, lambda: torch.ones(2, 4)),
}


def first(outputs: Any) -> torch.Tensor:
    return outputs if isinstance(outputs, torch.Tensor) else next(iter(outputs.values()))


@pytest.mark.parametrize("name", CASES)
def test_what_is_loaded_is_what_was_saved(tmp_path: Path, name: str) -> None:
    spec, make = CASES[name]
    model = network(spec).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.5)
    loaded = load(save(model, tmp_path / "m.safetensors")).eval()
    assert torch.equal(first(loaded(make())), first(model(make())))
    assert list(loaded.state_dict()) == list(model.state_dict())
    assert not any(t.is_meta for t in (*loaded.parameters(), *loaded.buffers()))
    assert all(p.requires_grad for p in loaded.parameters())
    assert loaded.spec == spec


def test_arguments_and_facts_come_back(tmp_path: Path) -> None:
    path = save(
        network(CONV, width=6), tmp_path / "m.safetensors", classes=("null", "eins"), scores="logits", metrics={"accuracy": 0.5},
        preprocessing={"feeding": {"x": "image"}}, provenance={"seed": 3},
    )  # fmt: skip
    model, header = load_with_header(path)
    assert model.state_dict()["conv.weight"].shape[0] == 6
    assert (header.args, header.classes, header.scores) == ({"width": 6}, ("null", "eins"), "logits")
    assert header.metrics == {"accuracy": 0.5}
    assert header.provenance["seed"] == 3
    assert header.signature["inputs"] == {"x": {"shape": ["B", 1, 8, 8], "dtype": "float32"}}
    assert header.preprocessing == {"feeding": {"x": "image"}}


def test_tied_tensors_stay_one(tmp_path: Path) -> None:
    path = save(network(TIED), tmp_path / "m.safetensors")
    assert len(load_file(path)) == len(network(TIED).state_dict()) - 1
    model = load(path)
    assert model.get_submodule("decoder").weight is model.get_submodule("embed").weight
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    torch.autograd.backward(first(model(torch.arange(12).reshape(3, 4))).sum())
    optimizer.step()
    assert torch.equal(model.state_dict()["decoder.weight"], model.state_dict()["embed.weight"])
    assert not torch.equal(model.state_dict()["embed.weight"], network(TIED).state_dict()["embed.weight"])


def test_a_recurrent_layer_uses_the_loaded_weights(tmp_path: Path) -> None:
    """LSTM keeps a second list of its parameters, for its kernel."""
    model = load(save(network(TIED), tmp_path / "m.safetensors"))
    lstm = model.get_submodule("lstm")
    assert all(a is b for a, b in zip(lstm._flat_weights, lstm.parameters(), strict=True))  # type: ignore[arg-type]  # a list


def test_loaded_tensors_lie_where_torch_would_put_them(tmp_path: Path) -> None:
    """Kernels sum a tensor that is mapped from a file, at an odd address, in another order: the last bits would differ."""
    path = save(network(CONV, width=3), tmp_path / "m.safetensors")
    assert any(t.data_ptr() % 64 for t in load_file(path).values()), "the file alone does not see to it"
    assert not any(t.data_ptr() % 64 for t in load(path).state_dict().values())


def test_other_number_formats_are_kept(tmp_path: Path) -> None:
    model = load(save(network(CONV).to(torch.bfloat16), tmp_path / "m.safetensors"))
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}


def test_equal_models_are_equal_files(tmp_path: Path) -> None:
    a, b = (save(network(CONV), tmp_path / name).read_bytes() for name in ("a.safetensors", "b.safetensors"))
    assert a == b


def test_it_loads_in_another_process_without_the_yaml_and_without_pickle(tmp_path: Path) -> None:
    path = save(network(CONV).eval(), tmp_path / "m.safetensors")
    expected = network(CONV).eval()(image())
    torch.save(expected, tmp_path / "expected.pt")
    script = (
        "import sys, pickle, torch\n"
        "from nnc.runtime.saving.artifact import load\n"
        "def refuse(*a, **k): raise AssertionError('unpickled')\n"
        "model = load(sys.argv[1]).eval() if not setattr(pickle, 'load', refuse) and not setattr(pickle, 'loads', "
        "refuse) else 0\n"
        "x = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(1))\n"
        "print(model(x).sum().item())"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script, path],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == pytest.approx(expected.sum().item(), abs=0)


def test_other_tools_read_its_tensors(tmp_path: Path) -> None:
    model = network(CONV)
    tensors = load_file(save(model, tmp_path / "m.safetensors"))
    assert all(torch.equal(tensors[k], v) for k, v in model.state_dict().items())


def test_the_mode_is_the_usual_one(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        path = save(network(CONV), tmp_path / "m.safetensors")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o644
    assert [p.name for p in tmp_path.iterdir()] == ["m.safetensors"]


def test_a_module_of_somebody_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="did not compile"):
        save(nn.Linear(2, 2), tmp_path / "m.safetensors")


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="cannot be written"):
        save(network(CONV), tmp_path / "nowhere" / "m.safetensors")


# -- damage ---------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    spec = CONV | {"metadata": {"note": "0" * 64}}  # looks like the place of the digest, and is none
    path = save(network(spec), tmp_path_factory.mktemp("saved") / "m.safetensors")
    assert read_header(path).spec["metadata"] == {"note": "0" * 64}
    assert load(path) is not None
    return path.read_bytes()


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(Failure) as caught:
        load(path)
    assert str(path) in str(caught.value)
    return caught.value.code


def test_every_flipped_bit_is_detected(tmp_path: Path, saved: bytes) -> None:
    chance = random.Random(0)
    header = struct.unpack("<Q", saved[:8])[0] + 8
    places = [
        *range(8),
        *(chance.randrange(header) for _ in range(120)),
        *(chance.randrange(header, len(saved)) for _ in range(60)),
    ]
    for at in places:
        flipped = bytearray(saved)
        flipped[at] ^= 1 << chance.randrange(8)
        assert refused(tmp_path / "m.safetensors", bytes(flipped)) in ("NNC0904", "NNC0905"), at


def test_every_truncation_is_detected(tmp_path: Path, saved: bytes) -> None:
    for length in (0, 4, 8, 100, len(saved) // 2, len(saved) - 1):
        refused(tmp_path / "m.safetensors", saved[:length])
    refused(tmp_path / "m.safetensors", saved + b"\0")


def test_files_of_many_blocks_are_compared_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnc.runtime.saving.header.BLOCK", 1000)
    path = save(network(CONV), tmp_path / "m.safetensors")
    content = path.read_bytes()
    start = struct.unpack("<Q", content[:8])[0] + 8
    assert len(content) - start > 5000
    assert load(path) is not None
    for at in range(start + 500, len(content), 1000):
        flipped = bytearray(content)
        flipped[at] ^= 1
        assert refused(path, bytes(flipped)) == "NNC0904"
    swapped = content[:start] + content[start + 1000 : start + 2000] + content[start : start + 1000]
    assert refused(path, swapped + content[start + 2000 :]) == "NNC0904"


def test_the_digest_is_needed(tmp_path: Path, saved: bytes) -> None:
    """Without the comparison, a flipped bit in the weights would load."""
    path = tmp_path / "m.safetensors"
    path.write_bytes(saved[:-1] + bytes([saved[-1] ^ 1]))
    assert load(path, verify=False) is not None


def test_a_giant_header_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    with path.open("wb") as stream:
        stream.write(struct.pack("<Q", MAX_HEADER + 1))
        stream.truncate(MAX_HEADER + 100)  # a file with a hole: nothing is written
    with pytest.raises(Failure, match="more than any model's"):
        read_header(path)
    assert refused(path, struct.pack("<Q", 2**63) + b"{}") == "NNC0905"


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"\x80\x04K\x01.", struct.pack("<Q", 2) + b"[]", struct.pack("<Q", 60000) + b"[" * 60000]
)
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    assert refused(tmp_path / "m.safetensors", content) == "NNC0905"


def test_a_plain_safetensors_file_has_no_spec(tmp_path: Path) -> None:
    save_file({"a": torch.ones(2)}, tmp_path / "m.safetensors")
    with pytest.raises(Failure, match="without a spec"):
        load(tmp_path / "m.safetensors")


def test_a_pickle_by_the_name_is_not_opened(tmp_path: Path) -> None:
    class Canary:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "ran",)

    refused(tmp_path / "m.safetensors", pickle.dumps(Canary()))
    torch.save({"a": torch.ones(1)}, tmp_path / "m.pt")
    refused(tmp_path / "m.safetensors", (tmp_path / "m.pt").read_bytes())
    assert not (tmp_path / "ran").exists()
    pickle.loads(pickle.dumps(Canary()))  # noqa: S301  # ours
    assert (tmp_path / "ran").exists(), "the canary would have sung"


def resealed(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A file that somebody has changed, with a digest that is right: what is trusted is checked all the same."""
    tensors, content = load_file(path), path.read_bytes()
    header = json.loads(content[8 : 8 + struct.unpack("<Q", content[:8])[0]])
    document = json.loads(header["__metadata__"]["nnc"])
    document["sha256"] = BLANK
    change(document)
    save_file(tensors, path, {"format": "pt", "nnc": json.dumps(document)})
    with path.open("r+b") as stream:
        raw = raw_header(stream, path.stat().st_size)
        stream.seek(8)
        stream.write(raw.replace(BLANK.encode(), digest_of(stream, raw).encode()))
    return path


CHANGES: dict[str, Callable[[dict[str, Any]], None]] = {
    "newer format": lambda d: d.update(format=2),
    "no spec": lambda d: d.pop("spec"),
    "a broken spec": lambda d: d["spec"]["layers"].update(fc="Linear(10, bais=True)"),
    "another network": lambda d: d["spec"]["layers"].update(fc="Linear(11)"),
    "a layer more": lambda d: d["spec"]["layers"].update(more="Linear(2)"),
    "own code": lambda d: d["spec"].update(imports={"os": "./os.py"}, layers={"x": "os.Layer()"}),
    "aliases of nothing": lambda d: d.update(aliases={"a": "b"}),
    "wrong kinds": lambda d: d.update(classes="abc"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_file_is_checked_like_any_spec(tmp_path: Path, saved: bytes, name: str) -> None:
    (tmp_path / "m.safetensors").write_bytes(saved)
    path = resealed(tmp_path / "m.safetensors", CHANGES[name])
    with pytest.raises(Failure):
        load(path)


@given(st.binary(max_size=200), st.integers(0, 300))
def test_any_bytes_are_refused(content: bytes, length: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        refused(Path(folder) / "m.safetensors", struct.pack("<Q", length) + content)
