"""`--weights` on the command line, and what `weights:` and `freeze:` show there."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nnc.api import load
from nnc.cli.exits import FINDINGS, MISUSE, OK


@pytest.fixture
def trained(folder: Path) -> Path:
    torch.manual_seed(7)
    torch.save({f"module.{n}": t for n, t in load("lenet.yaml").state_dict().items()}, folder / "trained.pt")
    return folder / "trained.pt"


def test_compile_with_weights(nnc, folder: Path, trained: Path) -> None:
    ended = nnc("compile", "lenet.yaml", "--weights", '{file: trained.pt, rename: {"module.": ""}}')
    assert (ended.code, ended.out) == (OK, "")
    assert ended.err.splitlines() == ["transferred 4 of 4 tensors from trained.pt", "wrote lenet.safetensors"]
    saved = load("lenet.safetensors").state_dict()
    assert all(torch.equal(saved[n.removeprefix("module.")], t) for n, t in torch.load(trained).items())


def test_a_part_is_accounted_for(nnc, folder: Path, trained: Path) -> None:
    written = '{file: trained.pt, strict: false, rename: {"module.": ""}}'
    ended = nnc("compile", "lenet.yaml", "--set", "classes=3", "--weights", written)
    assert ended.code == OK
    assert "transferred 2 of 4 tensors" in ended.err
    assert "of another shape: fc.weight is [10, 96], in the network [3, 96]" in ended.err


def test_what_does_not_fit_is_said_with_a_hint(nnc, folder: Path, trained: Path) -> None:
    ended = nnc("compile", "lenet.yaml", "--weights", "trained.pt")
    assert ended.code == FINDINGS
    assert "error[NNC0921]" in ended.err
    assert '`rename: {"module.": ""}` would make names fit' in ended.err
    assert not (folder / "lenet.safetensors").exists()


def test_the_form_of_the_option(nnc, folder: Path) -> None:
    ended = nnc("compile", "lenet.yaml", "--weights", "{fil: trained.pt}")
    assert ended.code == MISUSE
    assert "no key `fil`" in ended.err


def test_the_section_of_the_spec(nnc, folder: Path, trained: Path) -> None:
    (folder / "models").mkdir()
    text = (folder / "lenet.yaml").read_text()
    (folder / "models" / "own.yaml").write_text(
        text + 'weights: {file: ../trained.pt, rename: {"module.": ""}}\nfreeze: conv\n'
    )
    assert nnc("check", "models/own.yaml").code == OK
    assert "transferred 4 of 4" in nnc("compile", "models/own.yaml", "-o", "out").err
    assert "(970 trainable, 156 frozen)" in nnc("summary", "models/own.yaml").out
    assert "self.conv.requires_grad_(False)" in nnc("compile", "models/own.yaml", "--stop-after", "emit").out
    trained.unlink()
    assert nnc("check", "models/own.yaml").code == OK
    ended = nnc("compile", "models/own.yaml", "-o", "out")
    assert ended.code == FINDINGS
    assert "models/own.yaml:11:17" in ended.err
