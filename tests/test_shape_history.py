"""How a shape came about: the way back, the rules and demands on it, and who asks for what is required."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nnc.compiler.driver import compile_file, compile_text
from nnc.compiler.shape_history import History, NoSuchLayer, Origin, explain, origins
from nnc.specs import find

NET = """\
nnc: 1
name: net
inputs: {x: [B, 3, H, W]}
blocks:
  Windows:
    inputs: {x: [B, C, h, w]}
    args: {win: 4}
    layers:
      cut: reshape(x, B, C, h // win, win, w // win, win)
      back: reshape(cut, B, C, h, w)
layers:
  stem: Conv2d(8, 3, stride=2, padding=1)
  act: relu
  w: Windows(4)
  again: {use: w, from: act}
  up: {type: "ConvTranspose2d(3, 2, stride=2)", from: "w * again"}
  out: up + x
"""


def history(path: str, text: str = NET) -> History:
    return explain(compile_text(text).graph, path)


def asked(text: str = NET) -> tuple[Origin, ...]:
    compiled = compile_text(text)
    assert compiled.solution is not None
    return origins(compiled.graph, compiled.solution)


def test_the_way_from_the_input() -> None:
    found = history("out")
    assert [s.path for s in found.steps] == ["x", "stem", "act", "again.cut", "again.back", "mul", "up", "out"]
    assert [str(s.gives[""]) for s in found.steps[:4]] == [
        "[B, 3, H, W]",
        "[B, 8, (H + 1)//2, (W + 1)//2]",
        "[B, 8, (H + 1)//2, (W + 1)//2]",
        "[B, 8, (H + 1)//8, 4, (W + 1)//8, 4]",
    ]
    assert [s.keeps for s in found.steps] == [False, False, True, False, False, True, False, False]
    assert [s.span.line for s in found.steps] == [3, 12, 13, 9, 10, 16, 16, 17]


def test_a_step_says_what_it_does_and_asks() -> None:
    stem, cut = history("out").steps[1], history("out").steps[3]
    assert stem.type == "Conv2d(in_channels=3, out_channels=8, kernel_size=3, stride=2, padding=1)"
    assert stem.rule == "2-D convolution: (N, C_in, H, W) → (N, C_out, H', W')."
    assert [(name, str(kind)) for name, kind in stem.takes] == [("x", "[B, 3, H, W]")]
    assert stem.demands == ()
    (demand,) = cut.demands  # said of the network's input, not of the block's
    assert demand.text == "H % 8 in {0, 7} and W % 8 in {0, 7}"
    shapes = "[B, 8, (H + 1)//2, (W + 1)//2]", "[B, 8, (H + 1)//8, 4, (W + 1)//8, 4]"
    assert demand.reason == f"{shapes[0]} does not have the elements of {shapes[1]}"


def test_a_block_is_explained_by_what_is_inside() -> None:
    assert [s.path for s in history("w").steps] == ["x", "stem", "act", "w.cut", "w.back"]
    assert history("w").outputs == history("w.back").outputs
    assert [s.path for s in history("w.cut").steps] == ["x", "stem", "act", "w.cut"]


def test_what_is_made_from_nothing_begins_a_way() -> None:
    text = "nnc: 1\nname: n\ninputs: {x: [B, T]}\nlayers:\n  m: ones([T, T])\n  p: Parameter([3])\n  q: m + 1\n  out: x @ q\n"
    assert [s.path for s in history("q", text).steps] == ["m", "q"]
    assert [s.path for s in history("p", text).steps] == ["p"]
    assert [s.path for s in history("out", text).steps] == ["x", "out"]  # which has both dimensions of the result


def test_several_results() -> None:
    text = """\
nnc: 1
name: n
inputs: {x: [B, T, 8]}
layers:
  lstm: LSTM(4, batch_first=True)
  out: {type: relu, from: lstm.output}
"""
    assert {k: str(v) for k, v in history("lstm", text).outputs.items()} == {
        "output": "[B, T, 4]",
        "h_n": "[1, B, 4]",
        "c_n": "[1, B, 4]",
    }


@pytest.mark.parametrize(
    ("path", "meant"), [("stm", "stem"), ("w.cutt", "w.cut"), ("stem.weight", None), ("nothing like it", None)]
)
def test_a_path_that_leads_nowhere(path: str, meant: str | None) -> None:
    with pytest.raises(NoSuchLayer) as caught:
        history(path)
    assert caught.value.meant == meant


def test_who_asks_for_a_requirement() -> None:
    first, second = asked()
    assert (first.text, second.text) == ("H % 8 == 0", "W % 8 == 0")
    assert [(a.span.line, a.paths, a.demands[0].text) for a in first.askers] == [
        (9, ("w.cut",), "H % 8 in {0, 7}"),
        (10, ("w.back",), "H % 8 in {0, 7}"),
        (17, ("out",), "H % 2 == 0"),
    ]


def test_a_requirement_of_a_block_names_all_its_calls() -> None:
    text = """\
nnc: 1
name: n
inputs: {x: [B, 4, T]}
blocks:
  Down: {layers: [MaxPool1d(2)]}
layers: [Down, Down]
"""
    (origin,) = asked(text)
    assert origin.text == "T >= 4"
    assert [(a.paths, [(d.text, d.reason) for d in a.demands]) for a in origin.askers] == [
        (("1.0",), [("T >= 4", "a window of 2 does not fit into T//2")])
    ]


def test_another_dtype_is_a_change() -> None:
    text = "nnc: 1\ninputs: {x: [B, 8]}\nlayers: {act: relu, z: fft.fft, size: abs, out: Linear(2)}\n"
    assert [(s.path, s.keeps) for s in history("out", text).steps] == [
        ("x", False),
        ("act", True),
        ("z", False),
        ("size", False),
        ("out", False),
    ]


def test_every_layer_of_a_spec_that_ships() -> None:
    compiled = compile_file(find("unet"))
    for path, node in compiled.graph.walk():
        found = explain(compiled.graph, path)
        assert found.steps[-1].path.startswith(path)
        assert found.steps[0].path == "image", path
        assert {k: t.shape for k, t in found.outputs.items()}.keys() == {
            v.name.removeprefix(node.name).removeprefix(".") for v in node.results
        }


def test_the_language_reference_shows_what_is_printed(tmp_path: Path) -> None:
    reference = (Path(__file__).parents[1] / "docs" / "language.md").read_text(encoding="utf-8")
    before, _, shown = reference.partition("$ nnc check windows.yaml --explain-shapes out\n")
    (tmp_path / "windows.yaml").write_text(before.rpartition("```yaml\n")[2].partition("```")[0])
    command = [sys.executable, "-m", "nnc", "check", "windows.yaml", "--explain-shapes", "out"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == shown.partition("```")[0]
