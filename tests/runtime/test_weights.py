"""`weights:`: files of tensors and torchvision's, whole or in part; what is refused, and what is said of it."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from safetensors.torch import save_file
from torch import nn

import nnc
from nnc.compiler.diagnostics import Source, Span
from nnc.compiler.driver import compile_mapping, compile_text
from nnc.runtime.saving.header import read_header
from nnc.runtime.weights.transfer import NESTED, Transfer
from tests.expectations import compare

SPEC: dict[str, Any] = {
    "nnc": 1,
    "name": "net",
    "inputs": {"x": ["B", 4]},
    "args": {"classes": 3},
    "layers": {"body": ["Linear(8)", "BatchNorm1d", "ReLU"], "fc": "Linear(classes)"},
}


def network(seed: int = 0, **args: Any) -> nn.Module:
    torch.manual_seed(seed)
    return nnc.load(SPEC, **args)


def equal(a: nn.Module, b: nn.Module) -> bool:
    one, other = a.state_dict(), b.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


def fails(code: str, *parts: str, **options: Any) -> None:
    with pytest.raises(nnc.Failure) as caught:
        nnc.load(SPEC, **options)
    assert caught.value.code == code
    for part in parts:
        assert part in str(caught.value)


# -- files -------------------------------------------------------------------------------------------------------------


def test_every_kind_of_file(tmp_path: Path) -> None:
    trained = network(1)
    torch.save(trained.state_dict(), tmp_path / "state.pt")
    torch.save({"epoch": 3, "state_dict": trained.state_dict()}, tmp_path / "checkpoint.pth")
    save_file(trained.state_dict(), tmp_path / "plain.safetensors")
    nnc.save(trained, tmp_path / "ours.safetensors")
    for name in ("state.pt", "checkpoint.pth", "plain.safetensors", "ours.safetensors"):
        assert equal(nnc.load(SPEC, weights=str(tmp_path / name)), trained), name


@pytest.mark.parametrize("key", NESTED)
def test_a_state_dict_is_found_inside_a_checkpoint(key: str, tmp_path: Path) -> None:
    trained = network(1)
    torch.save({"optimizer": {"lr": 0.1}, key: trained.state_dict()}, tmp_path / "checkpoint.pt")
    assert equal(nnc.load(SPEC, weights=str(tmp_path / "checkpoint.pt")), trained)


def test_a_section_of_the_spec_has_a_path_relative_to_it(tmp_path: Path) -> None:
    trained = network(1)
    (tmp_path / "models").mkdir()
    torch.save(trained.state_dict(), tmp_path / "models" / "state.pt")
    (tmp_path / "net.json").write_text(json.dumps(SPEC | {"weights": "models/state.pt"}))
    assert equal(nnc.load(tmp_path / "net.json"), trained)
    assert nnc.check(tmp_path / "net.json") == []
    (tmp_path / "models" / "state.pt").unlink()
    assert nnc.check(tmp_path / "net.json") == [], "a check loads nothing"
    with pytest.raises(nnc.Failure, match="there is no file"):
        nnc.load(tmp_path / "net.json")


def test_prefixes_are_replaced(tmp_path: Path) -> None:
    trained = network(1)
    torch.save({f"module.{n}": t for n, t in trained.state_dict().items()}, tmp_path / "parallel.pt")
    file = str(tmp_path / "parallel.pt")
    fails("NNC0921", '`rename: {"module.": ""}` would make names fit', weights=file)
    assert equal(nnc.load(SPEC, weights={"file": file, "rename": {"module.": ""}}), trained)
    torch.save({n.replace("body.", "features."): t for n, t in trained.state_dict().items()}, tmp_path / "other.pt")
    renamed = {"file": str(tmp_path / "other.pt"), "rename": {"features.": "body."}}
    assert equal(nnc.load(SPEC, weights=renamed), trained)


def test_a_part_of_a_checkpoint_goes_into_a_network_with_another_head(tmp_path: Path) -> None:
    trained, model = network(1), network(2, classes=5)
    fresh = {n: p.clone() for n, p in model.state_dict().items()}
    state = trained.state_dict() | {"aux.weight": torch.ones(2)}
    del state["body.1.bias"]
    torch.save(state, tmp_path / "state.pt")
    done = nnc.load_weights(model, {"file": str(tmp_path / "state.pt"), "strict": False})
    assert done.missing == ("body.1.bias",)
    assert done.unexpected == ("aux.weight",)
    assert list(done.misfits) == ["fc.weight", "fc.bias"]
    assert (len(done.loaded), done.total) == (6, 9)
    own = model.state_dict()
    assert all(torch.equal(own[n], state[n]) for n in done.loaded)
    assert all(torch.equal(own[n], fresh[n]) for n in ("body.1.bias", "fc.weight", "fc.bias"))
    assert str(done).splitlines() == [
        f"transferred 6 of 9 tensors from {tmp_path / 'state.pt'}",
        "  not in the file: body.1 (bias)",
        "  of another shape: fc.weight is [3, 8], in the network [5, 8]; fc.bias is [3], in the network [5]",
        "  not in the network: aux (weight)",
    ]


def test_strict_wants_everything_and_changes_nothing_before_it_knows(tmp_path: Path) -> None:
    model = network(2)
    fresh = {n: p.clone() for n, p in model.state_dict().items()}
    state = network(1).state_dict()
    del state["fc.bias"]
    torch.save(state, tmp_path / "state.pt")
    with pytest.raises(nnc.Failure, match="not this network's") as caught:
        nnc.load_weights(model, str(tmp_path / "state.pt"))
    assert "not in the file: fc (bias)" in str(caught.value)
    assert "`strict: false` loads what fits" in str(caught.value)
    assert all(torch.equal(p, fresh[n]) for n, p in model.state_dict().items())


def test_older_files_have_no_count_of_batches(tmp_path: Path) -> None:
    state = {n: t for n, t in network(1).state_dict().items() if not n.endswith("num_batches_tracked")}
    torch.save(state, tmp_path / "old.pt")
    assert nnc.load_weights(network(2), str(tmp_path / "old.pt")).complete


def test_numbers_are_converted_but_never_integers_to_fractions(tmp_path: Path) -> None:
    state = {n: t.half() if t.is_floating_point() else t for n, t in network(1).state_dict().items()}
    torch.save(state, tmp_path / "half.pt")
    model = nnc.load(SPEC, weights=str(tmp_path / "half.pt"))
    assert model.get_parameter("fc.weight").dtype is torch.float32
    state["fc.weight"] = state["fc.weight"].long()
    torch.save(state, tmp_path / "long.pt")
    fails("NNC0921", "fc.weight is int64, in the network float32", weights=str(tmp_path / "long.pt"))


def test_tied_tensors_of_a_saved_model_come_under_both_names(tmp_path: Path) -> None:
    tied = {
        "nnc": 1, "inputs": {"x": {"shape": ["B"], "dtype": "int64"}},
        "layers": {"embed": "Embedding(5, 4)", "out": "Linear(5, bias=False)"}, "tie": {"out.weight": "embed.weight"},
    }  # fmt: skip
    trained = nnc.load(tied)
    nnc.save(trained, tmp_path / "tied.safetensors")
    assert equal(nnc.load(tied, weights=str(tmp_path / "tied.safetensors")), trained)
    torch.save({"out.weight": trained.get_parameter("out.weight")}, tmp_path / "one.pt")
    assert equal(nnc.load(tied, weights=str(tmp_path / "one.pt")), trained), "one of its names is enough"


# -- hostile and damaged files -----------------------------------------------------------------------------------------


class Malicious:
    def __reduce__(self) -> Any:
        return (print, ("this must never be printed",))


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"state_dict": Malicious()}, tmp_path / "evil.pt")
    (tmp_path / "raw.pt").write_bytes(pickle.dumps(Malicious()))
    for name in ("evil.pt", "raw.pt"):
        fails("NNC0920", "holds no weights that can be read", weights=str(tmp_path / name))
    assert "never" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.pt", b""),
        ("noise.pt", b"\x80\x02" + bytes(range(256)) * 4),
        ("zip.pt", b"PK\x03\x04" + b"\0" * 100),
        ("empty.safetensors", b""),
        ("long.safetensors", (2**60).to_bytes(8, "little") + b"{}"),
        ("cut.safetensors", (10).to_bytes(8, "little") + b'{"a":{"dty'),
    ],
)
def test_damaged_files_are_refused_in_words(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    fails("NNC0920", str(tmp_path / name), weights=str(tmp_path / name))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"epoch": 3}, "the keys epoch"),
        ([1, 2], "a list"),
        (torch.ones(3), "a Tensor"),
        ({}, "nothing"),
        ({1: torch.ones(2)}, "the keys 1"),
        ({"state_dict": {"fc.weight": torch.ones(2, 2).to_sparse()}}, "the keys state_dict"),
    ],
)
def test_files_without_tensors_by_name(content: Any, said: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "odd.pt")
    fails("NNC0920", "holds no tensors by name", said, weights=str(tmp_path / "odd.pt"))


def test_a_folder_and_a_missing_file(tmp_path: Path) -> None:
    fails("NNC0920", "there is no file", weights=str(tmp_path / "missing.pt"))
    fails("NNC0920", "there is no file", weights=f"{tmp_path}/")


def test_a_saved_model_that_was_damaged_is_refused(tmp_path: Path) -> None:
    file = nnc.save(network(1), tmp_path / "net.safetensors")
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    fails("NNC0904", "damaged", weights=str(file))


def test_another_networks_weights(tmp_path: Path) -> None:
    torch.save(OrderedDict(a=torch.ones(2)), tmp_path / "other.pt")
    fails(
        "NNC0921", "nothing in", "not in the network: a", weights={"file": str(tmp_path / "other.pt"), "strict": False}
    )


@pytest.mark.parametrize(
    ("weights", "part"),
    [
        ({"fil": "a.pt"}, "no key `fil`"),
        ({"file": 3}, "text"),
        ({"file": "a.pt", "strict": "no"}, "true or false"),
        ("", ""),
    ],
)
def test_the_form_is_checked(weights: Any, part: str) -> None:
    with pytest.raises(nnc.Failure) as caught:
        nnc.load(SPEC, weights=weights)
    assert part in str(caught.value)
    text = json.dumps(SPEC | {"weights": weights}, indent=1)
    assert [d for d in compile_text(text, name="net.json").problems if part in str(d)]


def test_expectations_stand_in_the_spec() -> None:
    text = """
