"""A run and a saved model say what they were made with, from and when; asking git runs nothing that a repository names."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nnc.runtime.data.datasets import Columns, Samples
from nnc.runtime.data.fingerprint import MOST_BYTES, fingerprint
from nnc.runtime.data.windows import Windows
from nnc.runtime.failure import Failure
from nnc.runtime.saving.artifact import load_with_header
from nnc.runtime.saving.header import read_header
from nnc.runtime.saving.provenance import git_state, provenance_of, provenance_rows, versions
from tests.reliability.trial import go_on, write_project
from tests.runtime.helpers import write_images

GIT = shutil.which("git")
needs_git = pytest.mark.skipif(GIT is None, reason="git is not installed")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "spec.yaml").write_text("nnc: 1\n")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "first")
    return folder


def git(folder: Path, *command: str) -> str:
    assert GIT is not None
    done = subprocess.run([GIT, "-C", str(folder), *command], check=True, capture_output=True, text=True)
    return done.stdout.strip()


# -- the code ----------------------------------------------------------------------------------------------------------


@needs_git
def test_the_revision_and_whether_files_differ_from_it(repository: Path) -> None:
    revision = git(repository, "rev-parse", "HEAD")
    assert git_state(repository) == {"revision": revision, "dirty": False}
    (repository / "new.txt").write_text("not tracked")
    assert git_state(repository) == {"revision": revision, "dirty": False}
    (repository / "spec.yaml").write_text("nnc: 2\n")
    assert git_state(repository) == {"revision": revision, "dirty": True}


@needs_git
def test_without_a_repository_or_a_revision_nothing_is_said(tmp_path: Path) -> None:
    assert git_state(tmp_path) is None
    git(tmp_path, "init", "-q")
    assert git_state(tmp_path) is None
    assert "git" not in provenance_of(tmp_path, "")


def test_without_git_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_state(tmp_path) is None


@needs_git
@pytest.mark.parametrize("place", ["fsmonitor", "clean filter", "process filter", "required filter", "hook"])
def test_nothing_that_a_repository_names_is_run(repository: Path, tmp_path: Path, place: str) -> None:
    """A repository that somebody unpacked may name programs in its configuration. The canary sings for plain git, where git
    would run it at all, and never for us."""
    sung, song = tmp_path / "sung", tmp_path / "song.sh"
    song.write_text(f"#!/bin/sh\ntouch {sung}\ncat\n")
    song.chmod(0o755)
    if place == "fsmonitor":
        git(repository, "config", "core.fsmonitor", str(song))
    elif place == "hook":
        hook = repository / ".git" / "hooks" / "post-index-change"
        hook.parent.mkdir(exist_ok=True)
        shutil.copy(song, hook)
    else:
        (repository / ".gitattributes").write_text("*.yaml filter=canary\n")
        git(repository, "config", f"filter.canary.{'process' if place == 'process filter' else 'clean'}", str(song))
        git(repository, "config", "filter.canary.required", "true" if place == "required filter" else "false")
    (repository / "spec.yaml").write_text("nnc: 3\n")
    os.utime(repository / "spec.yaml", (1, 1))
    state = git_state(repository)
    assert not sung.exists()
    assert state is not None
    assert state["dirty"] is True
    subprocess.run([str(GIT), "-C", str(repository), "status"], capture_output=True, timeout=20, check=False)
    assert sung.exists(), "the canary would have sung"


# -- the data ----------------------------------------------------------------------------------------------------------


def columns(**fields: torch.Tensor) -> Columns:
    return Columns(fields, None)


def test_equal_data_have_equal_fingerprints_and_other_data_others() -> None:
    x, y = torch.arange(24.0).reshape(6, 4), torch.arange(6)
    first = fingerprint([columns(x=x, y=y)])
    assert len(first) == 32
    assert fingerprint([columns(x=x.clone(), y=y.clone())]) == first
    changed = x.clone()
    changed[3, 2] += 1e-3
    others = [
        [columns(x=changed, y=y)],
        [columns(x=x, y=y.flip(0))],
        [columns(x=x[:5], y=y[:5])],
        [columns(x=x.double(), y=y)],
        [columns(x=x.reshape(6, 2, 2), y=y)],
        [columns(z=x, y=y)],
        [columns(x=x, y=y), columns(x=x, y=y)],
        [Columns({"x": x, "y": y}, ("a", "b"))],
    ]
    assert len({first, *map(fingerprint, others)}) == len(others) + 1


@pytest.mark.parametrize("dtype", ["<u2", ">u2", "<i4", "|u1"])
def test_arrays_mapped_from_files_in_any_byte_order(tmp_path: Path, dtype: str) -> None:
    def stream(values: Any) -> str:
        path = tmp_path / "t.npy"
        np.save(path, np.asarray(values, dtype=dtype))
        windows = Windows([np.load(path, mmap_mode="r")], torch.zeros(1, dtype=torch.int64), torch.zeros(1), 4, 1)
        return fingerprint([Columns({}, None, windows=windows, windowed=("x", "y"))])

    assert stream(range(20)) == stream(range(20))
    assert stream(range(20)) != stream(range(1, 21))


def test_of_large_arrays_rows_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cost is bounded; the first and the last row always count."""
    monkeypatch.setattr("nnc.runtime.data.fingerprint.MOST_BYTES", 400)
    x = torch.zeros(1000, 4)
    first = fingerprint([columns(x=x)])
    for row in (0, -1):
        changed = x.clone()
        changed[row] = 1
        assert fingerprint([columns(x=changed)]) != first
    assert MOST_BYTES > 400


