"""Tensors written so that they can be used where they lie, and a header that is held against the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from nnc.runtime.saving.header import raw_header
from nnc.runtime.saving.tensor_file import ALIGNED, DTYPES, lay_out, map_tensors, write_tensors


def write(path: Path, tensors: dict[str, torch.Tensor]) -> Path:
    header = json.dumps(lay_out(tensors)).encode()
    header += b" " * (-(len(header) + 8) % ALIGNED)
    with path.open("wb") as stream:
        stream.write(len(header).to_bytes(8, "little") + header)
        write_tensors(stream, tensors)
    return path


def read(path: Path) -> dict[str, torch.Tensor]:
    with path.open("rb") as stream:
        return map_tensors(stream, raw_header(stream, path.stat().st_size))


def bits(tensor: torch.Tensor) -> list[int]:
    return tensor.reshape(-1).view(torch.uint8).tolist()


MANY = {
    "odd": torch.arange(3.0),
    "weight": torch.randn(16, 5),
    "count": torch.tensor(7),
    "large": torch.randn(64),
    "none": torch.empty(0, 4),
    "half": torch.randn(32).to(torch.bfloat16),
    "mask": torch.tensor([True, False, True]),
}


@pytest.mark.parametrize("name", DTYPES)
def test_every_kind_of_number(tmp_path: Path, name: str) -> None:
    content = torch.randint(0, 2, (3 * 64 * 8,), dtype=torch.uint8)
    tensors = {"a": content.view(DTYPES[name]), "b": content[:8].clone().view(DTYPES[name])}
    path = write(tmp_path / "t.safetensors", tensors)
    found, theirs = read(path), load_file(path)
    for key in tensors:
        assert (found[key].dtype, found[key].shape) == (tensors[key].dtype, tensors[key].shape)
        assert bits(found[key]) == bits(tensors[key]) == bits(theirs[key])


def test_other_tools_read_what_is_written_and_the_other_way_round(tmp_path: Path) -> None:
    theirs = load_file(write(tmp_path / "ours.safetensors", MANY))
    save_file(MANY, tmp_path / "theirs.safetensors")
    ours = read(tmp_path / "theirs.safetensors")
    assert theirs.keys() == ours.keys() == MANY.keys()
    assert all(torch.equal(theirs[k], MANY[k]) and torch.equal(ours[k], MANY[k]) for k in MANY)


def test_all_lie_at_multiples_of_64_and_most_are_not_copied(tmp_path: Path) -> None:
    path = write(tmp_path / "t.safetensors", MANY)
    assert all(t.data_ptr() % ALIGNED == 0 for t in read(path).values())
    entries = lay_out(MANY)
    mapped = {name for name, entry in entries.items() if entry["data_offsets"][0] % ALIGNED == 0}
    assert {"weight", "large", "half"} <= mapped


def test_the_file_is_not_written_to(tmp_path: Path) -> None:
    path = write(tmp_path / "t.safetensors", MANY)
    before = path.read_bytes()
    found = read(path)
    for tensor in found.values():
        tensor.zero_()
    assert not found["large"].any()
    assert path.read_bytes() == before
    assert torch.equal(read(path)["large"], MANY["large"])


def test_each_has_a_storage_of_its_own(tmp_path: Path) -> None:
    """One that is saved or sent alone takes no other along."""
    for name, tensor in read(write(tmp_path / "t.safetensors", MANY)).items():
        assert tensor.untyped_storage().nbytes() == MANY[name].nbytes


def test_a_file_may_be_replaced_while_its_tensors_are_used(tmp_path: Path) -> None:
    path = write(tmp_path / "t.safetensors", MANY)
    found = read(path)
    write(tmp_path / "new", {"large": torch.zeros(64)}).replace(path)
    assert torch.equal(found["large"], MANY["large"])


def test_a_number_that_the_format_does_not_have() -> None:
    with pytest.raises(ValueError, match="`z` is complex128"):
        lay_out({"z": torch.zeros(1, dtype=torch.complex128)})


def changed(path: Path, name: str, **values: Any) -> Path:
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header[name] |= values
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + length :])
    return path


HOSTILE: dict[str, dict[str, Any]] = {
    "past the end": {"data_offsets": [0, 1 << 60], "shape": [1 << 58]},
    "before the beginning": {"data_offsets": [-8, 312]},
    "backwards": {"data_offsets": [320, 0]},
    "another's place": {"data_offsets": [64, 384]},
    "more numbers than bytes": {"shape": [1 << 40]},
    "a negative shape": {"shape": [-16, -5]},
    "a shape that overflows": {"shape": [1 << 33, 1 << 33]},
    "a shape of texts": {"shape": ["16", "5"]},
    "a true shape": {"shape": [True, 80]},
    "an unknown dtype": {"dtype": "O"},
    "places that are no numbers": {"data_offsets": [0.0, 320.0]},
    "one place": {"data_offsets": [0]},
    "no place": {"data_offsets": None},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_header_that_does_not_describe_the_file_is_refused(tmp_path: Path, name: str) -> None:
    path = changed(write(tmp_path / "t.safetensors", MANY), "weight", **HOSTILE[name])
    with pytest.raises((ValueError, KeyError, TypeError)):
        read(path)


def test_bytes_that_belong_to_nobody_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "t.safetensors", MANY)
    path.write_bytes(path.read_bytes() + b"payload")
    with pytest.raises(ValueError, match="more in it"):
        read(path)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4), lambda i: st.lists(i, max_size=3), max_leaves=4
)


@given(st.dictionaries(st.sampled_from(["dtype", "shape", "data_offsets"]), plain | st.sampled_from([*DTYPES])))
def test_any_entry_is_read_or_refused(values: dict[str, Any]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = changed(write(Path(folder) / "t.safetensors", MANY), "large", **values)
        try:
            found = read(path)
        except (ValueError, KeyError, TypeError):
            return
        assert bits(found["large"]) == bits(MANY["large"])
