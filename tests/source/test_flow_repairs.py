"""Calls and expressions that YAML cuts inside `[ ]` and `{ }`: one error for the whole, and its fix mends it."""

import pytest

from tests.source.reading import apply_fix, faults, plain

CUT = [
    # the text, what must be quoted, and what the mended text means
    ("a: [Linear(10, bias=False), ReLU]", "Linear(10, bias=False)", ["Linear(10, bias=False)", "ReLU"]),
    ("a: [ReLU, f(1, 2, 3)]", "f(1, 2, 3)", ["ReLU", "f(1, 2, 3)"]),
    ("a: [f(g(1, 2), 3), b]", "f(g(1, 2), 3)", ["f(g(1, 2), 3)", "b"]),
    (
        "a: {type: Linear(10, bias=False), from: x}",
        "Linear(10, bias=False)",
        {"type": "Linear(10, bias=False)", "from": "x"},
    ),
    ("a: {type: Conv2d(64, 3, 2), from: x}", "Conv2d(64, 3, 2)", {"type": "Conv2d(64, 3, 2)", "from": "x"}),
    ("a: {type: f(1, 1, 1)}", "f(1, 1, 1)", {"type": "f(1, 1, 1)"}),
    ("a: {f(1, 2): 3}", "f(1, 2)", {"f(1, 2)": 3}),
    ("a: [Conv2d(3, [1, 2]), b]", "Conv2d(3, [1, 2])", ["Conv2d(3, [1, 2])", "b"]),
    ("a: [Normalize([0.1], [0.3]), b]", "Normalize([0.1], [0.3])", ["Normalize([0.1], [0.3])", "b"]),
    ("a: {type: f(x, {k: 1}), from: x}", "f(x, {k: 1})", {"type": "f(x, {k: 1})", "from": "x"}),
    ("a: [x[:, 0], b]", "x[:, 0]", ["x[:, 0]", "b"]),
    ("a: {from: parts[0], b: c}", "parts[0]", {"from": "parts[0]", "b": "c"}),
    ("a: {out: ${w}, b: c}", "${w}", {"out": "${w}", "b": "c"}),
    ("a: {out: ${w * 2} , b: c}", "${w * 2}", {"out": "${w * 2}", "b": "c"}),
    ("a: {out: ${w} * 2}", "${w} * 2", {"out": "${w} * 2"}),
    ("a: [${w}]", "${w}", ["${w}"]),
    ("a: [b, conv${i}, c]", "conv${i}", ["b", "conv${i}", "c"]),
    ("a: {layer${s}: 1}", "layer${s}", {"layer${s}": 1}),
    ("a: [Linear(10,\n    bias=False), b]", "Linear(10,\n    bias=False)", ["Linear(10, bias=False)", "b"]),
    ('a: [Upsample(2, mode="x"), b]', 'Upsample(2, mode="x")', ['Upsample(2, mode="x")', "b"]),
]


@pytest.mark.parametrize(("text", "under", "meant"), CUT, ids=[c[1] for c in CUT])
def test_cut(text: str, under: str, meant: object) -> None:
    [fault] = faults(text)
    assert (fault.code, fault.span.text) == ("NNC0109", under)
    assert fault.fix is not None
    assert fault.fix.title == "quote it, or put it on its own line"
    assert plain(apply_fix(text, fault)) == {"a": meant}


@pytest.mark.parametrize(
    "text",
    [
        "a: [f(1), (b), c)]",
        "a: [f(1, b]",
        "a: Linear(10, bias=False)",
        "a:\n  - Linear(10, bias=False)",
        'a: ["f(1, 2)", "g(", b]',
        "a: {b: $w, c: (x + 1)}",
        "a: [f(), g(h(1))]",
    ],
)
def test_what_is_no_cut_call(text: str) -> None:
    assert faults(text) == []


def test_two_cut_calls_are_two_faults() -> None:
    assert [f.span.text for f in faults("a: [f(1, 2), g(3, 4)]")] == ["f(1, 2)", "g(3, 4)"]


@pytest.mark.parametrize(
    ("text", "meant"), [("a: {x:1}", {"x": 1}), ("a: {type:Linear(10), b: c}", {"type": "Linear(10)", "b": "c"})]
)
def test_a_missing_space(text: str, meant: object) -> None:
    [fault] = faults(text)
    assert (fault.code, fault.span.text) == ("NNC0117", ":")
    assert plain(apply_fix(text, fault)) == {"a": meant}


def test_colons_that_are_meant() -> None:
    assert plain('a: {"x:1": , b: zoo:resnet50, c: [x:1]}') == {"a": {"x:1": None, "b": "zoo:resnet50", "c": ["x:1"]}}