nnc: 1
inputs: {x: [B, 4]}
layers: {fc: Linear(3)}
weights:
  file: model.pt
  strickt: false  # error: [unknown-key] "did you mean `strict`"
  rename: {"module.": 3}  # error: [wrong-value] "must be a text"
""".lstrip()
    assert compare(text, compile_text(text, name="net.yaml").problems.sorted()) == []


# -- torchvision's -----------------------------------------------------------------------------------------------------

MODEL = "squeezenet1_1"


@pytest.fixture
def pretrained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    """torchvision's model with weights that its enum finds in a local file: download, hash and all are torchvision's."""
    torch.manual_seed(5)
    model: nn.Module = getattr(torchvision.models, MODEL)()
    torch.save(model.state_dict(), tmp_path / "w.pth")
    digest = hashlib.sha256((tmp_path / "w.pth").read_bytes()).hexdigest()
    file = (tmp_path / "w.pth").rename(tmp_path / f"w-{digest[:8]}.pth")
    member = torchvision.models.get_model_weights(MODEL)["IMAGENET1K_V1"]
    monkeypatch.setattr(member.value, "url", file.as_uri())
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    return model


def test_weights_by_torchvisions_name(pretrained: nn.Module) -> None:
    for name in ("IMAGENET1K_V1", "DEFAULT", "SqueezeNet1_1_Weights.IMAGENET1K_V1"):
        assert equal(nnc.load(f"zoo:{MODEL}", weights=name), pretrained)
    assert nnc.load_weights(nnc.load(f"zoo:{MODEL}"), "DEFAULT").complete


def test_a_file_with_another_hash_is_refused(pretrained: nn.Module, tmp_path: Path) -> None:
    (file,) = tmp_path.glob("w-*.pth")
    file.write_bytes(file.read_bytes() + b"x")
    with pytest.raises(nnc.Failure, match="invalid hash value"):
        nnc.load(f"zoo:{MODEL}", weights="DEFAULT")


def test_an_artifact_carries_preprocessing_and_classes(pretrained: nn.Module, tmp_path: Path) -> None:
    member = torchvision.models.get_model_weights(MODEL)["IMAGENET1K_V1"]
    file = nnc.save(nnc.load(f"zoo:{MODEL}", weights="DEFAULT"), tmp_path / "model.safetensors")
    header = read_header(file)
    assert header.classes == tuple(member.meta["categories"])
    assert header.scores == "logits"
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 280, 3), dtype=np.uint8))
    image.save(tmp_path / "image.png")
    (result,) = nnc.predict(file, tmp_path / "image.png", top_k=3, device="cpu")
    with torch.no_grad():
        seen = torch.as_tensor(np.array(image)).permute(2, 0, 1).contiguous()
        wanted = pretrained.eval()(member.transforms()(seen)[None]).softmax(1)[0].topk(3)
    assert [r["index"] for r in result["top"]] == wanted.indices.tolist()
    assert [r["class"] for r in result["top"]] == [member.meta["categories"][i] for i in wanted.indices]
    # v2 resizes bytes as integers, torchvision's preset as fractions: pixels differ by one of 255 levels at most
    assert [r["probability"] for r in result["top"]] == pytest.approx(wanted.values.tolist(), rel=1e-2)
    again = nnc.save(nnc.load(file), tmp_path / "again.safetensors")
    assert read_header(again).classes == header.classes
    assert read_header(again).preprocessing == header.preprocessing


def test_with_another_head_the_classes_are_not_theirs(pretrained: nn.Module, tmp_path: Path) -> None:
    model = nnc.load(f"zoo:{MODEL}", weights={"file": "DEFAULT", "strict": False}, num_classes=10)
    header = read_header(nnc.save(model, tmp_path / "model.safetensors"))
    assert header.classes == ()
    assert header.preprocessing["transforms"]
    with pytest.raises(nnc.Failure, match=r"classifier\.1\.weight is \[1000, 512, 1, 1\], in the network \[10"):
        nnc.load(f"zoo:{MODEL}", weights="DEFAULT", num_classes=10)


@pytest.mark.parametrize(
    ("spec", "weights", "part"),
    [
        (f"zoo:{MODEL}", "IMAGENET1K_V7", "`squeezenet1_1` has no weights IMAGENET1K_V7"),
        (f"zoo:{MODEL}", "SqueezeNet1_1Weights.DEFAULT", "there is no file"),
        (f"zoo:{MODEL}", "SqueezeNet1_7_Weights.DEFAULT", "torchvision has no weights SqueezeNet1_7_Weights"),
        ("zoo:lenet5", "IMAGENET1K_V1", "torchvision has no model `lenet5`"),
    ],
)
def test_names_that_torchvision_does_not_have(spec: str, weights: str, part: str) -> None:
    with pytest.raises(nnc.Failure) as caught:
        nnc.load(spec, weights=weights)
    assert part in str(caught.value)


def test_images_that_the_network_itself_must_scale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GoogLeNet's weights come with `transform_input`: without it every prediction would be slightly wrong."""

    class Reference(nn.Module):
        transform_input = True

    monkeypatch.setattr(torchvision.models, "get_model", lambda *_, **__: Reference())
    with torch.device("meta"), pytest.raises(nnc.Failure, match="`transform_input: true`"):
        nnc.load("zoo:inception_v3", weights="DEFAULT")


