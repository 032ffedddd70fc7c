"""Networks of long files that are kept on disk: the same network, and never another's."""

from __future__ import annotations

import pickle
import zlib
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch

import nnc
from nnc.compiler.backends.torch import remembered
from nnc.compiler.backends.torch.build import place_of
from nnc.compiler.driver import Compilation, SpecError, compile_file
from tests.elaborate.scale import spec

LAYERS = 500


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NNC_CACHE", str(tmp_path / "kept"))
    return tmp_path / "kept"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """One of its own for each test: a process executes equal networks once."""
    path, name = tmp_path / "net.yaml", f"n{zlib.crc32(str(tmp_path).encode())}"
    text = spec("mapping", LAYERS).replace("name: mapping", f"name: {name}").replace("(8)", "($width)")
    path.write_text("args: {width: 8}\n" + text)
    return path


def no_compiler(*_: Any, **__: Any) -> None:
    raise AssertionError("the file was compiled, and not remembered")


def test_the_second_load_is_the_same_network(folder: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = nnc.load(file)
    monkeypatch.setattr("nnc.api.compile", no_compiler)
    again = nnc.load(file)
    assert again.source == first.source
    assert again.spec == first.spec
    assert list(again.state_dict()) == list(first.state_dict())
    assert [n.name for n in again.graph.nodes] == [n.name for n in first.graph.nodes]
    again.load_state_dict(first.state_dict())
    x = torch.randn(2, 8)
    assert torch.equal(again(x), first(x))
    assert torch.equal(pickle.loads(pickle.dumps(again))(x), first(x))  # noqa: S301  # our own
    with pytest.raises(AssertionError, match="not remembered"):
        nnc.load(file, width=9)


def kept(folder: Path) -> list[Path]:
    return sorted(folder.glob("*"))


def test_what_else_is_asked_for_is_compiled(folder: Path, file: Path) -> None:
    nnc.load(file)
    assert len(kept(folder)) == 1
    nnc.load(file, width=8)
    nnc.load(file, sizes={"B": 3})
    assert len(kept(folder)) == 3
    file.write_text(file.read_text().replace("relu", "gelu", 1))
    assert "F.gelu" in nnc.load(file).source
    assert len(kept(folder)) == 4


def test_another_compiler_does_not_believe_it(folder: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = remembered.shelf_of(str(file), args={}, sizes={})
    monkeypatch.setattr(remembered, "_made_by", lambda: "the next version")
    other = remembered.shelf_of(str(file), args={}, sizes={})
    assert shelf is not None
    assert other is not None
    assert shelf.path != other.path


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "other"])
def test_what_is_damaged_is_compiled_again(folder: Path, file: Path, damage: str) -> None:
    source = nnc.load(file).source
    (path,) = kept(folder)
    whole = path.read_bytes()
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 1
    path.write_bytes({"flip": bytes(changed), "cut": whole[:-7], "empty": b"", "other": b"#!/bin/sh\n" * 9}[damage])
    shelf = remembered.shelf_of(str(file), args={}, sizes={})
    assert shelf is not None
    assert shelf.take() is None
    assert nnc.load(file).source == source
    assert path.read_bytes() == whole


def test_a_folder_that_others_can_write_to_is_not_believed(folder: Path, file: Path) -> None:
    nnc.load(file)
    folder.chmod(0o777)
    assert remembered.shelf_of(str(file), args={}, sizes={}) is None
    folder.chmod(0o700)
    assert remembered.shelf_of(str(file), args={}, sizes={}) is not None


def test_a_link_is_not_believed(tmp_path: Path, folder: Path, file: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    assert remembered.shelf_of(str(file), args={}, sizes={}) is None


def test_it_can_be_turned_off(folder: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NNC_CACHE", "")
    nnc.load(file)
    assert not folder.exists()


def test_only_so_many_are_kept(folder: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "MOST_KEPT", 2)
    (folder / "mine.txt").parent.mkdir()
    (folder / "mine.txt").write_text("not nnc's")
    folder.chmod(0o700)
    for batch in (1, 2, 3):
        nnc.load(file, sizes={"B": batch})
    assert len(list(folder.glob("*.network"))) == 2
    assert (folder / "mine.txt").exists()


@pytest.mark.parametrize("section", ["weights: {file: other.pt}", "description: see zoo:lenet5"])
def test_what_depends_on_other_files_is_not_kept(folder: Path, file: Path, section: str) -> None:
    file.write_text(file.read_text() + section + "\n")
    with pytest.raises(nnc.Failure) if "weights" in section else nullcontext():
        nnc.load(file)
    assert kept(folder) == []


def test_a_file_that_changes_meanwhile_is_not_kept(folder: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def compile_later(*given: Any, **options: Any) -> Compilation:
        file.write_text(file.read_text() + "# changed\n")
        return compile_file(*given, **options)

    monkeypatch.setattr("nnc.compiler.driver.compile_file", compile_later)
    nnc.load(file)
    assert kept(folder) == []


def test_faults_are_said_every_time(folder: Path, file: Path) -> None:
    file.write_text(file.read_text().replace("fc7: Linear", "fc7: Linaer"))
    for _ in range(2):
        with pytest.raises(SpecError, match="Linaer"):
            nnc.load(file)


def test_an_error_at_run_time_knows_its_line(folder: Path, file: Path) -> None:
    line = next(i for i, text in enumerate(file.read_text().splitlines(), 1) if "fc0:" in text)
    for _ in range(2):
        model = nnc.load(file)
        with pytest.raises(RuntimeError) as caught:
            model(torch.zeros(2, 9))
        place = place_of(caught.value)
        assert place is not None
        assert (place.source.name, place.line) == (str(file), line)
