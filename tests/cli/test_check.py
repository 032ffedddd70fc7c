"""`nnc check`: what it prints, in each format."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nnc.cli.exits import FINDINGS, MISUSE, OK
from nnc.specs import families

WRONG = """\
nnc: 1
inputs: {x: [B, 8]}
layers:
  fc: Linear(10, bais=True)
  act: reluu(x)
"""


@pytest.fixture
def wrong(folder: Path) -> str:
    (folder / "wrong.yaml").write_text(WRONG)
    return "wrong.yaml"


def test_a_sound_spec(nnc) -> None:
    ended = nnc("check", "lenet.yaml")
    assert ended.code == OK
    assert ended.err == ""
    assert ended.out == (
        "lenet.yaml: ok\n  image: [B, 1, H, W] → [B, 10]\n  requires H >= 5, W >= 5\n  for example H=5, W=5\n"
    )


def test_arguments_and_sizes(nnc) -> None:
    ended = nnc("check", "lenet.yaml", "--set", "classes=3", "--size", "B=2,H=9", "--size", "W=9")
    assert ended.out == "lenet.yaml: ok\n  image: [2, 1, 9, 9] → [2, 3]\n"


def test_a_size_that_breaks_a_requirement_is_a_finding(nnc) -> None:
    ended = nnc("check", "lenet.yaml", "--size", "H=4,W=9")
    assert ended.code == FINDINGS
    assert "lenet.yaml:6:19" in ended.out


@pytest.mark.parametrize("option", [["--set", "clases=3"], ["--size", "X=3"]])
def test_an_argument_that_the_spec_does_not_have(nnc, option: list[str]) -> None:
    ended = nnc("check", "lenet.yaml", *option)
    assert ended.code == FINDINGS
    assert "NNC0709" in ended.out


def test_every_fault_is_shown(nnc, wrong: str) -> None:
    ended = nnc("check", wrong)
    assert ended.code == FINDINGS
    assert "wrong.yaml:4:18" in ended.out
    assert "did you mean `bias`?" in ended.out
    assert "wrong.yaml:5:8" in ended.out
    assert ended.out.endswith("\nwrong.yaml: 2 errors\n")
    assert "\x1b" not in ended.out


def test_several_files(nnc, wrong: str) -> None:
    ended = nnc("check", wrong, "nowhere.yaml", "lenet.yaml")
    assert ended.code == MISUSE
    assert "wrong.yaml: 2 errors\n" in ended.out
    assert "nowhere.yaml: 1 error\n" in ended.out
    assert "lenet.yaml: ok\n" in ended.out


def test_color_where_it_is_asked_for(nnc, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[1;31merror" in nnc("check", wrong).out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in nnc("check", wrong).out


def test_concise(nnc, wrong: str) -> None:
    ended = nnc("check", "lenet.yaml", wrong, "--format", "concise")
    assert ended.code == FINDINGS
    assert [line.split(": ")[0] for line in ended.out.splitlines()] == ["wrong.yaml:4:18", "wrong.yaml:5:8"]


def test_concise_says_nothing_of_sound_files(nnc) -> None:
    assert nnc("check", "lenet.yaml", "--format", "concise").out == ""


def test_json_of_a_sound_spec(nnc) -> None:
    ended = nnc("check", "lenet.yaml", "--format", "json")
    assert ended.code == OK
    assert json.loads(ended.out) == {
        "version": 1,
        "files": [
            {
                "file": "lenet.yaml",
                "ok": True,
                "diagnostics": [],
                "inputs": [{"name": "image", "shape": ["B", 1, "H", "W"], "dtype": "float32"}],
                "outputs": [{"name": None, "shape": ["B", 10], "dtype": "float32", "train_only": False}],
                "requirements": [
                    {"text": "H >= 5", "dimensions": ["H"], "symbol": "H", "minimum": 5},
                    {"text": "W >= 5", "dimensions": ["W"], "symbol": "W", "minimum": 5},
                ],
                "example": {"H": 5, "W": 5},
            }
        ],
    }


def test_json_of_faults(nnc, wrong: str) -> None:
    (file,) = json.loads(nnc("check", wrong, "--format", "json").out)["files"]
    assert not file["ok"]
    first, second = file["diagnostics"]
    assert (first["code"], first["line"], first["column"]) == ("NNC0302", 4, 18)
    assert second["code"] == "NNC0301"
    assert "inputs" not in file


def test_sarif_and_github(nnc, wrong: str) -> None:
    sarif = json.loads(nnc("check", wrong, "--format", "sarif").out)
    assert [r["ruleId"] for r in sarif["runs"][0]["results"]] == ["NNC0302", "NNC0301"]
    annotations = nnc("check", wrong, "--format", "github").out.splitlines()
    assert [a.split(",")[0] for a in annotations] == ["::error file=wrong.yaml"] * 2


def test_standard_input(folder: Path) -> None:
    def check(data: bytes) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "nnc", "check", "-"]
        root = Path(__file__).parents[2]
        return subprocess.run(command, cwd=root, input=data, capture_output=True, timeout=60, check=False)

    sound = check((folder / "lenet.yaml").read_bytes())
    assert (sound.returncode, sound.stdout.splitlines()[0]) == (OK, b"-: ok")
    faulty = check(WRONG.encode())
    assert faulty.returncode == FINDINGS
    assert b"<stdin>:4:18" in faulty.stdout
    assert check(b"nnc: \xff").returncode == MISUSE


@pytest.mark.parametrize("name", families())
def test_every_spec_that_ships_is_sound(nnc, name: str) -> None:
    ended = nnc("check", f"zoo:{name}")
    assert ended.code == OK
    assert ended.out.startswith(f"zoo:{name}: ok\n")


# -- hostile names and texts -------------------------------------------------------------------------------------------


HOSTILE_NAMES = ["\x1b[2Jclear.yaml", "new\nline.yaml", "\u202elmay.yaml", "-dash.yaml", "sp ace.yaml", "%s{0}.yaml"]
HOSTILE_TEXTS = ["", "\x00", "[" * 30_000, "- " * 30_000, "a: &a [*a]", "nnc: 1\nlayers: {a: Linear(10)}\n"]


@pytest.mark.parametrize("name", [*HOSTILE_NAMES, os.fsdecode(b"\xff.yaml")], ids=ascii)
def test_hostile_file_names(nnc, folder: Path, name: str) -> None:
    try:
        (folder / name).write_text(WRONG)
    except (OSError, UnicodeEncodeError):
        pytest.skip("this file system has no such name")
    for form in ("text", "concise", "json", "sarif", "github"):
        ended = nnc("check", "--format", form, "--", name)
        assert ended.code == FINDINGS
        assert ended.err == ""
        if form in ("text", "concise"):  # what a person's terminal shows
            assert ended.out.replace("\n", "").isprintable()


@pytest.mark.parametrize("text", [*HOSTILE_TEXTS, "\ufeff", "{}", "nnc: 2\n", "42"], ids=lambda t: ascii(t[:12]))
def test_hostile_texts(nnc, folder: Path, text: str) -> None:
    (folder / "net.yaml").write_text(text)
    ended = nnc("check", "net.yaml")
    assert ended.code == FINDINGS
    assert "error[NNC" in ended.out
    assert ended.err == ""


def test_how_a_shape_came_about(nnc) -> None:
    ended = nnc("check", "lenet.yaml", "--explain-shapes", "fc")
    assert ended.code == OK
    assert ended.out == (
        "lenet.yaml: ok\n"
        "  image: [B, 1, H, W] → [B, 10]\n"
        "  requires H >= 5, W >= 5\n"
        "  for example H=5, W=5\n"
        "\n"
        "fc is [B, 10]\n"
        "  image  [B, 1, H, W]          line 3\n"
        "  conv   [B, 6, H - 4, W - 4]  line 6  Conv2d(in_channels=1, out_channels=6, kernel_size=5)\n"
        "                                 2-D convolution: (N, C_in, H, W) → (N, C_out, H', W').\n"
        "                                 asks for H >= 5: a window of 5 does not fit into H\n"
        "                                 asks for W >= 5: a window of 5 does not fit into W\n"
        "  act    no change\n"
        "  pool   [B, 6, 4, 4]          line 8  AdaptiveAvgPool2d(output_size=4)\n"
        "                                 The mean of even parts, null keeps a size: (N, C, H, W) → (N, C, *output_size).\n"
        "  flat   [B, 96]               line 9  flatten(start_dim=1)\n"
        "                                 Merges the dimensions `start_dim` … `end_dim` into one: "
        "(A, B, C) → (A·B·C).\n"
        "  fc     [B, 10]               line 10  Linear(in_features=96, out_features=10)\n"
        "                                 `y = x Wᵀ + b` over the last dimension: (*, in_features) → (*, out_features).\n"
        "H >= 5 is asked for by\n"
        "  line 6  conv\n"
        "    H >= 5: a window of 5 does not fit into H\n"
        "W >= 5 is asked for by\n"
        "  line 6  conv\n"
        "    W >= 5: a window of 5 does not fit into W\n"
    )


def test_how_a_shape_came_about_as_json(nnc) -> None:
    ended = nnc("check", "lenet.yaml", "--explain-shapes", "conv", "--format", "json")
    shapes = json.loads(ended.out)["files"][0]["shapes"]
    assert shapes["layer"] == "conv"
    assert shapes["outputs"] == [{"name": None, "shape": ["B", 6, "H - 4", "W - 4"], "dtype": "float32"}]
    assert [step["path"] for step in shapes["steps"]] == ["image", "conv"]
    assert shapes["steps"][1]["demands"][0] == {"text": "H >= 5", "reason": "a window of 5 does not fit into H"}
    assert shapes["requirements"][0]["asked_by"][0]["paths"] == ["conv"]


def test_a_layer_that_is_not_there(nnc) -> None:
    ended = nnc("check", "lenet.yaml", "--explain-shapes", "cnv")
    assert ended.code == MISUSE
    assert ended.err == "nnc: error: --explain-shapes: there is no layer `cnv`: did you mean `conv`?\n"


def test_a_wrong_spec_has_no_shapes_to_explain(nnc, wrong: str) -> None:
    ended = nnc("check", wrong, "--explain-shapes", "fc")
    assert ended.code == FINDINGS
    assert ended.err == ""
