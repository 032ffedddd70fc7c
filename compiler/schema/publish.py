"""The JSON Schema (draft-07) that `nnc schema` prints: what an editor completes, checks and shows while a spec is
written."""

from __future__ import annotations

from dataclasses import replace

from nnc.compiler.ops.registry import Catalogue, OpDef
from nnc.compiler.schema.document import ACTIONS, COMPLETE, CONTROLS, DEFINITIONS, DOCUMENT, STORED, op_record
from nnc.compiler.schema.grammar import Record, Schema, full_schema

__all__ = ["published_schema"]


def published_schema(catalogue: Catalogue) -> Schema:
    """The whole language as one schema: an entry's further keys are the arguments of its `type`."""
    definitions = {name: full_schema(part) for name, part in DEFINITIONS.items()}
    definitions["blocks"]["additionalProperties"] = _block(definitions["blocks"]["additionalProperties"])
    definitions |= {f"op:{op.name}": _op(op) for op in catalogue.values()}
    definitions |= {f"op:{name}": _arguments(record) for name, record in STORED.items()}
    definitions |= {"layer": _LAYER, "layer-mapping": _mapping_form(catalogue)}
    whole = full_schema(DOCUMENT)
    body = whole["properties"]["layers"]
    whole["properties"]["layers"] = {"description": body["description"], "anyOf": [body, _PATCH]}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "nnc: a network, its data and its training",
        **whole,
        "if": {"required": ["extends"]},
        "else": {"required": list(COMPLETE.required), "properties": {"layers": body}},
        "definitions": definitions,
    }


_LAYER: Schema = {
    "anyOf": [
        {"type": "string", "minLength": 1, "description": "A call in PyTorch's spelling, or a tensor expression."},
        {"type": "array", "items": {"$ref": "#/definitions/layer"}, "description": "An nn.Sequential."},
        {"$ref": "#/definitions/layer-mapping"},
    ]
}
# In a file that extends another, an entry without a value removes the one of that name.
_PATCH: Schema = {
    "type": "object",
    "additionalProperties": {"anyOf": [{"$ref": "#/definitions/layer"}, {"type": "null"}]},
}


def _block(schema: Schema) -> Schema:
    """Only the arguments of a block that is a network by itself may be called as a control key."""
    args = {k: v for k, v in schema["properties"]["args"].items() if k != "propertyNames"}
    names = {"properties": {"args": {"propertyNames": schema["properties"]["args"]["propertyNames"]}}}
    return schema | {"properties": schema["properties"] | {"args": args}, "if": {"required": ["blocks"]}, "else": names}


def _doc(op: OpDef) -> str:
    return " ".join(op.doc.split())


def _op(op: OpDef) -> Schema:
    schema = _arguments(op_record(op)) | {"description": _doc(op)}
    if op.form == "function":  # its lower-case name may also be an argument that holds a type: only the file can tell
        del schema["additionalProperties"]
    return schema


def _arguments(record: Record) -> Schema:
    """The record with its control keys left open: `layer-mapping` says what they are."""
    schema = full_schema(replace(record, keys={k: v for k, v in record.keys.items() if k not in CONTROLS}))
    schema["properties"] = {k: True for k in record.keys if k in CONTROLS} | schema["properties"]
    return schema


def _mapping_form(catalogue: Catalogue) -> Schema:
    """A layer's mapping form: one action, the control keys that go with it, and the arguments of the op that `type`
    names."""
    docs = {op.name: _doc(op) for op in catalogue.values()} | dict.fromkeys(STORED, "A tensor that the module owns.")
    properties = full_schema(Record("a mapping", CONTROLS))["properties"]
    known = [{"const": name, "description": doc} for name, doc in docs.items()]
    properties["type"] = {"anyOf": [*known, properties["type"]], "description": CONTROLS["type"].doc}
    return {
        "type": "object",
        "properties": properties,
        "allOf": [
            {"anyOf": [{"required": [action]} for action in ACTIONS]},
            *(_if_does(action) for action in ACTIONS),
            *(_if_type(name) for name in docs),
        ],
    }


def _if_does(action: str) -> Schema:
    """The keys that go with an action; `each` has its entries under `layers`, so it decides where both are there."""
    allowed = ACTIONS[action].keys
    condition: Schema = {"required": [action]}
    if action == "layers":
        condition["not"] = {"required": ["each"]}
    if ACTIONS[action].rest is None:
        return {"if": condition, "then": {"propertyNames": {"enum": list(allowed)}}}
    return {"if": condition, "then": {"propertyNames": {"not": {"enum": [k for k in CONTROLS if k not in allowed]}}}}


def _if_type(name: str) -> Schema:
    word = name.replace(".", r"\.")
    named = {"properties": {"type": {"type": "string", "pattern": rf"^\s*{word}\s*(\(|$)"}}, "required": ["type"]}
    return {"if": named, "then": {"$ref": f"#/definitions/op:{name}"}}
