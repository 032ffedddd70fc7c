"""Every hostile file is refused with a reason, in two seconds and a gibibyte, and has no effect; the canaries would sing."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from tests.hostile.cases import CASES, Case, Song, mark_of, victim_of
from tests.hostile.confined import confined
from tests.runtime.killing import started

SECRET = "nobody may write here"
RESULTS = (1, 2)  # findings, or misuse: what cannot be read


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_it_is_refused_and_has_no_effect(case: Case, tmp_path: Path) -> None:
    fault = tried(case, tmp_path)
    assert not fault, fault


def tried(case: Case, tmp_path: Path) -> str:
    """What is wrong with how a case ended; "" for nothing."""
    folder = tmp_path / "case"
    folder.mkdir()
    victim_of(folder).write_text(SECRET)
    command = case.build(folder)
    before = contents(folder)
    ended = confined(command, folder)
    if ended.code not in RESULTS:
        return f"{' '.join(command)} ended with {ended.code}: {ended.said[-1500:]}"
    if case.reason not in ended.said:
        return f"it does not say `{case.reason}`: {ended.said[-1500:]}"
    if "Traceback" in ended.said or "internal error" in ended.said:
        return ended.said[-1500:]
    if mark_of(folder).exists():
        return "the canary sang"
    if victim_of(folder).read_text() != SECRET:
        return "a file elsewhere was written to"
    if ended.seconds > 2 or ended.megabytes > 1024:
        return f"it took {ended.seconds} s and {ended.megabytes} MiB"
    changed = {k for k, v in contents(folder).items() if before.get(k) != v and k not in UNUSED} | (
        before.keys() - contents(folder).keys()
    )
    return f"it changed {sorted(changed)}" if changed else ""


UNUSED = {"run", "run/.lock", "run/log.jsonl"}  # made when a run begins, before there is anything in it


def contents(folder: Path) -> dict[str, object]:
    """Names, and what is in the files; of a link where it points to."""
    found: dict[str, object] = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = path.readlink()
        elif path.is_file() and path.stat().st_size < 1 << 26:
            found[name] = path.read_bytes()
        else:
            found[name] = path.stat().st_mode
    return found


# -- the canaries ------------------------------------------------------------------------------------------------------


def naive_pickle(path: str) -> None:
    pickle.loads(Path(path).read_bytes())  # noqa: S301  # this is what must not be done


def naive_torch(path: str) -> None:
    torch.load(io.BytesIO(Path(path).read_bytes()), weights_only=False)


def naive_numpy(path: str) -> None:
    with np.load(path, allow_pickle=True) as arrays:
        list(arrays.values())


def naive_yaml(path: str) -> None:
    yaml.unsafe_load(Path(path).read_text())  # this is what must not be done


def naive_import(path: str) -> None:
    exec(Path(path).read_text())  # noqa: S102  # this is what must not be done


NAIVE = {
    "a pickle named .pt": ("w.pt", naive_pickle),
    "a payload in torch's file": ("w.pt", naive_torch),
    "a payload in torch's old file": ("w.pth", naive_torch),
    "a pickle named .safetensors": ("w.safetensors", naive_torch),
    "an array of objects": ("d.npz", naive_numpy),
    "a pickle named .parquet": ("d.parquet", naive_pickle),
    "a pickle as a model": ("m.safetensors", naive_torch),
    "a Python object": ("spec.yaml", naive_yaml),
    "own code without trust": ("mine.py", naive_import),
    "a model with own code": ("mine.py", naive_import),
    "a pickle to predict": ("x.pkl", naive_pickle),
    "a torch file to predict": ("x.pt", naive_torch),
}


@pytest.mark.parametrize("name", NAIVE)
def test_the_canary_sings_for_naive_loading(name: str, tmp_path: Path) -> None:
    """In a process of its own: what it does is what must not be done."""
    folder = tmp_path / "case"
    folder.mkdir()
    next(c for c in CASES if c.name == name).build(folder)
    file, load = NAIVE[name]
    process = started(load, str(folder / file))
    process.join(60)
    assert mark_of(folder).exists()
    assert Song(folder).command


def test_a_link_that_is_followed_would_be_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "case"
    folder.mkdir()
    victim_of(folder).write_text(SECRET)
    next(c for c in CASES if c.name == "a run whose log.jsonl is a link").build(folder)
    with (folder / "run" / "log.jsonl").open("a") as stream:
        stream.write("{}")
    assert victim_of(folder).read_text() != SECRET
