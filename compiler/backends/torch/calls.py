"""Calls of torch as expressions: which arguments go by position, which by name, and what a call gives back.

conv2d, in_channels=3, out_channels=64, kernel_size=7       nn.Conv2d(3, 64, kernel_size=7)
permute, input=x, dims=(0, 2, 1)                            x.permute(0, 2, 1)
add, input=a, other=b                                       a + b
dropout, input=x, p=0.1                                     F.dropout(x, 0.1, training=self.training)
zeros, size=(B, 8), in a forward with x                     torch.zeros(B, 8, device=x.device)
"""

from __future__ import annotations

import ast
from collections.abc import Container, Mapping, Sequence

from nnc.compiler.backends.torch.packing import RUN_PACKED
from nnc.compiler.backends.torch.rules import RULES, Rule
from nnc.compiler.backends.torch.syntax import attribute, binary, call, dotted, index, literal, name
from nnc.compiler.ops.registry import Argument, OpDef

__all__ = ["SELF", "call_module", "construct", "invoke"]

SELF = "self"
STACKS = {  # torch gives them a layer to copy: these arguments are the stack's own, the others the layer's
    "TransformerDecoder": ("num_layers", "norm"),
    "TransformerEncoder": ("num_layers", "norm", "enable_nested_tensor", "mask_check"),
}
OPTIONS = {  # torch takes these together, as one object
    "LinearCrossEntropyLoss": ("allow_retain_graph", "batch_chunk_size", "chunking_method", "acc_policy"),
}
MOST_BY_POSITION = 2  # arguments of a module's constructor, where its rule does not say


def construct(op: OpDef, settings: Mapping[str, ast.expr], defaults: Container[str]) -> ast.expr:
    """`nn.Conv2d(3, 64, kernel_size=7)`: a module made. `defaults` names the settings that have torch's default."""
    rule = RULES[op.name]
    by_position, shown = rule.positional, rule.positional or 0
    if by_position is None:
        by_position = min(_leading(op.arguments), MOST_BY_POSITION)
    settings = {
        a.name: settings[a.name]
        for i, a in enumerate(op.arguments)
        if a.name in settings and (i < shown or a.name not in defaults)
    }
    settings |= {word: _tensor(settings[word]) for word in rule.tensors if word in settings}
    settings |= {word: _class(settings[word]) for word in rule.classes if word in settings}
    if op.name in STACKS:
        return _stack(op, rule, settings)
    positional, keywords = _split(op.arguments, settings, by_position)
    options = {word: keywords.pop(word) for word in OPTIONS.get(op.name, ()) if word in keywords}
    if options:
        keywords["options"] = call(dotted(f"{rule.target.removesuffix('Loss')}Options"), [], options)
    return call(dotted(rule.target), positional, keywords)


def _tensor(numbers: ast.expr) -> ast.expr:
    return call(dotted("torch.tensor"), [numbers], {"dtype": dotted("torch.float32")})


def _class(layer: ast.expr) -> ast.expr:
    """`nn.SiLU` of `"SiLU"`. What is known only when the module is made is looked up then."""
    if isinstance(layer, ast.Constant) and layer.value is None:
        return layer
    text = layer.id if isinstance(layer, ast.Name) else ""
    if text.startswith('"'):
        return dotted(f"nn.{ast.literal_eval(text)}")
    return ast.IfExp(layer, call(name("getattr"), [name("nn"), layer]), ast.Constant(None))


def _stack(op: OpDef, rule: Rule, settings: Mapping[str, ast.expr]) -> ast.expr:
    """`nn.TransformerEncoder(nn.TransformerEncoderLayer(512, 8), num_layers=6, norm=nn.LayerNorm(512))`."""
    own = {word: settings[word] for word in STACKS[op.name] if word in settings}
    layer = tuple(a for a in op.arguments if a.name not in STACKS[op.name])
    positional, keywords = _split(layer, {k: v for k, v in settings.items() if k not in own}, MOST_BY_POSITION)
    if "norm" in own:
        of_layer = {"eps": settings.get("layer_norm_eps"), "bias": settings.get("bias")}
        norm = call(dotted("nn.LayerNorm"), [settings["d_model"]], {k: v for k, v in of_layer.items() if v is not None})
        always = isinstance(own["norm"], ast.Constant)
        own["norm"] = norm if always else ast.IfExp(own["norm"], norm, ast.Constant(None))
    return call(dotted(rule.target), [call(dotted(f"{rule.target}Layer"), positional, keywords)], own)


