"""`nnc train --processes 2`: processes that are started, told apart, and ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nnc.runtime.failure import Failure
from nnc.runtime.parallel.launch import _code
from tests.parallel.helpers import write_images
from tests.parallel.test_specs import DATA, HEAD, PLAIN, TRAIN


def nnc(folder: Path, *arguments: str, command: tuple[str, ...] = ("-m", "nnc")) -> subprocess.CompletedProcess[str]:
    """The command as a user starts it."""
    root = Path(__file__).parents[2]
    variables = {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1", "HOME": str(folder), "PATH": os.environ["PATH"]}
    return subprocess.run(
        [sys.executable, *command, "train", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env=variables,
        timeout=200,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_images(tmp_path / "train.npz")
    (tmp_path / "spec.yaml").write_text(HEAD + PLAIN + DATA + TRAIN)
    return tmp_path


def test_two_processes(folder: Path) -> None:
    """Progress is shown once, and there is one result."""
    done = nnc(folder, "spec.yaml", "--processes", "2", "--parallel", "fsdp", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "finished"
    assert done.stderr.count("epoch 2/2") == 1
    assert "processes: 2, fsdp" in done.stderr
    assert (folder / "runs" / "t-1" / "model.safetensors").is_file()


@pytest.mark.nightly
def test_torchrun(folder: Path) -> None:
    command = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "nnc")
    done = nnc(folder, "spec.yaml", command=command)
    assert done.returncode == 0, done.stderr
    assert "processes: 2, ddp" in done.stderr
    assert done.stdout.count("model ") == 1


def test_a_fault_is_shown_once(folder: Path) -> None:
    (folder / "spec.yaml").write_text(HEAD + PLAIN + DATA.replace("train.npz", "trian.npz") + TRAIN)
    done = nnc(folder, "spec.yaml", "--processes", "2")
    assert done.returncode == 1
    assert done.stderr.count("error[NNC0814]") == 1
    assert "of 2" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("failed", "expected"),
    [
        ({0: 1}, 1),
        ({0: -signal.SIGTERM, 1: 3}, 3),  # ended because the other had failed
        ({0: 143, 1: 143}, 143),
        ({0: -signal.SIGTERM}, 1),
    ],
)
def test_the_exit_code_is_that_of_the_first_that_failed(failed: dict[int, int], expected: int) -> None:
    assert _code(failed, 2) == expected


def test_a_killed_process_is_named() -> None:
    with pytest.raises(Failure, match="rank 1 of 4 was ended by SIGKILL") as caught:
        _code({0: 1, 1: -9, 2: -signal.SIGTERM}, 4)
    assert "memory" in str(caught.value)
