"""The catalogue cannot drift: every op's arguments are torch's, by name, order and default."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision.ops
from torch import nn

from nnc.compiler.ops.catalogue import CATALOGUE
from nnc.compiler.ops.registry import REQUIRED, Argument, OpDef

# Arguments of torch that no op has: devices and dtypes are the caller's, the rest is deprecated or private.
LEFT_OUT = {
    "device", "dtype", "_weight", "_freeze", "_random_samples", "_stacklevel", "process_group", "out", "layout",
    "pin_memory", "memory_format", "generator", "size_average", "reduce", "min_value", "max_value", "custom_encoder",
    "custom_decoder", "implicit", "requires_grad", "names", "args", "kwargs", "input_names", "distance_function", "options",
    "extra_blocks",
}  # fmt: skip

DEPRECATED = {"size_average", "reduce"}  # they stand in the middle of every loss's arguments

# torch has no signature that can be read, or another one for a reason.
REASONS = {
    "RNN": "takes *args; compared with RNNBase, nonlinearity added",
    "LSTM": "takes *args; compared with RNNBase",
    "GRU": "takes *args; compared with RNNBase, without proj_size",
    "getitem": "an operator: x[index]",
    "arange": "start is optional in front, as in Python's range",
    "meshgrid": "takes *tensors, and indexing by keyword",
    "scatter_reduce": "its `reduce` is not the deprecated one of losses",
    "einsum": "takes *args: an equation and operands",
    "to": "a method of many forms; this is to(dtype)",
}
# Defaults that differ in form, not in meaning: torch's kernels say `None` or `[]` where the functions mean these.
SAME_DEFAULT = {
    ("rot90", "dims"), ("randint", "dtype"), ("randperm", "dtype"), ("tril_indices", "dtype"), ("triu_indices", "dtype"),
    ("std", "correction"), ("std_mean", "correction"), ("var_mean", "correction"), ("var", "correction"),
    ("roll", "dims"), ("Transformer", "activation"),
    ("TransformerEncoderLayer", "activation"), ("TransformerDecoderLayer", "activation"),
    ("TransformerEncoder", "activation"), ("TransformerDecoder", "activation"),
}  # fmt: skip


Signature = list[tuple[str, Any, bool]]  # name, default, keyword only


def constructor(op: OpDef) -> list[inspect.Parameter]:
    """Of the torch that is installed."""
    found: Any = getattr(nn, op.name, None) or getattr(torchvision.ops, op.name)
    if op.name in ("RNN", "LSTM", "GRU"):
        found = nn.RNNBase
    return list(inspect.signature(found.__init__).parameters.values())[1:]


def module_arguments(op: OpDef, of: Callable[[OpDef], list[inspect.Parameter]] = constructor) -> Signature:
    """(name, default, keyword only) of torch's constructor."""
    parameters = of(op)
    listed = kept(parameters, LEFT_OUT | {"mode"})
    if op.name in ("TransformerEncoder", "TransformerDecoder"):  # the layer's arguments stand for the layer
        _, count, norm, *others = listed
        width, *of_layer = module_arguments(CATALOGUE[f"{op.name}Layer"], of)
        listed = [width, count, *of_layer, (norm[0], False, False), *others]
    if op.name == "LinearCrossEntropyLoss":  # its options' fields stand for the object; any of them makes one
        fields = [p.name for p in inspect.signature(nn.LinearCrossEntropyOptions).parameters.values()]
        listed += [(name, None, True) for name in fields if name != "acc_dtype"]  # weights are float32
    if op.name in ("EmbeddingBag", "Upsample", "StochasticDepth"):
        listed = [(p.name, p.default, False) for p in parameters if p.name not in LEFT_OUT]
    if op.name in ("RNN", "GRU"):
        listed = [a for a in listed if a[0] != "proj_size"]
    if op.name == "RNN":
        listed.insert(3, ("nonlinearity", "tanh", False))
    return listed


def kept(parameters: Iterable[inspect.Parameter], left_out: set[str]) -> Signature:
    """What stands behind an argument that is left out can be given by keyword only."""
    found: Signature = []
    behind = False
    for p in parameters:
        if p.name in left_out:
            behind = behind or p.name in DEPRECATED
        else:
            default = p.default
            if isinstance(default, type) and default is not p.empty:
                default = default.__name__  # a layer's class is called by its name here
            found.append((p.name, default, behind or p.kind is p.KEYWORD_ONLY))
    return found


def ours(arguments: Iterable[Argument]) -> Signature:
    empty = inspect.Parameter.empty
    return [(a.name, empty if a.default is REQUIRED else a.default, a.keyword_only) for a in arguments]


@pytest.mark.parametrize("name", [n for n, op in CATALOGUE.items() if op.form == "module"])
def test_constructor(name: str) -> None:
    op = CATALOGUE[name]
    theirs = module_arguments(op)
    mine = ours(op.arguments)
    assert [(n, k) for n, _, k in mine] == [(n, k) for n, _, k in theirs]
    for (argument, default, _), (_, expected, _) in zip(mine, theirs, strict=True):
        if (name, argument) not in SAME_DEFAULT:
            assert (default, type(default)) == (expected, type(expected)), argument


