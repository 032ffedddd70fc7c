"""The published schema: valid draft-07, of one mind with the schema check, and useful in an editor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from nnc.compiler.schema import published_schema
from nnc.compiler.schema.canonical import canonical
from nnc.compiler.source.tree import to_plain
from tests.schema.helpers import CATALOGUE, EXAMPLES, read, spec_of
from tests.schema.test_check import DOCUMENTS, LAYERS, below_head

SCHEMA = published_schema(CATALOGUE)
VALIDATOR = Draft7Validator(SCHEMA)
SPECS = [Path(__file__).parents[2] / "specs" / f"{name}.yaml" for name in ("lenet5", "resnet", "unet", "vit")]

# Codes of faults that no JSON Schema can see: names in expressions, texts of calls, two places that must agree.
UNSEEN = {"NNC0211", "NNC0213", "NNC0214", "NNC0216", "NNC0306", "NNC0212"}
UNSEEN_LAYERS = {"Python's prefix", "arguments by position twice", "each without layers"}


def plain(text: str) -> Any:
    tree = read(text).tree
    assert tree is not None
    return to_plain(tree)


def faults(document: Any) -> list[str]:
    return [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:200]}" for e in VALIDATOR.iter_errors(document)]


def test_it_is_valid_draft_07() -> None:
    Draft7Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"


@pytest.mark.parametrize("text", EXAMPLES.values(), ids=EXAMPLES)
def test_examples(text: str) -> None:
    assert not faults(plain(text))


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
@pytest.mark.parametrize("spelling", ["as written", "call", "positions", "names"])
def test_shipped_specs_in_every_spelling(path: Path, spelling: str) -> None:
    text = path.read_text(encoding="utf-8")
    spec = spec_of(text, path.name)
    document = {
        "as written": lambda: plain(text),
        "call": lambda: canonical(spec, CATALOGUE, calls=True),
        "positions": lambda: canonical(spec),
        "names": lambda: canonical(spec, CATALOGUE),
    }[spelling]()
    assert not faults(document)


@pytest.mark.parametrize(("name", "text"), [*DOCUMENTS.items(), *((k, below_head(v)) for k, v in LAYERS.items())])
def test_it_refuses_what_the_check_refuses(name: str, text: str) -> None:
    done = read(text)
    assert done.tree is not None
    codes = {d.code for d in done.problems}
    seen = bool(codes - UNSEEN) and name not in UNSEEN_LAYERS
    assert bool(faults(to_plain(done.tree))) is seen


@pytest.mark.parametrize(
    ("entry", "accepted"),
    [
        ({"type": "Linear", "out_features": 3}, True),
        ({"type": "Linear", "out_features": "$n"}, True),
        ({"type": "Linear(3)", "bias": False}, True),
        ({"type": "Linear", "out_features": "three"}, False),
        ({"type": "Linear(3)", "bais": False}, False),
        ({"type": "LinearBlock", "anything": 3}, True),
        ({"type": "norm", "affine": False}, True),
        ({"type": "Parameter", "args": [[3]], "from": "x"}, False),
    ],
)
def test_an_entry_is_dispatched_by_its_type(entry: dict[str, Any], accepted: bool) -> None:
    document = {"nnc": 1, "inputs": {"x": ["B", 3]}, "layers": {"a": entry}}
    assert (not faults(document)) is accepted


def test_an_editor_shows_what_a_key_means() -> None:
    definitions = SCHEMA["definitions"]
    conv = definitions["op:Conv2d"]
    assert conv["description"]
    assert conv["properties"]["stride"]["description"].endswith("Default: 1.")
    assert "need not be written" in conv["properties"]["in_channels"]["description"]
    types = [branch.get("const") for branch in definitions["layer-mapping"]["properties"]["type"]["anyOf"]]
    assert set(CATALOGUE) <= set(types)
    assert all("description" in s for s in SCHEMA["properties"].values())
    assert all("description" in s for s in definitions["layer-mapping"]["properties"].values())