def call_module(op: OpDef, module: ast.expr, operands: Mapping[str, ast.expr]) -> ast.expr:
    """`self.attention(x, x, x, need_weights=False)`, `self.lstm(x, (h_0, c_0))`: a module called. A recurrent one with
    `lengths` is `run_packed(self.lstm, x, lengths)`."""
    state = [operands[word] for word in RULES[op.name].state if word in operands]
    rest = {word: value for word, value in operands.items() if word not in RULES[op.name].state}
    if RULES[op.name].mapping:
        rest = {word: _numbered(tensors) for word, tensors in rest.items()}
    positional, keywords = _split((*op.inputs, *op.calls), rest, _leading(op.inputs))
    if state:
        positional.append(state[0] if len(state) == 1 else ast.Tuple(state))
    if "lengths" in keywords:
        return call(name(RUN_PACKED), [module, positional[0], keywords.pop("lengths"), *positional[1:]], keywords)
    return call(module, positional, keywords)


def _numbered(tensors: ast.expr) -> ast.expr:
    """`{0: c3, 1: c4}` of `[c3, c4]`: results are asked for by number."""
    if not isinstance(tensors, ast.List):
        return call(name("dict"), [call(name("enumerate"), [tensors])])
    return ast.Dict([literal(i) for i in range(len(tensors.elts))], list(tensors.elts))


def invoke(op: OpDef, operands: Mapping[str, ast.expr], device: ast.expr | None) -> ast.expr:
    """A function's call. `device`: that of the tensors at hand, None where the module's constructor calls."""
    rule = RULES[op.name]
    given = dict(operands)
    if rule.form == "unary":
        (operand,) = given.values()
        return ast.UnaryOp(ast.USub() if rule.target == "-" else ast.Invert(), operand)
    if rule.form == "binary":
        if len(given) == 2:
            left, right = given.values()
            return index(left, right) if rule.target == "[]" else binary(rule.target, left, right)
        rule = Rule("callable", f"torch.{op.name}")
    if rule.copied:  # a slice may be contiguous, and still begin in the middle of a pair
        copy = {"memory_format": dotted("torch.contiguous_format")}
        given[rule.copied] = call(attribute(given[rule.copied], "clone"), [], copy)
    if op.argument("training") is not None and "training" not in given:
        given["training"] = attribute(name(SELF), "training")
    by_position = rule.positional if rule.positional is not None else _leading(op.arguments)
    positional, keywords = _split(op.arguments, given, by_position)
    if op.family == "constructor" and device is not None and not any(a.kind.tensor for a in op.arguments):
        keywords["device"] = device
    if rule.form == "method":
        receiver, *positional = positional
        return call(attribute(receiver, rule.target), positional, keywords)
    return call(dotted(rule.target), positional, keywords)


def _leading(arguments: Sequence[Argument]) -> int:
    """How many arguments stand in front of the first that may be left out."""
    count = 0
    for argument in arguments:
        if argument.keyword_only or not (argument.required or argument.inferred or argument.variadic):
            break
        count += 1
    return count


def _split(
    arguments: Sequence[Argument], given: Mapping[str, ast.expr], by_position: int
) -> tuple[list[ast.expr], dict[str, ast.expr]]:
    """By position as long as there is no gap, then by name, in the order of the signature."""
    positional: list[ast.expr] = []
    keywords: dict[str, ast.expr] = {}
    gap = False
    for i, argument in enumerate(arguments):
        value = given.get(argument.name)
        if argument.variadic:
            positional += _spread(value)
        elif value is None:
            gap = True
        elif gap or i >= by_position or argument.keyword_only:
            keywords[argument.name] = value
        else:
            positional.append(value)
    return positional, keywords


def _spread(many: ast.expr | None) -> list[ast.expr]:
    """The values of a variadic argument; torch wants an empty tuple where there are none."""
    if many is None:
        return [ast.Tuple([])]
    if isinstance(many, ast.Tuple | ast.List):
        return many.elts or [many]
    return [ast.Starred(many)]
