"""`nnc compile` and `nnc render`: which files they write, and where."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from nnc.cli.commands.compile import SUFFIXES
from nnc.cli.exits import FINDINGS, MISUSE, OK
from nnc.cli.stages import STAGES
from nnc.compiler import driver


def files(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} - {"lenet.yaml"}


def test_an_artifact_is_the_default(nnc, folder: Path) -> None:
    ended = nnc("compile", "lenet.yaml")
    assert (ended.code, ended.out, ended.err) == (OK, "", "wrote lenet.safetensors\n")
    assert files(folder) == {"lenet.safetensors"}


def test_the_same_spec_and_seed_give_the_same_file(nnc, folder: Path) -> None:
    for where, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert nnc("compile", "lenet.yaml", "--seed", seed, "-o", where).code == OK
    a, b, c = ((folder / where / "lenet.safetensors").read_bytes() for where in "abc")
    assert a == b
    assert a != c


def test_several_forms_at_once(nnc, folder: Path) -> None:
    ended = nnc(
        "compile", "--render", "lenet.yaml", "--emit", "python", "--emit", "json", "--render=mmd", "-o", "out/deep"
    )
    assert ended.code == OK
    assert files(folder) == {f"out/deep/lenet.{suffix}" for suffix in ("py", "json", "svg", "mmd")}
    assert "class Lenet(nn.Module)" in (folder / "out/deep/lenet.py").read_text()
    assert json.loads((folder / "out/deep/lenet.json").read_text())["format"] == "nnc-graph"
    assert ET.fromstring((folder / "out/deep/lenet.svg").read_text()).tag.endswith("svg")


@pytest.mark.parametrize("kind", SUFFIXES)
def test_every_kind_is_written(nnc, folder: Path, kind: str) -> None:
    assert nnc("compile", "lenet.yaml", "--emit", kind, "-o", "out").code == OK
    assert files(folder) == {f"out/lenet{SUFFIXES[kind]}"}


def test_the_canonical_spec_says_the_same(nnc, folder: Path) -> None:
    assert nnc("compile", "lenet.yaml", "--emit", "yaml", "-o", "out").code == OK
    assert "type: Conv2d" in (folder / "out/lenet.yaml").read_text()
    before, after = (json.loads(nnc("check", f, "--format", "json").out) for f in ("lenet.yaml", "out/lenet.yaml"))
    assert before["files"][0] | {"file": ""} == after["files"][0] | {"file": ""}


def test_it_never_writes_over_the_spec(nnc, folder: Path) -> None:
    before = (folder / "lenet.yaml").read_text()
    ended = nnc("compile", "lenet.yaml", "--emit", "yaml")
    assert ended.code == MISUSE
    assert "lenet.yaml is the spec itself" in ended.err
    (folder / "link").symlink_to(folder)
    assert nnc("compile", "lenet.yaml", "--emit", "yaml", "-o", "link").code == MISUSE
    (folder / "net.dot").write_text(before)
    assert nnc("render", "net.dot", "-o", "net.dot").code == MISUSE
    assert (folder / "lenet.yaml").read_text() == before


def test_files_are_named_after_the_file_whatever_the_spec_is_called(nnc, folder: Path) -> None:
    hostile = (folder / "lenet.yaml").read_text().replace("name: lenet", 'name: "../../escaped"')
    (folder / "plain.yaml").write_text(hostile)
    ended = nnc("compile", "plain.yaml", "--emit", "dot", "-o", "out")
    assert ended.code in (OK, FINDINGS)
    assert files(folder) - {"plain.yaml"} <= {"out/plain.dot"}


def test_faults_stop_it_before_anything_is_written(nnc, folder: Path) -> None:
    (folder / "lenet.yaml").write_text((folder / "lenet.yaml").read_text().replace("Linear", "Linaer"))
    ended = nnc("compile", "lenet.yaml", "--render", "-o", "out")
    assert ended.code == FINDINGS
    assert "did you mean `Linear`?" in ended.err
    assert ended.out == ""
    assert files(folder) == set()


@pytest.mark.parametrize("stage", STAGES)
def test_stop_after_prints_the_stage_and_writes_nothing(nnc, folder: Path, stage: str) -> None:
    ended = nnc("compile", "lenet.yaml", "--stop-after", stage)
    assert (ended.code, ended.err) == (OK, "")
    said = {
        "source": '"conv": "Conv2d(6, 5)"',
        "schema": "conv: {type: Conv2d, out_channels: 6, kernel_size: 5}",
        "elaborate": "[B, 6, H - 4, W - 4]",
        "requirements": "requires H >= 5, W >= 5",
        "passes": "[B, 6, H - 4, W - 4]",
        "verify": "[B, 6, H - 4, W - 4]",
        "emit": "nn.Conv2d(1, 6, kernel_size=5)",
    }
    assert said[stage] in ended.out
    assert files(folder) == set()


def test_every_stage_of_the_driver_can_be_stopped_at() -> None:
    assert STAGES[:-1] == driver.STAGES


def test_stop_after_an_early_stage_does_not_ask_for_more(nnc, folder: Path) -> None:
    (folder / "lenet.yaml").write_text((folder / "lenet.yaml").read_text().replace("Conv2d(6, 5)", "Linear(6)"))
    assert nnc("compile", "lenet.yaml", "--stop-after", "schema").code == OK
    assert nnc("compile", "lenet.yaml", "--stop-after", "elaborate").code == FINDINGS


# -- render ------------------------------------------------------------------------------------------------------------

BEGINNINGS = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF", "dot": b"digraph", "mmd": b"flowchart"}


@pytest.mark.parametrize("kind", BEGINNINGS)
def test_the_suffix_says_what_is_drawn(nnc, folder: Path, kind: str) -> None:
    ended = nnc("render", "lenet.yaml", "-o", f"picture.{kind}")
    assert (ended.code, ended.err) == (OK, f"wrote picture.{kind}\n")
    assert (folder / f"picture.{kind}").read_bytes().startswith(BEGINNINGS[kind])


def test_a_drawing_is_svg_beside_you_if_nothing_is_said(nnc, folder: Path) -> None:
    assert nnc("render", "lenet.yaml").code == OK
    assert files(folder) == {"lenet.svg"}


def test_a_drawing_on_standard_output(nnc, folder: Path) -> None:
    ended = nnc("render", "lenet.yaml", "-o", "-")
    assert ended.out.startswith("<?xml")
    assert (ended.err, files(folder)) == ("", set())


def test_unknown_suffixes_are_misuse(nnc) -> None:
    ended = nnc("render", "lenet.yaml", "-o", "picture.gif")
    assert ended.code == MISUSE
    assert "picture.gif: a drawing ends in .svg, .png, .pdf, .dot, .mmd" in ended.err


def test_depth_once_and_expand_change_the_drawing(nnc, folder: Path) -> None:
    def dot(*options: str) -> str:
        assert nnc("render", "zoo:resnet", "-o", "net.dot", *options).code == OK
        return (folder / "net.dot").read_text()

    folded, once, plain, expanded = dot("--depth", "0"), dot("--once"), dot(), dot("--expand", "--depth", "2")
    assert len(folded) < len(once) < len(plain) < len(expanded)
    assert "rankdir=LR" in dot("--sideways")


def test_what_cannot_be_drawn_says_what_to_install(nnc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnc.compiler.backends.draw.shutil.which", lambda name: None)
    monkeypatch.setattr("nnc.compiler.backends.draw.importlib.util.find_spec", lambda name: None)
    ended = nnc("render", "lenet.yaml")
    assert ended.code == MISUSE
    assert "pip install" in ended.err
