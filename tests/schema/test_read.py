"""Tree → typed spec: both spellings end in the same form, and every span is under its word."""

from __future__ import annotations

import pytest

from nnc.compiler.expr.tree import Attribute, CallExpr, Conditional, Dictionary, Items, Literal, Name, Unary
from nnc.compiler.expr.unparse import unparse
from nnc.compiler.schema.canonical import equivalent
from nnc.compiler.schema.read import SECTIONS
from nnc.compiler.schema.spec import (
    Action,
    Formula,
    Group,
    LayerCall,
    Removal,
    Reuse,
    Splice,
    StoredDecl,
)
from tests.schema.helpers import CATALOGUE, EVERYTHING, RESNET, entry_of, read, spec_of

HEAD = "nnc: 1\ninputs: {x: [B, 3]}\n"


def action_of(layer: str) -> Action:
    action = entry_of(layer).action
    assert action is not None
    return action


# -- what a text says --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Linear(10)", LayerCall),
        ("BatchNorm2d", LayerCall),
        ("NoSuchLayer(3)", LayerCall),
        ("mylib.Layer()", LayerCall),
        ("Parameter([1, 1, 8])", StoredDecl),
        ("Buffer(arange(10), persistent=False)", StoredDecl),
        ("relu", Formula),
        ("flatten(1)", Formula),
        ("norm()", Formula),
        ("a + b", Formula),
        ("A @ B", Formula),
        ("lstm.output", Formula),
        ("x.mean()", Formula),
        ("parts.0", Formula),
        ("x[:, 0]", Formula),
    ],
)
def test_what_a_text_says(text: str, kind: type) -> None:
    assert type(action_of(f'a: "{text}"')) is kind


def test_a_block_is_a_layer_whatever_its_case() -> None:
    spec = spec_of(HEAD + "blocks: {head: {args: {n: 1}, layers: {a: ReLU}}}\nlayers: {a: head(3), b: head}\n")
    assert [type(e.action) for e in spec.body.entries] == [LayerCall, LayerCall]


def test_own_code_is_a_layer_whatever_its_case() -> None:
    spec = spec_of(HEAD + "imports: {mylib: ./l.py}\nlayers: {a: mylib.layer(3), b: mylib.layer}\n")
    assert [type(e.action) for e in spec.body.entries] == [LayerCall, LayerCall]


# -- the mapping form --------------------------------------------------------------------------------------------------


def test_both_spellings_say_the_same() -> None:
    call = spec_of(HEAD + "layers:\n  a: Conv2d(64, 7, stride=2, bias=False)\n")
    keys = spec_of(HEAD + "layers:\n  a: {type: Conv2d, out_channels: 64, kernel_size: 7, stride: 2, bias: false}\n")
    listed = spec_of(HEAD + "layers:\n  a: {type: Conv2d, args: [64, 7], stride: 2, bias: false}\n")
    mixed = spec_of(HEAD + "layers:\n  a: {type: 'Conv2d(64, 7)', stride: 2, bias: false}\n")
    assert equivalent(call, listed)
    assert equivalent(call, mixed)
    assert not equivalent(call, keys)
    assert equivalent(call, keys, CATALOGUE)


@pytest.mark.parametrize("written", ["kind", "$kind", '"${kind}"'])
def test_a_type_may_be_computed(written: str) -> None:
    action = action_of(f"a: {{type: {written}, affine: false}}")
    assert isinstance(action, LayerCall)
    assert isinstance(action.callee, Name)
    assert action.callee.name == "kind"


def test_a_type_may_be_another_spec() -> None:
    for text in ("./backbone.yaml", "zoo:resnet50"):
        action = action_of(f"a: {{type: {text}, num_classes: 3}}")
        assert isinstance(action, LayerCall)
        assert isinstance(action.callee, Literal)
        assert action.callee.value == text


def test_values_are_literal_but_for_dollars() -> None:
    action = action_of(
        'a: {type: Foo, n: 3, neg: -0.5, yes: true, no: null, t: text, e: "${n * 2}", l: [1, $k], d: {a: $k}, s: "$$x"}'
    )
    assert isinstance(action, LayerCall)
    values = {k.name: k.value for k in action.keywords}
    assert isinstance(values["neg"], Unary)
    assert isinstance(values["l"], Items)
    assert isinstance(values["d"], Dictionary)
    shown = {k: unparse(v) for k, v in values.items()}
    assert shown == {
        "n": "3", "neg": "-0.5", "yes": "True", "no": "None", "t": '"text"', "e": "n * 2", "l": "[1, k]",
        "d": '{"a": k}', "s": '"$x"',
    }  # fmt: skip