# -- on the way to training --------------------------------------------------------------------------------------------


def test_training_begins_with_the_weights_that_are_given(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "train.npz", x=rng.normal(size=(32, 4)).astype("float32"), label=rng.integers(0, 3, 32))
    trained = network(1)
    torch.save(trained.state_dict(), tmp_path / "state.pt")
    spec = SPEC | {
        "weights": "state.pt",
        "freeze": ["body"],
        "data": {"fields": ["x", "label"], "train": 'Npz("train.npz")'},
        "train": {"loss": "CrossEntropyLoss", "optimizer": "SGD(lr=0.1)", "epochs": 2, "batch_size": 8},
    }
    (tmp_path / "net.json").write_text(json.dumps(spec))
    done = nnc.train(tmp_path / "net.json", run_dir=tmp_path / "run", device="cpu", progress=False)
    own, before = done.model.state_dict(), trained.state_dict()
    assert {n for n in own if not torch.equal(own[n], before[n])} == {"fc.weight", "fc.bias"}
    (tmp_path / "state.pt").unlink()
    assert nnc.evaluate(tmp_path / "run", split="train", device="cpu").samples == 32
    nnc.train(tmp_path / "net.json", run_dir=tmp_path / "run", device="cpu", progress=False, resume=True, epochs=3)


