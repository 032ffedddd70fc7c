"""How an op is called, as text: what hover help, `nnc layers` and the references show.

Conv2d(out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True, padding_mode="zeros")
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from nnc.compiler.ops.registry import Argument
from nnc.compiler.types.dtype import DType

__all__ = ["default_text", "signature"]


def signature(name: str, arguments: Iterable[Argument]) -> str:
    """The call in Python's notation. Inferred arguments stand last, with their `…`: they are written by keyword or
    not at all."""
    return f"{name}({', '.join(_parameters(list(arguments)))})"


def _parameters(arguments: list[Argument]) -> Iterator[str]:
    starred = False
    for argument in sorted(arguments, key=lambda a: a.inferred):
        if argument.variadic:
            starred = True
            yield f"*{argument.name}"
            continue
        if (argument.keyword_only or argument.inferred) and not starred:
            starred = True
            yield "*"
        yield argument.name if argument.required else f"{argument.name}={default_text(argument)}"


def default_text(argument: Argument) -> str:
    """The value that an argument has where it is left out: `1`, `"zeros"`, `None`; `…` for one that is inferred."""
    return "…" if argument.inferred else _literal(argument.default)


def _literal(value: object) -> str:
    match value:
        case DType():
            return value.value
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case tuple() | list():
            return f"[{', '.join(map(_literal, value))}]"
    return repr(value)