def test_infinity_is_a_name_in_both_spellings() -> None:
    action = action_of("a: {type: Foo, low: -.inf, odd: .nan}")
    assert isinstance(action, LayerCall)
    assert [unparse(k.value) for k in action.keywords] == ["-inf", "nan"]


def test_control_keys_are_expressions() -> None:
    entry = entry_of(
        "a: {type: ReLU, if: n > 1, for: 'i, n in enumerate(ns)', repeat: n, let: {h: n // 2, t: '\"a\"'}}"
    )
    assert entry.condition is not None
    assert unparse(entry.condition) == "n > 1"
    assert entry.loop is not None
    assert entry.loop.targets == ("i", "n")
    assert unparse(entry.loop.iterable) == "enumerate(ns)"
    assert entry.repeat is not None
    assert unparse(entry.repeat) == "n"
    assert [(k.name, unparse(k.value)) for k in entry.let] == [("h", "n // 2"), ("t", '"a"')]


def test_control_keys_may_be_plain_or_marked_as_computed() -> None:
    plain, marked = entry_of("a: {type: ReLU, if: true, repeat: 3}"), entry_of("a: {type: ReLU, repeat: '${n}'}")
    assert isinstance(plain.condition, Literal)
    assert plain.condition.value is True
    assert isinstance(plain.repeat, Literal)
    assert plain.repeat.value == 3
    assert isinstance(marked.repeat, Name)


def test_wiring() -> None:
    single = entry_of("a: {type: ReLU, from: lstm.output}").source
    several = entry_of("a: {type: Foo, from: [x, x]}").source
    by_name = entry_of("a: {type: Foo, from: {query: x, key: y.0}}").source
    assert single is not None
    assert isinstance(single.single, Attribute)
    assert several is not None
    assert [unparse(e) for e in several.several or ()] == ["x", "x"]
    assert by_name is not None
    assert [(k.name, unparse(k.value)) for k in by_name.by_name or ()] == [("query", "x"), ("key", "y.0")]


def test_the_other_actions() -> None:
    use = action_of("a: {use: encoder.conv1, from: x}")
    assert isinstance(use, Reuse)
    assert use.target == "encoder.conv1"
    splice = action_of("a: {each: i in ns, layers: {'b${i}': ReLU}}")
    assert isinstance(splice, Splice)
    assert splice.loop.targets == ("i",)
    key = splice.body.entries[0].key
    assert key is not None
    assert key.literal is None
    group = action_of("a: {layers: {b: ReLU}, outputs: b}")
    assert isinstance(group, Group)
    assert group.body.outputs is not None
    assert not group.body.listed


def test_a_list_is_a_group_with_and_without_layers() -> None:
    short, long = action_of("a: [ReLU, [GELU]]"), action_of("a: {layers: [ReLU, [GELU]]}")
    for action in (short, long):
        assert isinstance(action, Group)
        assert action.body.listed
        assert isinstance(action.body.entries[1].action, Group)


def test_removal() -> None:
    spec = read("extends: a.yaml\nlayers: {fc: ~, b: {type: ReLU, after: layer4}}\n").spec
    assert spec is not None
    removed, placed = spec.body.entries
    assert isinstance(removed.action, Removal)
    assert placed.after == "layer4"


def test_a_computed_part_of_a_call() -> None:
    entry = entry_of("a: {repeat: n, type: 'Foo(64 * 2**s, stride=2 if s and not i else 1)'}")
    assert isinstance(entry.action, LayerCall)
    assert isinstance(entry.action.keywords[0].value, Conditional)


# -- declarations ------------------------------------------------------------------------------------------------------


def test_inputs() -> None:
    tokens, image = spec_of(EVERYTHING).inputs
    assert (tokens.name, tokens.dtype) == ("tokens", "int64")
    assert image.shape is not None
    assert [unparse(e) for e in image.shape] == ["B", "3", "H", "2 * W"]


def test_a_block_without_inputs_takes_one_of_any_shape() -> None:
    (declared,) = spec_of(EVERYTHING).blocks["Any"].inputs
    assert (declared.name, declared.shape) == ("x", None)


def test_a_pattern() -> None:
    left, right = spec_of(EVERYTHING).blocks["Pair"].inputs
    assert left.shape is not None
    assert isinstance(left.shape[0], Literal)
    assert left.shape[0].value is ...
    assert right.dtype == "float32"


def test_arguments() -> None:
    args = {a.name: None if a.default is None else unparse(a.default) for a in spec_of(EVERYTHING).args}
    assert args == {
        "dim": "64", "half": "dim // 2", "norm": '"LayerNorm"', "rates": "[0.1, 0.2]",
        "table": '{"a": 1, "b": [dim, None]}', "none": "None",
    }  # fmt: skip
    assert spec_of(RESNET).blocks["Bottleneck"].args[0].default is None


