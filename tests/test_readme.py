"""The README stays true: its commands run and print what it shows, its Python runs, its links lead somewhere."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def commands() -> list[tuple[str, str]]:
    """Every `$ command` of the console blocks, with the output shown below it ("" where none is shown)."""
    found = []
    for block in blocks("console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, output = part.partition("\n")
            found.append((line, output.strip()))
    return found


@pytest.mark.parametrize(("line", "shown"), [c for c in commands() if c[0].startswith("nnc ")], ids=lambda v: v[:40])
def test_a_command_runs_and_prints_what_is_shown(line: str, shown: str, tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    argv = [sys.executable, "-m", *shlex.split(line)]
    env = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "120"}
    done = subprocess.run(argv, capture_output=True, text=True, cwd=tmp_path, env=env, timeout=300)
    assert done.returncode == ("error[" in shown), done.stdout + done.stderr
    if shown:
        assert done.stdout.strip().startswith(shown) or shown in done.stdout


def test_the_other_commands_are_the_two_that_set_everything_up() -> None:
    others = [line for line, _ in commands() if not line.startswith("nnc ")]
    assert others == ["make demo"]
    assert "`make test`" in README


def test_the_python_runs() -> None:
    code = "\n".join(blocks("python"))
    done = subprocess.run(
        [sys.executable, "-c", code + "\nprint(sum(p.numel() for p in model.parameters()))"],
        capture_output=True, text=True, cwd=ROOT, timeout=300,
    )  # fmt: skip
    assert done.stdout.strip() == "63066", done.stderr


def test_the_spec_shown_is_the_one_that_ships() -> None:
    (shown,) = blocks("yaml")
    shipped = (ROOT / "specs" / "lenet5.yaml").read_text(encoding="utf-8")
    assert shown.strip().removeprefix("# lenet5.yaml\n") == shipped.strip()


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)|src=\"([^\"]+)\"", README):
        path = next(t for t in target if t)
        assert (ROOT / path).exists(), path
