"""The schema check: every fault in a document's form, with what is said about it beside the mistake."""

from __future__ import annotations

import pytest

from nnc.compiler.schema.document import ACTIONS, CONTROLS
from nnc.compiler.source.tree import Mapping
from tests.expectations import compare, expectations
from tests.schema.helpers import EXAMPLES, read

HEAD = "nnc: 1\ninputs: {x: [B, 3, H, W]}\n"

# The document around the layers.
DOCUMENTS = {
    "not a mapping": 'hello  # error: [wrong-value] "a spec must be a mapping with `nnc:`, `inputs:` and"',
    "a list": '- nnc  # error: [wrong-value] "not a list of 1"',
    "no version": """
inputs: {x: [B]}  # error: [missing-key] "a spec needs `nnc:`"
layers: {a: ReLU}
""",
    "a later version": """
nnc: 2  # error: [language-version] "this file is in version 2 of the language"
inpts: {x: [B]}
""",
    "a quoted version": """
nnc: "1"  # error: [language-version] "without quotes it is the number 1"
inputs: {x: [B]}
layers: {a: ReLU}
""",
    "no inputs": """
nnc: 1  # error: [missing-key] "a spec needs `inputs:`"
layers: {a: ReLU}
""",
    "no layers": """
nnc: 1  # error: [missing-key] "a spec needs `layers:`"
inputs: {x: [B]}
""",
    "a misspelled section is not missing too": """
nnc: 1
inputs: {x: [B]}
layer: {a: ReLU}  # error: [unknown-key] "did you mean `layers`?"
""",
    "an unknown section": """
nnc: 1
inputs: {x: [B]}
layers: {a: ReLU}
flavor: vanilla  # error: [unknown-key] "a spec has no key `flavor`"
""",
    "inputs as a list": """
nnc: 1
inputs: [x]  # error: [wrong-value] "`inputs` must be a mapping from a name to a shape, not [x]"
layers: {a: ReLU}
""",
    "a shape as text": """
nnc: 1
inputs: {x: B}  # error: [wrong-value] "`x` must be a shape such as [B, 3, H, W]"
layers: {a: ReLU}
""",
    "a size of 0": """
nnc: 1
inputs: {x: [B, 0]}  # error: [wrong-value] "an item of `x` must be a size (an integer ≥ 1)"
layers: {a: ReLU}
""",
    "a misspelled dtype": """
nnc: 1
inputs:
  x: {shape: [B], dtype: flaot32}  # error: [wrong-value] "did you mean \\"float32\\"?"
layers: {a: ReLU}
""",
    "a misspelled key of an input": """
nnc: 1
inputs: {x: {shap: [B]}}  # error: [unknown-key] "`x` has no key `shap`"
layers: {a: ReLU}
""",
    "dots twice": """
nnc: 1
inputs: {x: [B]}
blocks:
  Any:
    inputs: {x: [..., C, ...]}  # error: [dots-twice] "`...` stands for all leading dimensions"
    layers: {a: ReLU}
layers: {a: Any()}
""",
    "names that cannot be written": """
nnc: 1
inputs: {the-image: [B]}  # error: [bad-name] "`the-image` cannot be a name here"
args:
  for: 3  # error: [bad-name] "`for` is a word of the expression language"
  lambda: 3  # error: [bad-name] "or of Python"
layers: {a: ReLU}
""",
    "an argument like an input": """
nnc: 1
inputs: {x: [B]}
args: {x: 3}  # error: [name-used-twice] "`x` names both an input and an argument"
layers: {a: ReLU}
""",
    "a promise of nothing": """
nnc: 1
inputs: {x: [B, H]}
dims:
  B: 0  # error: [wrong-value] "`B` must be a size, or `{min: …, max: …, multiple_of: …}`, not the number 0"
  H: {multiple: 32}  # error: [unknown-key] "did you mean `multiple_of`?"
layers: {a: ReLU}
""",
    "a block without layers": """
nnc: 1
inputs: {x: [B]}
blocks:
  Empty: {args: {n: 1}}  # error: [missing-key] "a block needs `layers:`"
layers: {a: ReLU}
""",
    "a block that is a call": """
nnc: 1
inputs: {x: [B]}
blocks: {Act: ReLU}  # error: [wrong-value] "`Act` must be a mapping with `layers:`"
layers: {a: ReLU}
""",
    "a block's argument that is a control key": """
nnc: 1
inputs: {x: [B]}
blocks:
  Twice:
    args: {repeat: 2}  # error: [reserved-argument] "`repeat` cannot be a block's argument"
    layers: {a: ReLU}
layers: {a: Twice()}
""",
    "outputs": """
nnc: 1
inputs: {x: [B]}
layers: {a: ReLU}
outputs:
  first: {from: a, mode: eval}  # error: [wrong-value] "`mode` must be \\"train\\", not the text \\"eval\\""
  second: {form: a}  # error: [unknown-key] "did you mean `from`?"
  third: 3  # error: [wrong-value] "`third` must be a reference to a value"
""",
    "no outputs": """
nnc: 1
inputs: {x: [B]}
layers: {a: ReLU}
outputs: []  # error: [wrong-value] "this one is empty"
""",
    "a part among listed outputs": """
nnc: 1
inputs: {x: [B]}
layers: {a: LSTM(3)}
outputs: [a.output]  # error: [unnamed-output] "give it a name: `outputs: {output: a.output}`"
""",
    "training and data": """
nnc: 1
inputs: {x: [B]}
layers: {a: ReLU}
train:
  epoch: 3  # error: [unknown-section-key] "did you mean `epochs`?"
  batch_size: 1.5  # error: [wrong-training-value] "`batch_size` must be an integer ≥ 1, not the number 1.5"
  shuffle: yes  # error: [wrong-training-value] "write true"
  optimizer: {lr: 0.1}  # error: [missing-key] "`optimizer` needs `type:`"
data:
  train: [MNIST]  # error: [wrong-value] "`train` must be a dataset"
""",
}

