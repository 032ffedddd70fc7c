"""What is said about a fault in a document's form: its code, its words, the place, and how to mend it."""

from __future__ import annotations

import re
from collections.abc import Sequence as SequenceOf

from nnc.compiler.diagnostics import Fix, Label, Problems, Span
from nnc.compiler.ops.registry import OpDef
from nnc.compiler.schema.document import ACTIONS, CONTROLS, VERSION
from nnc.compiler.schema.grammar import COMPUTED, Leaf, Record
from nnc.compiler.schema.judge import judge
from nnc.compiler.schema.values import first_line
from nnc.compiler.source.tree import Entry, Mapping, Scalar, Sequence, Tree
from nnc.compiler.suggest import closest

__all__ = [
    "clash", "missing_key", "named_twice", "no_action", "no_layer", "other_version", "reserved_argument",
    "said", "too_short", "unknown_key", "wrong_kind", "wrong_value",
]  # fmt: skip

_SHOWN = 40  # characters of a text in a message
_WORDS_OF_TRUTH = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
_LOOKS_COMPUTED = re.compile(r"[^\W\d]\w*$|.*[-+*/%(\[]")


def said(node: Tree) -> str:
    """A node in the words of an error: "not …"."""
    match node:
        case Sequence(items=items, span=span, flow=flow):
            short = flow and span.end - span.start <= _SHOWN and "\n" not in span.text
            return span.text if short and items else f"a list of {len(items)}" if items else "an empty list"
        case Mapping():
            return "a mapping"
        case Scalar(value=None):
            return "nothing"
        case Scalar(value=bool() as value):
            return "true" if value else "false"
        case Scalar(value=str() as value):
            return f'the text "{value if len(value) <= _SHOWN else value[: _SHOWN - 3] + "..."}"'
        case Scalar(value=value):
            return f"the number {value}"


def _did_you_mean(word: str, at: Span, best: str | None) -> Fix | None:
    return Fix(f"did you mean `{best}`?", at, best) if best is not None else None


# -- values ------------------------------------------------------------------------------------------------------------


def wrong_kind(node: Tree, title: str, words: str, problems: Problems) -> None:
    problems.error("NNC0201", first_line(node), f"{title} must be {words}, not {said(node)}")


def wrong_value(node: Tree, at: Tree, part: Leaf, title: str, words: str, problems: Problems) -> None:
    """`at` is the part of `node` that is at fault."""
    fix = _mend(at, part) if isinstance(at, Scalar) else None
    problems.error(part.code, first_line(at), f"{title} must be {words}, not {said(node)}", fix=fix)


def _mend(at: Scalar, part: Leaf) -> Fix | None:
    """The value that was probably meant: without quotes, spelled right, computed."""
    if not isinstance(at.value, str):
        return None
    text = at.value.strip()
    choices = list(_choices(part.schema))
    if (best := closest(text, choices)) is not None:
        return Fix(f'did you mean "{best}"?', at.content, best)
    truth = _WORDS_OF_TRUTH.get(text.lower())
    if truth is not None and judge().accepts(part, truth == "true"):
        return Fix(f"write {truth}", at.span, truth)
    if at.quoted and (number := _number(text)) is not None and judge().accepts(part, number):
        return Fix(f"without quotes it is the number {text}", at.span, text)
    if _takes_computed(part) and not choices and _LOOKS_COMPUTED.match(text):
        computed = f"${text}" if text.isidentifier() else f'"${{{text}}}"' if '"' not in text else None
        return Fix(f"a computed value is written `{computed or '${…}'}`", at.span if computed else None, computed)
    return None


def _number(text: str) -> int | float | None:
    try:
        return int(text) if text.lstrip("-").isdecimal() and len(text) < 20 else float(text)
    except ValueError:
        return None


def _choices(schema: object) -> list[str]:
    """The texts that a schema's `enum`s name."""
    if not isinstance(schema, dict):
        return []
    own = [c for c in schema.get("enum", ()) if isinstance(c, str)]
    return own + [c for branch in schema.get("anyOf", ()) for c in _choices(branch)]


def _takes_computed(part: Leaf) -> bool:
    return COMPUTED in part.schema.get("anyOf", ())


def too_short(node: Sequence, title: str, words: str, problems: Problems) -> None:
    problems.error("NNC0201", first_line(node), f"{title} must be {words}, and this one is empty")


def other_version(version: Scalar, problems: Problems) -> None:
    problems.error(
        "NNC0204",
        version.content,
        f"this file is in version {version.value} of the language, and this nnc reads version {VERSION}",
        fix=Fix("update nnc, or write the file in the older version"),
    )


# -- keys --------------------------------------------------------------------------------------------------------------