@pytest.mark.parametrize("name", [n for n, op in CATALOGUE.items() if op.form == "module"])
def test_forward(name: str) -> None:
    """The tensors and keywords of a call are `forward`'s; a recurrent layer's `hx` is told apart into its states, and
    its `lengths` are those of packing."""
    op = CATALOGUE[name]
    found: Any = getattr(nn, name, None) or getattr(torchvision.ops, name)
    theirs = [p for p in inspect.signature(found.forward).parameters if p != "self"]
    mine = [a.name for a in (*op.inputs, *op.calls)]
    if name in ("RNN", "LSTM", "GRU", "LSTMCell"):
        mine = ["hx" if n == "h_0" else n for n in mine if n not in ("c_0", "lengths", "enforce_sorted")]
    if name == "PoissonNLLLoss":  # torch's input is called as an argument of its constructor
        mine = ["log_input" if n == "input" else n for n in mine]
    assert sorted(mine) == sorted(theirs)


@pytest.mark.parametrize("name", [n for n in CATALOGUE if hasattr(nn, f"Lazy{n}")])
def test_positional_arguments_are_those_of_the_lazy_class(name: str) -> None:
    parameters = list(inspect.signature(getattr(nn, f"Lazy{name}").__init__).parameters.values())[1:]
    theirs = [p.name for p in parameters if p.name not in LEFT_OUT and p.kind is not p.KEYWORD_ONLY]
    assert [a.name for a in CATALOGUE[name].positional] == theirs


def schemas(name: str) -> list[Signature]:
    """The kernels' signatures, one list for each overload, `self` named `input`."""
    found = []
    for schema in torch._C._jit_get_schemas_for_operator(f"aten::{name.replace('.', '_')}"):
        arguments = [a for a in schema.arguments if a.name not in LEFT_OUT - {"dtype"}]
        empty = inspect.Parameter.empty
        listed = [
            ("input" if a.name == "self" else a.name, a.default_value if a.has_default_value() else empty, a.kwarg_only)
            for a in arguments
        ]
        found.append(listed)
    return found


def python_signatures(name: str) -> list[Signature]:
    """Of what is written in Python, and of builtins what their documentation's first line says."""
    found: list[Signature] = []
    space, _, word = name.rpartition(".")
    homes = (getattr(torch, space),) if space else (F, torch, torch.Tensor, torchvision.ops)
    for home in homes:
        function = getattr(home, word, None)
        if function is None or isinstance(function, torch.dtype) or not callable(function):
            continue
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except ValueError:
            before: Signature = [("input", inspect.Parameter.empty, False)] if home is torch.Tensor else []
            found.extend(before + signature for signature in documented(name, function.__doc__ or ""))
            continue
        if any(p.kind is p.VAR_KEYWORD for p in parameters):  # boolean_dispatch: look behind it
            function = getattr(F, f"{name}_with_indices", None)
            parameters = list(inspect.signature(function).parameters.values()) if function else []
        found.append(kept(parameters, LEFT_OUT - {"dtype"}))
    return found


def documented(name: str, doc: str) -> list[Signature]:
    """`one_hot(tensor, num_classes=-1) -> LongTensor`, read as Python."""
    word = name.rpartition(".")[2]
    match = re.match(rf"\s*(?:\w+\.)*{word}(\((?:[^()]|\([^()]*\))*\))", doc)
    if not match:
        return []
    try:
        (definition,) = ast.parse(f"def f{match[1].replace('->', ')')}: ...").body
        assert isinstance(definition, ast.FunctionDef)
    except SyntaxError:
        return []
    args = definition.args
    defaults = [inspect.Parameter.empty] * (len(args.args) - len(args.defaults)) + [_constant(d) for d in args.defaults]
    found: Signature = [(a.arg, d, False) for a, d in zip(args.args, defaults, strict=True)]
    found += [(a.arg, _constant(d), True) for a, d in zip(args.kwonlyargs, args.kw_defaults, strict=True)]
    return [[a for a in found if a[0] not in LEFT_OUT - {"dtype"}]]


def _constant(node: ast.expr | None) -> Any:
    if node is None:
        return inspect.Parameter.empty
    return ast.literal_eval(node) if not isinstance(node, ast.Attribute) else ast.unparse(node)


def agrees(op: OpDef, theirs: Signature, others: list[Signature]) -> bool:
    """`others` are all overloads: an argument that has no default, but that another overload lacks, may be left out."""
    mine = ours(op.arguments)
    if op.variadic:
        return [n for n, *_ in mine if n != "dtype"] == [n for n, _, keyword in theirs if not keyword]
    if [(n, k) for n, _, k in mine] != [(n, k) for n, _, k in theirs]:
        return False
    shorter = [{n for n, *_ in other} for other in others]
    for (name, default, _), (_, expected, _) in zip(mine, theirs, strict=True):
        if expected is inspect.Parameter.empty and default is not expected:
            if all(name in names for names in shorter):
                return False
        elif not _same(default, expected) and (op.name, name) not in SAME_DEFAULT:
            return False
    return True


def _same(default: Any, expected: Any) -> bool:
    """Kernels write `[]` for "none given", and one number for each axis."""
    if isinstance(expected, list):
        return default in (None, ()) if not expected else default == (*expected,) or all(e == default for e in expected)
    return bool(default == expected)


@pytest.mark.parametrize("name", [n for n, op in CATALOGUE.items() if op.form == "function"])
def test_function(name: str) -> None:
    op = CATALOGUE[name]
    known = [*python_signatures(name), *schemas(name)]
    if name in REASONS:
        return
    assert known, f"torch has no {name}"
    assert any(agrees(op, theirs, known) for theirs in known), f"{ours(op.arguments)} is none of {known}"


def test_reasons_are_needed() -> None:
    """An exception that no longer is one must go."""
    for name in REASONS:
        assert name in CATALOGUE
        if CATALOGUE[name].form == "function":
            known = [*python_signatures(name), *schemas(name)]
            assert not any(agrees(CATALOGUE[name], theirs, known) for theirs in known), name