# Entries of `layers:`, written below HEAD.
LAYERS = {
    "a number": 'a: 3  # error: [wrong-value] "`a` must be a layer"',
    "true": 'a: true  # error: [wrong-value] "not true"',
    "nothing": 'a:  # error: [empty-entry] "`a` has no layer: write a call"',
    "nothing in a list": 'a:\n  -  # error: [empty-entry] "this item has no layer"',
    "no action": 'a: {}  # error: [nothing-to-do] "`a` says nothing to do"',
    "only a source": 'a: {from: x}  # error: [nothing-to-do] "`a` says what flows in, but not what is done with it"',
    "a misspelled action": 'a: {tpye: ReLU}  # error: [unknown-key] "did you mean `type`?"',
    "layers without layers": 'a: {conv: Linear(3), act: ReLU}  # error: [nothing-to-do] "they stand under `layers:`"',
    "a name in a list": 'a:\n  - conv: Linear(3)  # error: [named-list-item] "whose items have no names"',
    "two actions": 'a: {type: ReLU, use: b}  # error: [keys-do-not-go-together] "`use` and `type` do not go together"',
    "each with from": """a:
  each: i in [1, 2]
  from: x  # error: [keys-do-not-go-together] "`from` does not go with `each`"
  layers: {b: ReLU}
""",
    "each without layers": 'a: {each: i in items}  # error: [missing-key] "`each` needs `layers:`"',
    "a parameter with an input": """a:
  type: Parameter
  args: [[3]]
  from: x  # error: [keys-do-not-go-together] "`from` does not go with `type: Parameter`"
""",
    "call of a group": """a:
  layers: [ReLU]
  call: {inplace: true}  # error: [keys-do-not-go-together] "`call` does not go with `layers`"
""",
    "names that torch keeps": """forward: ReLU  # error: [reserved-name] "`forward` is taken"
type: ReLU  # error: [reserved-name] "`type` is taken"
spec: ReLU  # error: [reserved-name] "`spec` is taken"
""",
    "names that torch refuses": 'a.b: ReLU  # error: [bad-key] "torch allows no dot"',
    "a misspelled argument": 'a: {type: Linear, out_features: 3, bais: 1}  # error: [unknown-argument] "mean `bias`?"',
    "an argument of nothing": 'a: {type: ReLU, slope: 3}  # error: [unknown-argument] "its arguments are inplace"',
    "a misspelled control key": 'a: {type: ReLU, form: x}  # error: [unknown-argument] "did you mean `from`?"',
    "a misspelled key of a group": 'a: {layers: [ReLU], form: x}  # error: [unknown-key] "did you mean `from`?"',
    "an argument of the call": """a:
  type: MultiheadAttention
  num_heads: 4
  need_weights: false  # error: [unknown-argument] "it belongs to the call: `call: {need_weights: …}`"
""",
    "a tensor as an argument": """a:
  type: MultiheadAttention
  num_heads: 4
  query: x  # error: [unknown-argument] "a tensor comes in through `from: {query: …}`"
""",
    "a wrong item of a list": """a:
  type: Conv2d
  out_channels: 3
  kernel_size: [3, -1]  # error: [argument-type] "or two of them, not [3, -1]"
""",
    "an expression without its braces": """a:
  type: Linear
  out_features: width * 4  # error: [argument-type] "a computed value is written `\\"${width * 4}\\"`"
""",
    "a name without its dollar": """a:
  type: Linear
  out_features: width  # error: [argument-type] "a computed value is written `$width`"
""",
    "a quoted number": """a:
  type: Linear
  out_features: "3"  # error: [argument-type] "without quotes it is the number 3"
""",
    "no for false": 'a: {type: Linear, out_features: 3, bias: no}  # error: [argument-type] "write false"',
    "a misspelled choice": """a:
  type: Conv2d
  out_channels: 3
  kernel_size: 3
  padding: smae  # error: [argument-type] "did you mean \\"same\\"?"
""",
    "two faults of one entry": """a:
  type: Linear
  out_features: -1  # error: [argument-type] "`out_features` of Linear must be"
  bias: 3  # error: [argument-type] "`bias` of Linear must be true or false, not the number 3"
""",
    "a value half computed": 'a: {type: Linear, out_features: "1${n}"}  # error: [mixed-value] "stands alone"',
    "an argument twice": """a:
  type: Linear(3, bias=False)
  bias: true  # error: [duplicate-argument] "`bias` is given twice"
""",
    "arguments by position twice": """a:
  type: Linear(3)
  args: [4]  # error: [keys-do-not-go-together] "arguments by position stand in `type:` already"
""",
    "a type that is an expression": 'a: {type: x + 1}  # error: [not-a-type] "a layer\'s name, or a call of one"',
    "a type that is a list": 'a: {type: [ReLU]}  # error: [wrong-value] "`type` must be a layer\'s name"',
    "a negative count": 'a: {type: ReLU, repeat: -1}  # error: [wrong-value] "`repeat` must be a whole number"',
    "a condition that is a list": 'a: {type: ReLU, if: [1]}  # error: [wrong-value] "`if` must be a condition"',
    "a loop that is a number": 'a: {type: ReLU, for: 3}  # error: [wrong-value] "`for` must be a loop such as"',
    "a local name that is none": 'a: {type: ReLU, let: {1a: 2}}  # error: [bad-name] "`1a` cannot be a name"',
    "an empty source": 'a: {type: ReLU, from: []}  # error: [wrong-value] "this one is empty"',
    "a path that is none": 'a: {use: the encoder}  # error: [wrong-value] "`use` must be the name of a layer"',
    "Python's prefix": 'a: nn.ReLU()  # error: [unknown-layer] "write `ReLU`"',
    "a fault deep inside": """a:
  layers:
    - layers: {b: ReLU, c: {type: Linear, out_featurs: 3}}  # error: [unknown-argument] "mean `out_features`?"
    - 3  # error: [wrong-value] "this item must be a layer"
""",
}


