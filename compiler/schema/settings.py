"""Kinds of values that the sections beside the network share: settings, globs, calls."""

from __future__ import annotations

from nnc.compiler.schema.grammar import Choice, Key, Leaf, Listing, Record, Schema, computable

__all__ = [
    "ABOVE_ZERO", "ANYTHING", "CALL", "CALLS", "CALL_TEXT", "CALL_TYPE", "DATASET", "FLAG", "GLOBS", "NAMES",
    "NATURAL", "POSITIVE", "TEXT", "call", "setting",
]  # fmt: skip


def setting(words: str, schema: Schema) -> Leaf:
    """A value that may be computed from the spec's arguments: `${epochs * 2}`."""
    return Leaf(words, computable(schema), code="NNC0804")


ANYTHING = Leaf("a value", {})
TEXT = Leaf("a text", {"type": "string", "minLength": 1})
FLAG = setting("true or false", {"type": "boolean"})
POSITIVE = setting("an integer ≥ 1", {"type": "integer", "minimum": 1})
NATURAL = setting("an integer ≥ 0", {"type": "integer", "minimum": 0})
ABOVE_ZERO = setting("a number above 0", {"type": "number", "exclusiveMinimum": 0})
GLOBS = Choice(
    "a glob such as `features.*`, or a list of them", scalar=TEXT, listing=Listing("a list of globs", TEXT, least=1)
)
NAMES = Choice("a name, or a list of names", scalar=TEXT, listing=Listing("a list of names", TEXT, least=1))

CALL_TEXT = Leaf("a call such as `Adam(lr=1e-3)`", {"type": "string", "minLength": 1})
CALL_TYPE = {"type": Key(CALL_TEXT, "The name, or the call: its arguments are torch's own.")}


def call(words: str, **keys: Key) -> Choice:
    """A call string, or its mapping form: `type:`, the keys of this section, and arguments by name."""
    return Choice(
        words, scalar=CALL_TEXT, mapping=Record("a mapping with `type:`", CALL_TYPE | keys, ("type",), rest=ANYTHING)
    )


CALL = call("a call, or a mapping with `type:`")
DATASET = call('a dataset such as `MNIST(root="data")`')
CALLS = Listing("a list of calls", CALL)