def test_promises() -> None:
    height, width, time = spec_of(EVERYTHING).dims
    assert (height.multiple_of, height.minimum, height.maximum, height.value) == (32, 64, None, None)
    assert width.value == 224
    assert time.maximum == 512


def test_outputs() -> None:
    logits, aux = spec_of(EVERYTHING).body.outputs or ()
    assert (logits.name, unparse(logits.source), logits.train_only) == ("logits", "group.sum", False)
    assert (aux.name, unparse(aux.source), aux.train_only) == ("aux", "group.out", True)
    (single,) = spec_of(HEAD + "layers: {a: ReLU}\noutputs: a\n").body.outputs or ()
    assert single.name == ""
    listed = spec_of(HEAD + "layers: {a: ReLU, b: ReLU}\noutputs: [a, b]\n").body.outputs or ()
    assert [o.name for o in listed] == ["a", "b"]


def test_sections_are_handed_on() -> None:
    assert set(spec_of(EVERYTHING).sections) == {
        "description", "imports", "init", "weights", "freeze", "metadata",
    }  # fmt: skip
    assert set(SECTIONS) >= {"data", "train", "extends", "include"}


def test_the_name_is_the_file_s_where_none_is_given() -> None:
    text = "nnc: 1\ninputs: {x: [B]}\nlayers: {a: ReLU}\n"
    assert spec_of(text, "nets/small.yaml").name == "small"
    assert spec_of(text, "<text>").name == "net"


# -- places ------------------------------------------------------------------------------------------------------------


def test_spans_are_under_their_words() -> None:
    spec = spec_of(RESNET)
    conv1, *_, fc = spec.body.entries
    assert conv1.span.text == "conv1"
    call = conv1.action
    assert isinstance(call, LayerCall)
    assert call.callee.span.text == "Conv2d"
    assert [a.span.text for a in call.arguments] == ["64", "7"]
    assert [k.span.text for k in call.keywords] == ["stride", "padding", "bias"]
    assert fc.key is not None
    assert fc.key.span.text == "fc"
    block = spec.blocks["Bottleneck"]
    assert (block.span.text, block.args[0].span.text) == ("Bottleneck", "planes")
    assert block.inputs[0].shape_span.text == "[B, C, H, W]"
    assert spec.span.text == "layers"


def test_spans_of_the_mapping_form() -> None:
    entry = entry_of("a: {type: Conv2d, out_channels: $n, kernel_size: [3, 5], from: x, if: n > 1}")
    call = entry.action
    assert isinstance(call, LayerCall)
    assert call.callee.span.text == "Conv2d"
    assert [(k.span.text, k.value.span.text) for k in call.keywords] == [
        ("out_channels", "$n"),
        ("kernel_size", "[3, 5]"),
    ]
    assert entry.source is not None
    assert entry.source.span.text == "x"
    assert entry.condition is not None
    assert entry.condition.span.text == "n > 1"


@pytest.mark.parametrize(
    ("item", "word"),
    [("Linear(3)", "Linear(3)"), ("{from: x, type: ReLU}", "ReLU"), ("{use: a, from: x}", "a"), ("[ReLU]", "[ReLU]")],
)
def test_an_item_of_a_list_is_pointed_at_by_what_it_does(item: str, word: str) -> None:
    group = action_of(f"a:\n    - {item}")
    assert isinstance(group, Group)
    assert group.body.entries[0].span.text == word


def test_a_call_in_quotes_has_exact_places() -> None:
    call = action_of('a: "Foo(1, key=2)"')
    assert isinstance(call, LayerCall)
    assert call.keywords[0].span.text == "key"
    assert isinstance(call.callee, Name)


@pytest.mark.parametrize("key", ["call: {flag: '${1 +'}", "from: 1 +"])
def test_a_fault_beside_a_layer_that_is_called_breaks_its_entry(key: str) -> None:
    """What `type:` says already does not stand in for it."""
    done = read(f"{HEAD}layers:\n  a: {{type: 'LSTM(8)(flag=True)' , {key}}}\n  b: {{type: LSTM(8)(x), {key}}}\n")
    assert done.spec is not None
    assert [e.broken for e in done.spec.body.entries] == [True, True]


def test_a_broken_text_leaves_its_place() -> None:
    done = read(HEAD + "layers:\n  a: Linear(3\n  b: relu(\n  c: Linear(3)\n")
    assert done.spec is not None
    assert [e.broken for e in done.spec.body.entries] == [True, True, False]
    assert {d.code[:5] for d in done.problems} == {"NNC04"}


def test_a_callexpr_of_a_call_is_no_layer() -> None:
    action = action_of("a: relu(norm(x))")
    assert isinstance(action, Formula)
    assert isinstance(action.expression, CallExpr)
