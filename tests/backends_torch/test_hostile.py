"""Whatever a spec calls its parts, the emitted text is what it would be with harmless names: nothing of a spec is code."""

from __future__ import annotations

import ast
from typing import Any

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from nnc.compiler.backends.torch.build import build
from nnc.compiler.backends.torch.emit import emit_source
from nnc.compiler.backends.torch.syntax import is_identifier
from nnc.compiler.graph.ir import Graph
from nnc.compiler.schema.names import RESERVED_NAMES
from tests.backends.graphs import Building

ATTACKS = [
    'x"); __import__("os").system("true") #',
    "x'); raise SystemExit #",
    '"""\nraise SystemExit\n"""',
    "\\",
    "{__import__('os')}",
    "a\nraise SystemExit",
    "a\rraise SystemExit",
    "x\u2028raise SystemExit",
    "\x00",
    "\ud800",
    "nn",
    "torch",
    "self",
    "F",
    "Tensor",
    "super",
    "class",
    "__import__",
    "ﬁ",
    "fi",
    "0",
    "λ",
    "",
    " ",
]
words = st.sampled_from(ATTACKS) | st.text(max_size=12) | st.from_regex(r"[A-Za-z_]\w{0,3}", fullmatch=True)


def network(chosen: list[str]) -> Graph:
    """A network with names of our choice: its own, an input's, a block's, two layers', a dimension's, an argument's."""
    name, value, block_name, first, second, dimension, argument = chosen
    block = Building(block_name, "block")
    x = block.input(value, "B", dimension, 8)
    x = block.layer(first, "Linear", x, out_features=4)
    x = block.layer(second, "relu", x)
    small = block.finish(x, arguments={argument: 4})
    other = Building(block_name, "block")
    x = other.input(value, "B", dimension, 4)
    x = other.layer(first, "Linear", x, out_features=5)
    large = other.finish(other.layer(second, "relu", x), arguments={argument: 5})
    whole = Building(name)
    x = whole.input(value, "B", dimension, 8)
    x = whole.call(first, small, x)
    x = whole.call(second, large, x)
    return whole.finish(whole.layer("last", "sigmoid", x))


def shape(text: str) -> list[str]:
    """The syntax tree without its names and texts: what the program does."""
    tree = ast.parse(text)
    return [type(node).__name__ for node in ast.walk(tree)]


@given(st.lists(words, min_size=7, max_size=7))
def test_names_change_nothing_but_names(chosen: list[str]) -> None:
    _, _, _, first, second, *_ = chosen
    assume(first != second and not {"last", ""} & {first, second})
    assume(not {first, second} & RESERVED_NAMES and not any("." in w for w in (first, second)))
    text = emit_source(network(chosen)).text
    assert text.isascii()
    if all(is_identifier(word) and not word.startswith("__") for word in (first, second)):
        plain = network(["Net", "tokens", "Part", "one", "two", "T", "width"])
        assert shape(text) == shape(emit_source(plain).text)
    imported = {a.name for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Import) for a in n.names}
    assert imported <= {"torch", "torch.nn.functional"}
    called = {n.func.id for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    classes = {n.name for n in ast.walk(ast.parse(text)) if isinstance(n, ast.ClassDef)}
    assert called <= {"super", "getattr"} | classes


@pytest.mark.parametrize("word", [w for w in ATTACKS if w and "." not in w and w not in RESERVED_NAMES])
def test_attacks_run_as_names(word: str) -> None:
    model = build(network(["Net", "x", word, word, f"{word}!", "T", word]))
    assert model(torch.zeros(1, 2, 8)).shape == (1, 2, 5)
    assert [n for n, _ in model.named_children()] == [word, f"{word}!"]


@pytest.mark.parametrize("word", ["train", "forward", "_modules", "state_dict", "a.b", ""])
def test_names_that_modules_cannot_have_are_refused(word: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name of a submodule"):
        emit_source(network(["Net", "x", "Part", word, "two", "T", "width"]))


def test_texts_of_arguments_are_constants() -> None:
    b = Building("net")
    x = b.input("x", "B", 1, 8, 8)
    attack = 'zeros"); raise SystemExit #'
    x = b.layer("conv", "Conv2d", x, out_channels=2, kernel_size=1)
    node: Any = b.nodes[0]
    node.settings["padding_mode"] = attack
    text = emit_source(b.finish(x)).text
    strings = [n.value for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Constant)]
    assert attack in strings
