"""`nnc fmt`: from one spelling into the other and back, with comments, and never into something else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nnc.compiler.diagnostics import Problems
from nnc.compiler.schema.canonical import equivalent
from nnc.compiler.schema.fmt import Form, format_spec, format_text
from tests.schema.helpers import CATALOGUE, EXAMPLES, read, spec_of

SPECS = sorted((Path(__file__).parents[2] / "specs").glob("*.yaml"))
TEXTS = EXAMPLES | {p.stem: p.read_text(encoding="utf-8") for p in SPECS}
FORMS: tuple[Form, ...] = ("call", "mapping")


def formatted(text: str, form: Form, name: str = "t.yaml") -> str:
    written = format_text(text, name, CATALOGUE, Problems(), form=form)
    assert written is not None
    return written


def layers(text: str, form: Form) -> str:
    """What becomes of lines below `layers:`."""
    head = "nnc: 1\ninputs: {x: [B, 3, H, W]}\nlayers:\n"
    written = formatted(head + text, form)
    assert written.startswith(head)
    return written.removeprefix(head)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("form", FORMS)
def test_the_meaning_stays(text: str, form: Form) -> None:
    assert equivalent(spec_of(text), spec_of(formatted(text, form)), CATALOGUE)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("form", FORMS)
def test_a_second_time_changes_nothing(text: str, form: Form) -> None:
    once = formatted(text, form)
    assert formatted(once, form) == once


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_comments_and_empty_lines_stay(text: str) -> None:
    def comments(of: str) -> list[str]:
        return [line.partition("# ")[2] for line in of.splitlines() if "# " in line or not line.strip()]

    for form in FORMS:
        assert comments(formatted(text, form)) == comments(text)


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_shipped_specs_are_formatted(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert formatted(text, "call", path.name) == text


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_mapping_form_has_no_calls(path: Path) -> None:
    written = formatted(path.read_text(encoding="utf-8"), "mapping", path.name)
    # `PatchMerging.norm: …` changes a block of another file, and stays as it is written.
    written = "\n".join(line for line in written.splitlines() if "." not in line.partition(":")[0])
    assert "Linear(" not in written
    assert "Conv2d(" not in written


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("  a: {type: Conv2d, out_channels: 64, kernel_size: 3}\n", "  a: Conv2d(64, 3)\n"),
        ("  a: {type: ReLU}  # keep\n", "  a: ReLU  # keep\n"),
        ("  a: {expr: x + 1}\n", "  a: x + 1\n"),
        ("  a: {type: Linear, out_features: $n, from: x}\n", "  a: Linear(n)(x)\n"),
        ("  a: {type: ReLU, from: [x, y]}\n", "  a: ReLU()(x, y)\n"),
        ("  a: {type: Foo, from: {query: x, key: y}}\n", "  a: Foo()(query=x, key=y)\n"),
        ("  a: {type: relu, from: x}\n",) * 2,  # a function called on values is written relu(x)
        ("  a: {type: ReLU, from: [x]}\n",) * 2,  # one value in a list is not that value
        ("  a:\n    type: Linear\n    out_features: 3\n\n  # b\n  b: ReLU\n", "  a: Linear(3)\n\n  # b\n  b: ReLU\n"),
        ("  a:\n    type: Linear\n    out_features: 3\n    from: x\n", "  a: Linear(3)(x)\n"),
        ("  a:\n    out_features: 3\n    type: Linear\n    if: true\n", "  a:\n    type: Linear(3)\n    if: true\n"),
        ("  - {type: Linear, out_features: 3}\n  - {type: ReLU}\n", "  - Linear(3)\n  - ReLU\n"),
        ("  a: Linear(3,bias = False)\n", "  a: Linear(3, bias=False)\n"),
        ("  a: LayerNorm(eps=1e-6)\n", "  a: LayerNorm(eps=1e-6)\n"),
        ("  a: {type: LayerNorm, eps: 1e-6}\n", "  a: LayerNorm(eps=1e-6)\n"),
        ("  a: {type: Linear, out_features: 3, bias: false, from: x}\n", "  a: Linear(3, bias=False)(x)\n"),
        ("  a: {type: Linear, out_features: 3, bias: false, if: true}\n",) * 2,  # quoted it would read worse
        ("  a:\n    type: LSTM(8)\n    from: x\n    call: {flag: false}\n", "  a: LSTM(8)(x, flag=False)\n"),
        ("  a:\n    type: LSTM(8)\n    call: {flag: [1, -2]}\n", "  a: LSTM(8)(flag=[1, -2])\n"),
        ("  a:\n    type: LSTM(8)\n    from: x\n    call: {flag: $n}\n",) * 2,  # read as one more value
        ("  a: {type: relu}\n",) * 2,  # the call string would be an expression
        ("  a:\n    type: Linear\n    # why three\n    out_features: 3\n",) * 2,  # the comment would be lost
        ("  a:\n    layers:\n      - {type: ReLU}\n", "  a:\n    layers:\n      - ReLU\n"),
    ],
)  # fmt: skip
def test_calls(before: str, after: str) -> None:
    assert layers(before, "call") == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("  a: Conv2d(64, 3, bias=False)\n", "  a: {type: Conv2d, out_channels: 64, kernel_size: 3, bias: false}\n"),
        ("  a: ReLU  # keep\n", "  a: {type: ReLU}  # keep\n"),
        ("  a: x + 1\n", "  a: {expr: x + 1}\n"),
        ("  a: Linear(3)(x)\n", "  a: {from: x, type: Linear, out_features: 3}\n"),
        ("  a: LSTM(8)(x, flag=True)\n", "  a: {from: x, call: {flag: true}, type: LSTM, hidden_size: 8}\n"),
        ("  a: {type: Linear(3), from: x}\n", "  a: {type: Linear, out_features: 3, from: x}\n"),
        ("  a:\n    type: Linear(3)\n    from: x\n", "  a:\n    type: Linear\n    out_features: 3\n    from: x\n"),
        ("  a: [ReLU, Linear(3)]\n", "  a: [{type: ReLU}, {type: Linear, out_features: 3}]\n"),
        ("  a: Unknown(3)\n", "  a: {type: Unknown, args: [3]}\n"),
        ("  a: Linear(n * 2)\n", '  a: {type: Linear, out_features: "${n * 2}"}\n'),
    ],
)
def test_mappings(before: str, after: str) -> None:
    assert layers(before, "mapping") == after


def test_json_stays_json() -> None:
    text = json.dumps({"nnc": 1, "inputs": {"x": ["B", 3]}, "layers": {"a": "Linear(3)"}})
    written = json.loads(formatted(text, "mapping", "t.json"))
    assert written["layers"] == {"a": {"type": "Linear", "out_features": 3}}
    assert json.loads(formatted(json.dumps(written), "call", "t.json"))["layers"] == {"a": "Linear(3)"}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("form", FORMS)
def test_a_spec_without_text_gets_one(text: str, form: Form) -> None:
    spec = spec_of(text)
    assert equivalent(spec, spec_of(format_spec(spec, CATALOGUE, form=form)), CATALOGUE)


def test_a_faulty_file_is_reported_and_left_alone() -> None:
    problems = Problems()
    assert format_text("nnc: 1\nlayers: {a: Linear(}\n", "t.yaml", CATALOGUE, problems) is None
    assert problems.has_errors


def test_an_alias_is_changed_once() -> None:
    text = "  a: &conv {type: Linear, out_features: 3}\n  b: *conv\n"
    written = layers(text, "call")
    spec = read("nnc: 1\ninputs: {x: [B, 3, H, W]}\nlayers:\n" + written).spec
    assert spec is not None
    assert len(spec.body.entries) == 2
