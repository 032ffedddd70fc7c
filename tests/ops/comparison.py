"""What an op's rule says of a case, beside what torch does with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nnc.compiler.ops.apply import Applied, apply
from nnc.compiler.ops.call import Refusal
from nnc.compiler.ops.registry import OpDef
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType
from tests.ops.cases import any_case
from tests.ops.causes import cause, causes
from tests.ops.exceptions import reason_to_be_stricter
from tests.ops.oracle import Outcome, run

__all__ = ["Verdict", "compare", "examine", "ours"]

Arguments = Mapping[str, Any]
WRONG_KIND = "NNC0305"


@dataclass(frozen=True)
class Verdict:
    """`accepted`: by both, with the same results and parameters. `refused`: by both, for the same cause. `stricter`:
    refused here on purpose. `differs`: none of these. `text` is the reason, or the difference."""

    kind: Literal["accepted", "refused", "stricter", "differs"]
    text: str = ""


def examine(op: OpDef, examples: int, *, derandomize: bool = True) -> Counter[str]:
    """Compares this many cases, and counts verdicts by kind. Raises AssertionError, with the smallest case that hypothesis
    finds, where one differs."""
    counts: Counter[str] = Counter()

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        derandomize=derandomize,
    )
    @given(st.data())
    def check(data: st.DataObject) -> None:
        arguments = data.draw(any_case(op))
        verdict = compare(op, arguments)
        counts[verdict.kind] += 1
        assert verdict.kind != "differs", f"{op.name}({arguments}) {verdict.text}"

    check()
    return counts


def compare(op: OpDef, arguments: Arguments) -> Verdict:
    """Ours and torch's answer to one case."""
    try:
        return _compare(op, arguments, ours(op, arguments), run(op, arguments))
    except LookupError as unknown:  # a message that the table of causes does not have
        return Verdict("differs", str(unknown))


def _compare(op: OpDef, arguments: Arguments, mine: Applied | Refusal, theirs: Outcome) -> Verdict:
    if isinstance(mine, Applied):
        if theirs.refused:
            return Verdict("differs", f"gives {mine.results}, but torch refuses: {theirs.error}")
        difference = _empty(mine) or _results(mine, theirs) or _names(mine, theirs) or _state(op, mine, theirs)
        return Verdict("differs", difference) if difference else Verdict("accepted")
    if theirs.refused:
        # Of a value of another kind torch says what it came to do with it.
        if mine.code == WRONG_KIND or _same_cause(op, arguments, mine, theirs):
            return Verdict("refused")
        return Verdict("differs", f"refused for its {cause(mine)} ({mine.message}), but torch says: {theirs.error}")
    reason = reason_to_be_stricter(op, arguments, mine, theirs)
    if reason:
        return Verdict("stricter", reason)
    return Verdict("differs", f"refused ({mine.message}), but torch gives {theirs.results}")


def ours(op: OpDef, arguments: Arguments) -> Applied | Refusal:
    """What the compiler says: values of another kind than the argument's never reach the rule."""
    for argument in (*op.calls, *op.arguments):
        plain = argument.name in arguments and not (argument.kind.tensor or argument.variadic)
        if plain and not argument.kind.accepts(arguments[argument.name]):
            return Refusal(WRONG_KIND, f"{argument.name} must be {argument.kind.words}", argument.name)
    try:
        return apply(op, arguments)
    except Refusal as refusal:
        return refusal


def _results(mine: Applied, theirs: Outcome) -> str:
    here = tuple((t.shape, str(t.dtype)) for _, t in mine.results)
    return "" if here == theirs.results else f"gives {here}, but torch {theirs.results}"


def _names(mine: Applied, theirs: Outcome) -> str:
    """Where torch names its results, as `max` its values and indices."""
    here = tuple(n for n, _ in mine.results)
    return "" if theirs.names in ((), here) else f"calls its results {here}, but torch {theirs.names}"


def _empty(mine: Applied) -> str:
    """No tensor is without elements (docs/decisions/0027): most of torch's kernels refuse such a one."""
    return f"gives {mine.results}, which has no elements" if any(0 in t.shape for _, t in mine.results) else ""


def _state(op: OpDef, mine: Applied, theirs: Outcome) -> str:
    if op.form == "function":
        return ""
    here = tuple((p.name, p.shape, str(p.dtype)) for p in mine.call.parameters if p.kind != "transient")
    return "" if here == theirs.state else f"owns {here}, but torch {theirs.state}"


# -- causes ------------------------------------------------------------------------------------------------------------


def _same_cause(op: OpDef, arguments: Arguments, mine: Refusal, theirs: Outcome) -> bool:
    """Whether torch blames what we blame. A case may have several faults, of which each names the first it comes to: then
    it is taken apart, until torch blames what we do, or, our fault mended, we blame what torch does."""
    blamed = cause(mine)
    if blamed in causes(theirs.error):
        return True
    for mended, simpler in _taken_apart(op, arguments):
        here = ours(op, simpler)
        if isinstance(here, Refusal) and (cause(here) == blamed) != (blamed in mended):
            there = run(op, simpler)
            if cause(here) in causes(there.error) if there.refused else reason_to_be_stricter(op, simpler, here, there):
                return True
    return False


def _taken_apart(op: OpDef, arguments: Arguments) -> Iterator[tuple[set[str], dict[str, Any]]]:
    """The case with fewer faults: of usual dtypes, without its optional arguments, with an input of another rank."""
    optional = [a.name for a in (*op.arguments, *op.calls, *op.inputs) if not a.required and a.name in arguments]
    plains = [dict(arguments), *({k: _usual(k, v, keep) for k, v in arguments.items()} for keep in (True, False))]
    for plain in plains:
        mended = {"dtype"} if plain != arguments else set()
        yield mended, plain
        yield mended, {k: v for k, v in plain.items() if k not in optional}
        for name in optional:
            yield mended, {k: v for k, v in plain.items() if k != name}
        for name, value in plain.items():
            if isinstance(value, TensorType):
                for lead in (1, 2, 3):
                    yield {*mended, "rank"}, plain | {name: value.with_shape(*(1,) * lead, *value.shape)}
                    yield {*mended, "rank"}, plain | {name: value.with_shape(*value.shape[lead:])}


def _usual(name: str, value: Any, keep: bool) -> Any:
    """Tensors of the dtype that such an input mostly has. `keep`: int64 is one, and that of classes."""
    if isinstance(value, tuple | list):
        return type(value)(_usual(name, v, keep) for v in value)
    if not isinstance(value, TensorType):
        return value
    places = any(word in name for word in ("ind", "offsets", "lengths"))
    places = places or (keep and (value.dtype.is_integer or name == "targets"))
    return value.with_dtype(DType.int64 if places else DType.float32)