def test_names_and_sizes_of_files_count_and_neither_times_nor_the_place(tmp_path: Path) -> None:
    from torchvision.datasets import ImageFolder

    def folder(name: str) -> Path:
        for i in range(4):
            path = tmp_path / name / ("cat" if i % 2 else "dog") / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bytes(10 + i))
        return tmp_path / name

    def print_of(path: Path) -> str:
        return fingerprint([Samples(ImageFolder(str(path)), ("image", "label"), ("cat", "dog"))])

    one, other = folder("one"), folder("other")
    os.utime(other / "cat" / "1.png", (1, 1))
    assert print_of(one) == print_of(other)
    (other / "cat" / "1.png").write_bytes(bytes(99))
    assert print_of(one) != print_of(other)
    (one / "cat" / "1.png").rename(one / "dog" / "1.png")
    assert print_of(one) != print_of(folder("third"))


# -- a run -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("provenance")
    go_on(write_project(folder), folder / "run")
    return folder / "run"


def test_the_saved_model_says_what_the_run_was_begun_with(run: Path) -> None:
    begun = json.loads((run / "run.json").read_text())["provenance"]
    header = read_header(run / "model.safetensors")
    assert begun.pop("begun").endswith("+00:00")
    assert "begun" not in header.provenance  # equal runs save equal files
    assert {k: header.provenance[k] for k in begun} == begun
    assert begun["seed"] == 7
    assert begun["versions"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert set(versions()) == {"nnc", "python", "torch", "torchvision"}
    assert len(begun["data"]) == 32
    assert begun["platform"]


def test_other_data_are_refused_on_resume(tmp_path: Path) -> None:
    spec = write_project(tmp_path)
    go_on(spec, tmp_path / "run")
    write_images(tmp_path / "train.npz", seed=1)
    with pytest.raises(Failure, match="the data are not those that the run was begun with") as caught:
        go_on(spec, tmp_path / "run")
    assert caught.value.code == "NNC0902"
    write_images(tmp_path / "train.npz")
    go_on(spec, tmp_path / "run")


def test_it_is_shown(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from nnc.cli.main import main

    assert main(["summary", str(run / "model.safetensors")]) == 0
    shown = capsys.readouterr().out
    assert main(["runs", str(run)]) == 0
    listed = capsys.readouterr().out
    data = read_header(run / "model.safetensors").provenance["data"]
    for text in (shown, listed):
        assert f"torch {versions()['torch']}" in text
        assert data in text
    assert "measured" in shown
    assert main(["summary", str(run / "model.safetensors"), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["saved"]["provenance"]["data"] == data


def test_the_summary_of_a_saved_model_imports_no_torch(run: Path) -> None:
    script = "import sys; from nnc.cli.main import main; main(sys.argv[1:]); sys.exit('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script, "summary", str(run / "model.safetensors")], capture_output=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("value", [None, 3, "x", [], {"revision": 7}, {"revision": "a" * 99, "dirty": "yes"}])
def test_what_a_file_says_is_shown_only_where_it_is_what_we_write(value: Any) -> None:
    keys = ("versions", "begun", "platform", "git", "data", "seed")
    for name, text in provenance_rows(dict.fromkeys(keys, value)):
        assert isinstance(name, str)
        assert isinstance(text, str)


def test_a_model_saved_by_hand_has_the_versions_alone(tmp_path: Path) -> None:
    import nnc

    path = nnc.save(nnc.load("zoo:lenet5"), tmp_path / "m.safetensors")
    assert load_with_header(path)[1].provenance == {"versions": versions()}
