"""Most layers of a long network are like others before them and are written a shorter way: to the letter as the long way."""

from __future__ import annotations

import ast
import textwrap
from collections import Counter
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnc.compiler.backends.torch import constructor, syntax
from nnc.compiler.backends.torch.constructor import Constructor
from nnc.compiler.backends.torch.describe import Describer
from nnc.compiler.backends.torch.emit import EmittedSource, emit_source
from nnc.compiler.backends.torch.forward import Forward
from nnc.compiler.backends.torch.structure import Structures
from nnc.compiler.backends.torch.syntax import text
from nnc.compiler.driver import compile_file, compile_mapping, compile_text
from nnc.compiler.graph.ir import Graph
from nnc.specs import find, names
from tests.backends_torch.networks import SMALL, compiled
from tests.elaborate.scale import spec
from tests.soundness.networks import Network, networks


def by_the_long_way(graph: Graph) -> EmittedSource:
    """Every graph is described, no layer is like another, every call is a tree, and every tree is written by `ast.unparse`."""
    number = count()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Structures, "is_alone", lambda self, graph: False)
        patch.setattr(Structures, "alike", lambda self, node: -next(number))
        patch.setattr(Constructor, "plain_layer", lambda self, node: "")
        patch.setattr(Forward, "plain_call", lambda self, node: "")
        patch.setattr(syntax, "_usual", lambda node: "")
        return emit_source(graph)


def check(graph: Graph) -> None:
    plain, long = emit_source(graph), by_the_long_way(graph)
    assert plain.text == long.text
    assert plain == long  # the places of lines, too


@pytest.mark.parametrize("name", SMALL)
def test_small_networks(name: str) -> None:
    check(compiled(name).graph)


@pytest.mark.parametrize(
    "family", ["bert", "densenet", "googlenet", "gpt2", "resnet", "seq2seq", "siamese", "unet", "vit"]
)
def test_families(family: str) -> None:
    check(compile_file(find(family)).graph)


@pytest.mark.nightly
@pytest.mark.parametrize("name", names())
def test_every_shipped_network(name: str) -> None:
    check(compile_file(find(name)).graph)


@settings(max_examples=(settings.get_current_profile_name() == "nightly" and 3000) or 100)
@given(networks())
def test_random_networks(network: Network) -> None:
    found = compile_mapping(network.spec)
    if found.ok:
        check(found.graph)


SHAPES = {
    "a block of several sizes": """
        blocks: {Step: {args: {n: }, layers: {fc: Linear(n), drop: dropout(0.5), act: ReLU, back: Linear(8)}}}
        layers: {a: Step(4), b: Step(16), c: Step(4)}
        """,
    "a block of several lengths": """
        blocks: {Tower: {args: {n: }, layers: [{repeat: $n, layers: [Linear(8)]}, ReLU]}}
        layers: {a: Tower(3), b: Tower(5), c: Tower(3)}
        """,
    "lists in lists": """
        layers: [[Linear(8), ReLU, Linear(8), ReLU], [Linear(8), ReLU, Linear(8), ReLU], [Linear(8)], Linear(8)]
        """,
    "counted names in a group": """
        layers: {body: {layers: {a0: Linear(8), a1: Linear(8), a2: Linear(8), b: ReLU}}, last: Linear(8)}
        """,
    "defaults, written and not": """
        layers: [Linear(8), "Linear(8, bias=true)", "Linear(8, bias=false)", Dropout(0.5), Dropout, Dropout(1)]
        """,
    "one value twice": """
        layers: {a: x + x, b: a * x, c: b * b, d: "maximum(c, c)", e: "maximum(d, x)"}
        """,
    "constants": """
        layers: {a: softmax(1), b: softmax(-1), c: flatten(0), d: c * 2, e: 2.0 * d, f: e ** 2}
        """,
    "names that Python cannot spell": """
        layers: {block-0: Linear(8), __x: ReLU, class: Linear(8)}
        """,
    "a module again": """
        layers: {a: Linear(8), b: {use: a}, c: ReLU, d: {use: c}}
        """,
    "outputs of training": """
        layers: {a: Linear(8), b: Linear(8)}
        outputs: {y: b, aux: {from: a, mode: train}}
        """,
    "long names": f"""
        layers: {{{"a" * 90}: Linear(8), {"b" * 70}: LayerNorm(eps=1e-3), c: {"a" * 90} + {"b" * 70}}}
        """,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(shape: str) -> None:
    found = compile_text(f"nnc: 1\nname: net\ninputs: {{x: [B, 8]}}\n{textwrap.dedent(SHAPES[shape])}")
    assert found.ok, found.problems.sorted()
    check(found.graph)


@pytest.mark.parametrize("kind", ["list", "mapping"])
def test_a_long_network_makes_few_trees(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were each of 1,000 layers made anew, or described, it would be thousands."""
    graph = compile_text(spec(kind, 1_000).replace(": relu", ": ReLU()")).graph
    calls = Counter[str]()

    def counted(owner: Any, name: str) -> None:
        original = getattr(owner, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            calls[name] += 1
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, call)

    counted(constructor, "construct")
    counted(Describer, "node")
    counted(ast, "unparse")
    emit_source(graph)
    assert calls.total() < 30, calls
    by_the_long_way(graph)
    assert calls.total() > 2_000, "the test counts nothing"


def keywords(values: st.SearchStrategy[ast.expr]) -> st.SearchStrategy[list[ast.keyword]]:
    return st.lists(st.builds(ast.keyword, st.just("k"), values), max_size=1)


NAMES = st.sampled_from(["x", "fc", "nn"]).map(ast.Name)


@given(
    st.recursive(
        NAMES | st.integers(0, 9).map(ast.Constant) | st.sampled_from([True, None, 1.5]).map(ast.Constant),
        lambda inner: (
            st.builds(ast.Attribute, inner, st.just("word"))
            | st.builds(ast.Call, inner, st.lists(inner, max_size=3), keywords(inner))
            | st.builds(ast.BinOp, inner, st.sampled_from([ast.Add(), ast.Mult(), ast.Pow()]), inner)
            | st.builds(ast.UnaryOp, st.just(ast.USub()), inner)
            | st.lists(inner, max_size=3).map(ast.Tuple)
            | st.lists(inner, max_size=3).map(ast.List)
            | st.builds(ast.Subscript, inner, inner)
        ),
    )
)
def test_an_expression_is_written_as_ast_would(node: ast.expr) -> None:
    assert text(node) == ast.unparse(node)