def test_an_account_is_a_text() -> None:
    many = tuple(f"layer{i}.weight" for i in range(20))
    said = str(Transfer("a.pt", ("x",), many))
    assert "transferred 1 of 21" in said
    assert "and 12 layers more" in said
    assert compile_mapping(SPEC | {"weights": "a.pt"}).weights is not None


# -- what a check sees -------------------------------------------------------------------------------------------------


def checked(tmp_path: Path, weights: Any, **changes: Any) -> list[Any]:
    (tmp_path / "net.json").write_text(json.dumps(SPEC | {"weights": weights} | changes))
    return nnc.check(tmp_path / "net.json")


def test_a_check_compares_the_header_of_a_safetensors_file(tmp_path: Path) -> None:
    trained = network(1)
    nnc.save(trained, tmp_path / "ours.safetensors")
    save_file(trained.state_dict(), tmp_path / "plain.safetensors")
    for name in ("ours.safetensors", "plain.safetensors"):
        assert checked(tmp_path, name) == []
        (fault,) = checked(tmp_path, name, args={"classes": 5})
        assert fault.code == "NNC0921"
        assert fault.notes[0] == "`fc.weight` is [3, 8], in the network [5, 8]"
        assert checked(tmp_path, {"file": name, "strict": False}, args={"classes": 5}) == []
        with pytest.raises(nnc.Failure, match="NNC0921"):
            nnc.load(tmp_path / "net.json", weights=str(tmp_path / name), classes=5)
    save_file({f"module.{n}": t for n, t in trained.state_dict().items()}, tmp_path / "renamed.safetensors")
    assert checked(tmp_path, {"file": "renamed.safetensors", "rename": {"module.": ""}}) == []
    (fault,) = checked(tmp_path, {"file": "renamed.safetensors", "strict": False})
    assert "not this network's" in fault.message


