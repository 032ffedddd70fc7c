"""jsonschema judges small pieces: the same piece and value once, and its verdict leads to the place of the fault."""

from __future__ import annotations

import pytest

from nnc.compiler.schema import judge as judging
from nnc.compiler.schema.grammar import Key, Leaf, Listing, Record, computable, full_schema, own_schema
from nnc.compiler.schema.judge import Judge
from tests.schema.helpers import read

PAIR = Leaf(
    "two integers",
    computable({"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer", "minimum": 0}}]}),
)


@pytest.mark.parametrize(
    ("value", "accepted"),
    [(3, True), ([3, 5], True), ("$n", True), ([3, "$n"], True), ("${a + b}", True), ("3", False), ([3, -1], False)],
)
def test_verdicts(value: object, accepted: bool) -> None:
    assert Judge().accepts(PAIR, value) is accepted


def test_the_fault_is_as_deep_as_it_goes() -> None:
    assert Judge().fault(PAIR, [3, -1]) == (1,)
    assert Judge().fault(PAIR, "three") == ()


def test_one_and_true_are_judged_apart() -> None:
    judge, flag = Judge(), Leaf("true or false", {"type": "boolean"})
    assert not judge.accepts(flag, 1, (1,))
    assert judge.accepts(flag, True, (True,))
    assert not judge.accepts(flag, 1.0, (1.0,))


def test_equal_layers_are_judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = Judge()
    asked: list[object] = []
    validator = judge._validator

    def counted(part: object) -> object:
        asked.append(part)
        return validator(part)  # type: ignore[arg-type]  # whatever accepts was given

    monkeypatch.setattr(judge, "_validator", counted)
    monkeypatch.setattr("nnc.compiler.schema.check.judge", lambda: judge)
    layers = "".join(f"  l{i}: {{type: Conv2d, out_channels: 64, kernel_size: 3}}\n" for i in range(300))
    assert not read(f"nnc: 1\ninputs: {{x: [B, 3, H, W]}}\nlayers:\n{layers}").problems.found
    assert 0 < len(asked) < 30


def test_a_full_memory_is_emptied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "MAX_VERDICTS", 10)
    judge = Judge()
    for i in range(100):
        assert judge.accepts(PAIR, i, (i,))
    assert len(judge._verdicts) <= 10


def test_own_and_full_schema() -> None:
    part = Record("a mapping", {"n": Key(Listing("a list", PAIR, least=1), "How many.")}, required=("n",))
    assert own_schema(part) == {
        "type": "object", "properties": {"n": True}, "required": ["n"], "additionalProperties": False,
    }  # fmt: skip
    inner = full_schema(part)["properties"]["n"]
    assert (inner["type"], inner["minItems"], inner["description"]) == ("array", 1, "How many.")
    assert inner["items"]["errorMessage"] == "must be two integers"
