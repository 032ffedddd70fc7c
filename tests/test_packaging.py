"""What is installed is what stands in the tree: an unlisted package would be missing from the wheel without a word."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
LINKS = {"compiler": "../compiler", "runtime": "../runtime", "specs": "../specs"}


def files_to_ship() -> set[str]:
    """Paths in the wheel of every module and spec of the tree."""
    shipped = {"nnc/py.typed"}
    for folder, home in {
        "nnc": "nnc",
        "compiler": "nnc/compiler",
        "runtime": "nnc/runtime",
        "specs": "nnc/specs",
    }.items():
        for path in (ROOT / folder).rglob("*"):
            inside = path.relative_to(ROOT / folder)
            linked = folder == "nnc" and inside.parts[0] in LINKS
            if not linked and (path.suffix == ".py" or (folder == "specs" and path.suffix in (".yaml", ".json"))):
                shipped.add(f"{home}/{inside.as_posix()}")
    return shipped


def test_the_listed_packages_are_those_of_the_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr("setuptools.setup", lambda **options: given.update(options))
    monkeypatch.chdir(ROOT)
    runpy.run_path("setup.py")
    expected = {os.path.dirname(p).replace("/", ".") for p in files_to_ship() if p.endswith((".py", "py.typed"))}
    assert set(given["packages"]) == expected
    assert len(given["packages"]) == len(expected)


def test_every_folder_with_code_is_a_package() -> None:
    folders = {p.parent for name in ("nnc", "compiler", "runtime", "specs") for p in (ROOT / name).rglob("*.py")}
    assert [f for f in folders if not (f / "__init__.py").exists()] == []


def test_the_links_are_relative() -> None:
    assert {name: os.readlink(ROOT / "nnc" / name) for name in LINKS} == LINKS


def test_the_version_is_said_once() -> None:
    import nnc

    assert "version =" not in (ROOT / "pyproject.toml").read_text().split("[project.optional-dependencies]")[0]
    assert f"## {nnc.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def copy_of_the_tree(folder: Path, *, links: bool) -> Path:
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    for name in ("nnc", "compiler", "runtime", "specs"):
        shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    if not links:  # what a clone made with core.symlinks=false has
        for name, target in LINKS.items():
            (folder / "nnc" / name).unlink()
            (folder / "nnc" / name).write_text(target)
    return folder


@pytest.mark.parametrize("links", [True, False], ids=["links", "core.symlinks=false"])
def test_the_wheel_holds_everything_and_runs(links: bool, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    tree = copy_of_the_tree(tmp_path / "tree", links=links)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(tmp_path), str(tree)],
        check=True,
        capture_output=True,
        timeout=300,
    )
    (wheel,) = tmp_path.glob("nnc-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {n for n in archive.namelist() if ".dist-info/" not in n}
        metadata = {os.path.basename(n) for n in archive.namelist() if ".dist-info/" in n}
    assert names == files_to_ship()
    assert {"LICENSE", "METADATA", "entry_points.txt"} <= metadata

    site = tmp_path / "site"
    subprocess.run(
        [*pip, "install", "--no-deps", "--no-index", "--target", str(site), str(wheel)], check=True, timeout=300
    )
    code = "import nnc, sys; print(nnc.__file__); from nnc.cli import main; sys.exit(main(['check', 'zoo:lenet5']))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(site))
    assert "zoo:lenet5: ok" in done.stdout
