"""Single flipped bits and cut files: every one is noticed, the file is named, and the checkpoint before is used."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors.torch import load_file

from nnc.runtime.failure import Failure
from nnc.runtime.runs import ARTIFACT
from nnc.runtime.saving.artifact import load
from nnc.runtime.saving.checkpoint import MANIFEST, CheckpointFolder
from tests.reliability.tally import Tally
from tests.reliability.trial import checkpoints_of

__all__ = ["Damage", "cut", "damaged_artifact", "damaged_checkpoint", "flipped", "unnoticed_by_safetensors"]

Damage = Callable[[bytes, random.Random], tuple[bytes, str]]


def flipped(content: bytes, chance: random.Random) -> tuple[bytes, str]:
    """One bit, anywhere."""
    at, bit = chance.randrange(len(content)), chance.randrange(8)
    return content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :], f"bit {bit} of byte {at}"


def cut(content: bytes, chance: random.Random) -> tuple[bytes, str]:
    """Cut short, by anything from one byte to all."""
    length = len(content) - 1 if chance.random() < 0.1 else chance.randrange(len(content))
    return content[:length], f"cut to {length} bytes"


def damaged_checkpoint(run: Path, damage: Damage, trials: int, seed: int) -> Tally:
    """As many damages to files of the newest checkpoint of a run, larger files more often. None may go unnoticed."""
    folder, chance, tally = checkpoints_of(run), random.Random(seed), Tally()
    before, newest = folder.names()[-2:]
    parts = sorted((folder.path / newest).iterdir())
    for _ in range(trials):
        sizes = [p.stat().st_size for p in parts]
        part = chance.choices(parts, sizes)[0] if chance.random() < 0.5 else chance.choice(parts)
        with damaging(part, damage, chance) as what:
            tally.add(_fault_of(folder, before, part, what), part.name)
    return tally


def _fault_of(folder: CheckpointFolder, before: str, part: Path, what: str) -> str:
    try:
        found, wrong = folder.newest()
    except Exception as error:
        return f"{part.name}, {what}: {type(error).__name__}: {error}"
    if found is None or found.name != before or len(wrong) != 1:
        return f"{part.name}, {what}: was not noticed"
    named = (
        str(part.parent if part.name == MANIFEST else part) in wrong[0]
    )  # what a manifest says may blame another part
    return "" if named else f"{part.name}, {what}: {wrong[0]}"


def damaged_artifact(run: Path, damage: Damage, trials: int, seed: int) -> Tally:
    """As many damages to the saved model of a run."""
    path, chance, tally = run / ARTIFACT, random.Random(seed), Tally()
    for _ in range(trials):
        with damaging(path, damage, chance) as what:
            try:
                load(path)
                tally.add(f"{what}: was not noticed")
            except Failure as failure:
                tally.add("" if str(path) in str(failure) else f"{what}: {failure}")
    return tally


def unnoticed_by_safetensors(run: Path, trials: int, seed: int) -> Tally:
    """The same flips, the file opened with safetensors alone: how many it notices."""
    path, chance, tally = run / ARTIFACT, random.Random(seed), Tally()
    for _ in range(trials):
        with damaging(path, flipped, chance) as what:
            try:
                load_file(path)
                tally.add(f"{what}: was not noticed")
            except Exception:
                tally.add()
    return tally


@contextmanager
def damaging(path: Path, damage: Damage, chance: random.Random) -> Iterator[str]:
    """A damaged file in the place of a good one: a new one, as what is mapped from the old is in use."""
    content = path.read_bytes()
    broken, what = damage(content, chance)
    path.unlink()
    path.write_bytes(broken)
    try:
        yield what
    finally:
        path.unlink()
        path.write_bytes(content)