def unknown_key(
    entry: Entry, part: Record, owner: str, op: OpDef | None, keys: SequenceOf[str], problems: Problems
) -> str | None:
    """Reports a key that the record does not have. Gives the key that was meant, where one is near."""
    key, at = str(entry.key.value), entry.key.content
    message = f"{owner} has no {part.noun} `{key}`"
    call_time = {a.name for a in op.calls} if op is not None else set()
    tensors = {a.name for a in op.inputs} if op is not None else set()
    if key in call_time:
        fix = Fix(f"it belongs to the call: `call: {{{key}: …}}`")
        problems.error(part.code, at, message, fix=fix)
        return None
    if key in tensors:
        fix = Fix(f"a tensor comes in through `from: {{{key}: …}}`")
        problems.error(part.code, at, message, fix=fix)
        return None
    best = closest(key, [k for k in part.keys if k not in keys])
    own = [k for k in part.keys if k not in CONTROLS] if part.noun == "argument" else list(part.keys)
    notes = () if best is not None else (f"its {part.noun}s are {', '.join(own) or 'none'}",)
    problems.error(part.code, at, message, notes=notes, fix=_did_you_mean(key, at, best))
    return best


def missing_key(node: Mapping, key: str, part: Record, owner: str, problems: Problems) -> None:
    at = node.entries[0].key.content if node.entries else first_line(node)
    fix = None
    if key == "nnc" and node.entries:
        fix = Fix("begin with the language's version", at.sub(0, 0), f"nnc: {VERSION}\n")
    notes = (part.keys[key].doc,) if part.keys[key].doc else ()
    problems.error("NNC0203", at, f"{owner} needs `{key}:`", notes=notes, fix=fix)


def clash(entry: Entry, action: str, part: Record, problems: Problems) -> None:
    key = str(entry.key.value)
    if key in ACTIONS and action != "each":
        message = f"an entry does one thing: `{key}` and `{action}` do not go together"
    else:
        message = f"`{key}` does not go with {f'`type: {part.owner}`' if part.owner else f'`{action}`'}"
    allowed = ", ".join(f"`{k}`" for k in part.keys if k in CONTROLS and k != action)
    problems.error("NNC0207", entry.key.content, message, notes=(f"`{action}` goes with {allowed}",))


def placed_nowhere(entry: Entry, problems: Problems) -> None:
    message = f"`{entry.key.value}:` places an entry among those of a file that is extended"
    problems.error("NNC0207", entry.key.content, message, notes=("elsewhere entries stand where they are written",))


def reserved_argument(key: Scalar, problems: Problems) -> None:
    problems.error(
        "NNC0209",
        key.content,
        f"`{key.value}` cannot be a block's argument: the mapping form of a layer keeps this key for itself",
        notes=(f"kept words are {', '.join(sorted(CONTROLS))}",),
    )


def named_twice(key: Scalar, first: Scalar, problems: Problems) -> None:
    labels = (Label(first.content, f"`{first.value}` is an input"),)
    problems.error("NNC0211", key.content, f"`{key.value}` names both an input and an argument", labels=labels)


# -- layers ------------------------------------------------------------------------------------------------------------


def no_layer(node: Scalar, key: Scalar | None, problems: Problems) -> None:
    """A scalar that is no call: nothing, a number, true."""
    at = key.content if key is not None and node.value is None else node.content
    title = f"`{key.value}`" if key is not None else "this item"
    if node.value is None:
        notes = ("only in a file that `extends` another does an entry without a value mean something: it removes",)
        problems.error("NNC0208", at, f"{title} has no layer: write a call such as `Linear(10)`", notes=notes)
    else:
        message = f"{title} must be a layer: a call such as `Linear(10)`, or a mapping with `type:`, not {said(node)}"
        problems.error("NNC0201", at, message)


def no_action(node: Mapping, key: Scalar | None, problems: Problems) -> None:
    """A mapping form that says nothing to do. One message, for what was most likely meant."""
    title = f"`{key.value}`" if key is not None else "this item"
    own = [e for e in node.entries if str(e.key.value) not in CONTROLS]
    at = key.content if key is not None else node.entries[0].key.content if node.entries else first_line(node)
    for entry in own:
        word = str(entry.key.value)
        best = closest(word, ACTIONS)
        if best is not None:
            where = entry.key.content
            problems.error("NNC0202", where, f"there is no key `{word}` here", fix=_did_you_mean(word, where, best))
            return
    if key is None and len(own) == 1 and len(node.entries) == 1 and not _is_plain(own[0].value):
        name = own[0].key
        problems.error(
            "NNC0215",
            name.content,
            f"`{name.value}` stands in a list, whose items have no names",
            notes=("a list of layers is an nn.Sequential: its items are called 0, 1, 2, …",),
            fix=Fix("write the call alone, or make the list a mapping: without the `-`"),
        )
        return
    if own and len(own) == len(node.entries) and not any(_is_plain(e.value) for e in own):
        message = f"{title} holds layers: they stand under `layers:`"
        problems.error("NNC0206", at, message, fix=Fix("put a line `layers:` before them"))
        return
    source = node.get("from")
    if isinstance(source, Scalar) and not own:
        fix = Fix(f"for another name of the same value write `{source.value}` itself, else say the `type:`")
        problems.error("NNC0206", at, f"{title} says what flows in, but not what is done with it", fix=fix)
        return
    problems.error(
        "NNC0206", at, f"{title} says nothing to do", notes=("an entry has `type:`, `expr:`, `use:` or `layers:`",)
    )


def _is_plain(node: Tree) -> bool:
    """Whether a value can be no layer: a number, true, nothing, a list."""
    return isinstance(node, Sequence) or (isinstance(node, Scalar) and not isinstance(node.value, str))
