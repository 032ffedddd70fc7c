"""Plain data as YAML text, in the look of hand-written specs: blocks for what is long, flow style for what fits on a
line.

    {"conv1": {"type": "Conv2d", "kernel_size": 3}}    →    conv1: {type: Conv2d, kernel_size: 3}
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

__all__ = ["flow_text", "scalar_text", "yaml_text"]

WIDTH = 100

# Texts that YAML 1.2's core schema takes for something else than text.
_NOT_TEXT = re.compile(
    r"(?:null|Null|NULL|~|true|True|TRUE|false|False|FALSE|[-+]?(?:\.?[0-9].*|\.(?:inf|Inf|INF))|\.(?:nan|NaN|NAN)|)$",
    re.DOTALL,
)
_PLAIN_FLOW = re.compile(r"[\w./$+*()=<>!^%~|; -]*$")
_STARTS_PLAIN = re.compile(r"[\w./$(+]")


def scalar_text(value: object, *, flow: bool) -> str:
    """A scalar as YAML reads it back; `flow`: inside `[ ]` or `{ }`, where commas and brackets end a plain text."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case float() if not math.isfinite(value):
            return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
        case int() | float():
            return repr(value)
    text = str(value)
    if _stands_plain(text, flow=flow):
        return text
    if '"' in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _stands_plain(text: str, *, flow: bool) -> bool:
    if not text.isprintable() or text != text.strip() or _NOT_TEXT.match(text):
        return False
    if flow:
        return bool(_STARTS_PLAIN.match(text) and _PLAIN_FLOW.match(text)) and " #" not in text
    return bool(_STARTS_PLAIN.match(text)) and ": " not in text and " #" not in text and not text.endswith(":")


def flow_text(value: Any) -> str:
    """On one line: `{type: Conv2d, kernel_size: [3, 5]}`."""
    match value:
        case dict():
            pairs = (f"{scalar_text(k, flow=True)}: {flow_text(v)}" for k, v in value.items())
            return f"{{{', '.join(pairs)}}}"
        case list():
            return f"[{', '.join(map(flow_text, value))}]"
    return scalar_text(value, flow=True)


def yaml_text(value: dict[str, Any]) -> str:
    """A whole document. The sections of layers are set off by an empty line, and so is every block."""
    lines: list[str] = []
    for key, child in value.items():
        if key in ("blocks", "layers") and child:
            lines += ["", f"{key}:", *(_apart(child) if key == "blocks" else _lines(child, 2))]
        else:
            lines += _entry(f"{scalar_text(key, flow=False)}:", child, 2)
    return "".join(f"{line}\n" for line in lines)


def _apart(blocks: dict[str, Any]) -> list[str]:
    lines: list[str] = []
    for name, block in blocks.items():
        lines += [*([""] if lines else []), f"  {name}:", *_lines(block, 4)]
    return lines


def _lines(value: Any, indent: int) -> list[str]:
    """The entries of a mapping or list, each from its own line on."""
    pad = " " * indent
    if isinstance(value, dict):
        heads = [(f"{pad}{scalar_text(k, flow=False)}:", child) for k, child in value.items()]
    else:
        heads = [(f"{pad}-", child) for child in value]
    return [line for head, child in heads for line in _entry(head, child, indent + 2)]


def _entry(head: str, child: Any, indent: int) -> list[str]:
    if not isinstance(child, dict | list):
        return [f"{head} {scalar_text(child, flow=False)}"]
    line = f"{head} {flow_text(child)}"
    if not child or (len(line) <= WIDTH and _is_flat(child) and not head.endswith("layers:")):
        return [line]
    inner = _lines(child, indent)
    if head.endswith("-"):  # `- type: …`, with the first key on the dash's line
        return [f"{head} {inner[0].lstrip()}", *inner[1:]]
    return [head, *inner]


def _is_flat(value: Any) -> bool:
    """Whether it reads well on one line: nothing nested but lists and mappings of scalars."""
    children = list(value.values()) if isinstance(value, dict) else value
    if isinstance(value, list) and any(isinstance(c, str) and "(" in c for c in children):
        return False  # calls stand on lines of their own
    return all(not isinstance(c, dict | list) or _is_leaf(c) for c in children)


def _is_leaf(value: Any) -> bool:
    children = value.values() if isinstance(value, dict) else value
    return not any(isinstance(c, dict | list) for c in children)
