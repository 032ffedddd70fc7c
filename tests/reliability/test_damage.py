"""No damaged file is believed: neither a checkpoint's nor a saved model."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from nnc.runtime.saving.checkpoint import Damaged
from tests.reliability.damage import (
    Damage,
    cut,
    damaged_artifact,
    damaged_checkpoint,
    flipped,
    unnoticed_by_safetensors,
)
from tests.reliability.trial import checkpoints_of, ending, go_on, write_project

FEW = {"flipped bits": (flipped, 60), "cut files": (cut, 30)}
MANY = {"1,000 flipped bits": (flipped, 1000), "500 cut files": (cut, 500)}
CASES = [
    *(pytest.param(*case, id=name) for name, case in FEW.items()),
    *(pytest.param(*case, id=name, marks=pytest.mark.nightly) for name, case in MANY.items()),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("damage")
    go_on(write_project(folder), folder / "run")
    return folder / "run"


@pytest.mark.parametrize(("damage", "trials"), CASES)
def test_a_damaged_checkpoint_is_refused_and_the_one_before_used(run: Path, damage: Damage, trials: int) -> None:
    tally = damaged_checkpoint(run, damage, trials, seed=1)
    assert tally.whole, tally
    assert set(tally.seen) == {"model.safetensors", "state.safetensors", "state.json", "manifest.json"}


@pytest.mark.parametrize(("damage", "trials"), CASES)
def test_a_damaged_saved_model_is_refused(run: Path, damage: Damage, trials: int) -> None:
    tally = damaged_artifact(run, damage, trials, seed=2)
    assert tally.whole, tally


def test_a_run_goes_on_from_the_checkpoint_before(tmp_path: Path) -> None:
    """Through the whole program: the weights it ends with are the same."""
    spec = write_project(tmp_path)
    go_on(spec, tmp_path / "run")
    expected = ending(tmp_path / "run")
    folder = checkpoints_of(tmp_path / "run")
    newest = folder.names()[-1]
    part = folder.path / newest / "state.safetensors"
    part.write_bytes(bytes([part.read_bytes()[0] ^ 4]) + part.read_bytes()[1:])
    with pytest.raises(Damaged, match=r"state\.safetensors"):
        folder.load(newest)
    go_on(spec, tmp_path / "run")
    (folder.path / newest / "state.safetensors").unlink()  # what was damaged is not made good, but followed by another
    assert folder.newest()[0] is not None
    assert folder.names()[-1] > newest
    shutil.rmtree(folder.path / newest)
    assert ending(tmp_path / "run") == expected


def test_safetensors_alone_notices_few(run: Path) -> None:
    """The comparison is needed: without it most of these files load."""
    tally = unnoticed_by_safetensors(run, 60, seed=2)
    assert tally.held < tally.trials / 2