def below_head(layer: str) -> str:
    return HEAD + "layers:\n" + "".join(f"  {line}\n" for line in layer.splitlines())


@pytest.mark.parametrize("text", DOCUMENTS.values(), ids=DOCUMENTS)
def test_document(text: str) -> None:
    assert expectations(text)
    assert not (differences := compare(text, read(text).problems.sorted())), "\n".join(differences)


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_layer(layer: str) -> None:
    text = below_head(layer)
    assert expectations(text)
    done = read(text)
    assert not (differences := compare(text, done.problems.sorted())), "\n".join(differences)


@pytest.mark.parametrize("text", EXAMPLES.values(), ids=EXAMPLES)
def test_examples_have_no_fault(text: str) -> None:
    assert not read(text).problems.found


def test_the_caret_is_under_the_word() -> None:
    done = read(below_head("a: {type: Conv2d, out_channels: 3, kernel_size: [3, -1], bais: true}"))
    assert [d.span.text for d in done.problems.sorted()] == ["-1", "bais"]


def test_a_fix_mends() -> None:
    text = below_head("a: {type: Linear, out_features: n * 2, bais: true}")
    for diagnostic in sorted(read(text).problems, key=lambda d: -d.span.start):
        fix = diagnostic.fix
        assert fix is not None
        assert fix.span is not None
        assert fix.replacement is not None
        text = text[: fix.span.start] + fix.replacement + text[fix.span.end :]
    assert 'out_features: "${n * 2}", bias: true' in text
    assert not read(text).problems.found