@pytest.mark.parametrize("content", [b"", b"\xff" * 20, (2**60).to_bytes(8, "little"), (4).to_bytes(8, "little") + b"[1]x",
                                     (9).to_bytes(8, "little") + b'{"a": 12}'])  # fmt: skip
def test_what_a_check_cannot_read_is_for_the_run_to_judge(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "odd.safetensors").write_bytes(content)
    assert checked(tmp_path, "odd.safetensors") == []


def test_tied_names_may_be_left_out(tmp_path: Path) -> None:
    tied = {
        "nnc": 1, "inputs": {"x": {"shape": ["B"], "dtype": "int64"}}, "weights": "one.safetensors",
        "layers": {"embed": "Embedding(5, 4)", "out": "Linear(5, bias=False)"}, "tie": {"out.weight": "embed.weight"},
    }  # fmt: skip
    (tmp_path / "tied.json").write_text(json.dumps(tied))
    save_file({"embed.weight": torch.ones(5, 4)}, tmp_path / "one.safetensors")
    assert nnc.check(tmp_path / "tied.json") == []
    assert (nnc.load(tmp_path / "tied.json").get_parameter("out.weight") == 1).all()


@pytest.mark.parametrize(
    ("weights", "shape", "expected"),
    [
        ("FCN_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1", (3, 40, 60), (3, 520, 780)),
        ("R3D_18_Weights.KINETICS400_V1", (5, 3, 140, 180), (3, 5, 112, 112)),
        ("Swin3D_T_Weights.KINETICS400_V1", (4, 3, 140, 180), (3, 4, 224, 224)),
    ],
)
def test_other_networks_take_what_torchvision_gives_them(
    weights: str, shape: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    """The preprocessing of weights for segmentation and for videos, and the names of their classes."""
    from torchvision.models import get_weight

    from nnc.compiler.training.config import BoundCall
    from nnc.runtime.data.transforms import Pipeline
    from nnc.runtime.weights.pretrained import usage_of

    member = get_weight(weights)
    usage = usage_of(member, "x", classes=True)
    assert usage.classes == tuple(member.meta["categories"])
    span = Span(Source("w.yaml", ""), 0, 0)
    calls = []
    for call in usage.preprocessing["transforms"]["x"]:
        given = {k: tuple(v) if isinstance(v, list) else v for k, v in call.items() if k != "type"}
        calls.append(BoundCall("transform", call["type"], given, span))
    pixels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    ours, theirs = Pipeline(calls, "x").item(pixels, 0), member.transforms()(pixels)
    assert ours.shape == theirs.shape == expected
    assert (ours - theirs).abs().max() < 1.01 / 255 / 0.216
