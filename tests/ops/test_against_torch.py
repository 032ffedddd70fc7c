"""Every op does what torch does: the same results, the same parameters, and what torch refuses is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from nnc.compiler.ops.apply import Applied, apply
from nnc.compiler.ops.call import Refusal
from nnc.compiler.ops.catalogue import CATALOGUE
from nnc.compiler.ops.registry import OpDef
from tests.ops.cases import case
from tests.ops.exceptions import reason_to_be_stricter
from tests.ops.oracle import Outcome, run

NIGHTLY = settings.get_current_profile_name() == "nightly"


def ours(op: OpDef, arguments: dict[str, Any]) -> Applied | Refusal:
    try:
        return apply(op, arguments)
    except Refusal as refusal:
        return refusal


def difference(op: OpDef, arguments: dict[str, Any]) -> str:
    """What the rule and torch disagree about; nothing where they agree."""
    mine, theirs = ours(op, arguments), run(op, arguments)
    if isinstance(mine, Refusal):
        if theirs.refused or reason_to_be_stricter(op, arguments, mine, theirs):
            return ""
        return f"refused ({mine.message}), but torch gives {theirs.results}"
    if theirs.refused:
        return f"gives {mine.results}, but torch refuses: {theirs.error}"
    return _results(mine, theirs) or _state(op, mine, theirs)


def _results(mine: Applied, theirs: Outcome) -> str:
    here = tuple((t.shape, str(t.dtype)) for _, t in mine.results)
    return "" if here == theirs.results else f"gives {here}, but torch {theirs.results}"


def _state(op: OpDef, mine: Applied, theirs: Outcome) -> str:
    if op.form == "function":
        return ""
    here = tuple((p.name, p.shape, str(p.dtype)) for p in mine.call.parameters if p.kind != "transient")
    return "" if here == theirs.state else f"owns {here}, but torch {theirs.state}"


@pytest.mark.parametrize("name", list(CATALOGUE))
def test_does_what_torch_does(name: str) -> None:
    op = CATALOGUE[name]

    @settings(
        max_examples=300 if NIGHTLY else 20 if op.form == "module" else 8,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    @given(st.data())
    def check(data: st.DataObject) -> None:
        arguments = data.draw(case(op))
        problem = difference(op, arguments)
        note(f"{name}: {arguments}")
        assert not problem, f"{name}({arguments}) {problem}"

    check()