def test_a_missing_version_is_mended() -> None:
    text = "inputs: {x: [B]}\nlayers: {a: ReLU}\n"
    (diagnostic,) = read(text).problems
    assert diagnostic.fix is not None
    assert diagnostic.fix.replacement is not None
    assert not read(diagnostic.fix.replacement + text).problems.found


# -- what is left to others --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "blocks:\n  Linear: {args: {width: 3}, layers: {a: ReLU}}\nlayers: {a: {type: Linear, width: 3}}\n",
        "args: {norm: BatchNorm2d}\nlayers: {a: {type: norm, affine: false}}\n",
        "args: {norm: BatchNorm2d}\nlayers: {a: {type: $norm, affine: false}}\n",
        "layers: {a: {for: norm in layers, type: norm, affine: false}}\n",
        "layers: {a: {let: {norm: x}, layers: {b: {type: norm, affine: false}}}}\n",
        "layers: {a: {type: NoSuchLayer, affine: false}}\n",
        "layers: {a: {type: zoo:resnet50, num_classes: 3}}\n",
    ],
    ids=["a block", "an argument", "a computed type", "a loop", "a local name", "an unknown type", "another spec"],
)
def test_arguments_of_types_that_are_no_ops_are_not_judged(text: str) -> None:
    assert not read(HEAD + text).problems.found


def test_a_computed_value_may_stand_for_any_other() -> None:
    layer = "{type: Conv2d, out_channels: $n, kernel_size: [3, $k], bias: '${n > 3}', padding: $p, padding_mode: $mode}"
    assert not read(below_head(f"a: {layer}")).problems.found


def test_removal_is_for_files_that_extend_another() -> None:
    done = read("extends: a.yaml\nlayers:\n  fc: ~\n  b: {layers: {c: ~}}\n")
    assert [(d.code, d.span.text) for d in done.problems] == [("NNC0208", "c")]


def test_a_fault_spoils_its_own_entry_only() -> None:
    done = read(below_head("a: {type: Linear, out: 3}\nb: Linear(3)\nc: [ReLU, 3]"))
    assert done.spec is not None
    a, b, c = done.spec.body.entries
    assert (a.broken, b.broken, c.broken) == (True, False, False)
    body = c.action.body  # type: ignore[union-attr]
    assert [e.broken for e in body.entries] == [False, True]


def test_a_fault_in_what_everything_rests_on_ends_the_reading() -> None:
    for text in ("inputs: {x: 3}", "inputs: {x: [B]}\nargs: [3]", "inputs: {x: [B]}\ndims: 3"):
        assert read(f"nnc: 1\n{text}\nlayers: {{a: ReLU}}\n").spec is None


def test_faults_of_entries_are_reported_beside_those_of_declarations() -> None:
    done = read("nnc: 1\ninputs: {x: 3}\nlayers:\n  a: Linear(\n  b: {type: Linear, out: 3}\n")
    assert {d.span.line for d in done.problems} == {2, 4, 5}


def test_every_control_key_has_its_place() -> None:
    assert {k for record in ACTIONS.values() for k in record.keys} == set(CONTROLS)


def test_check_marks_nodes_of_the_tree() -> None:
    done = read(below_head("a: {type: Linear, out: 3}"))
    assert isinstance(done.tree, Mapping)
    layers = done.tree.get("layers")
    assert isinstance(layers, Mapping)
    assert layers.entries[0].value.span in done.broken
    assert layers.span not in done.broken
