"""`nnc` as a function: runs the command in this process, in an empty folder, and returns what it printed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from nnc.cli import main


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


Nnc = Callable[..., Result]

LENET = """\
nnc: 1
name: lenet
inputs: {image: [B, 1, H, W]}
args: {classes: 10}
layers:
  conv: Conv2d(6, 5)
  act: relu
  pool: AdaptiveAvgPool2d(4)
  flat: flatten(1)
  fc: Linear(classes)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with `lenet.yaml` in it; no setting of the developer's terminal shows through."""
    for name in ("FORCE_COLOR", "NO_COLOR", "NNC_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lenet.yaml").write_text(LENET)
    return tmp_path


@pytest.fixture
def nnc(folder: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> Nnc:
    def run(*argv: str) -> Result:
        code = main(list(argv))
        out, err = capsysbinary.readouterr()
        return Result(code, out.decode(), err.decode())

    return run
