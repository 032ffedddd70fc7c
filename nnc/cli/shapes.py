"""What `nnc check --explain-shapes` prints: the way of a shape through the network, and who asks for what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from nnc.cli.exits import Misuse
from nnc.cli.signature import type_json

if TYPE_CHECKING:
    from nnc.compiler.driver import Compilation
    from nnc.compiler.shape_history import Asked, History, Origin, Step
    from nnc.compiler.types.tensor import TensorType

__all__ = ["as_json", "as_text", "explained"]

WIDEST = 56  # of a column; a longer cell pushes its line to the right
SHOWN = 4  # paths, or askers, that are named one by one


def explained(result: Compilation, path: str) -> tuple[History, tuple[Origin, ...]]:
    """The history of an entry, and who asks for the requirements. Raises Misuse for a path that leads nowhere."""
    from nnc.compiler.shape_history import NoSuchLayer, explain, origins

    graph, solution = result.graph, result.solution
    try:
        return explain(graph, path), origins(graph, solution) if solution is not None else ()
    except NoSuchLayer as error:
        meant = f"did you mean `{error.meant}`?" if error.meant else "`nnc summary FILE --expand` lists them"
        raise Misuse(f"--explain-shapes: {error}: {meant}") from None


def as_text(history: History, origins: Sequence[Origin]) -> Iterator[str]:
    yield f"{history.path} is {_types(history.outputs)}"
    rows = list(_rows(history.steps))
    widths = [min(WIDEST, max(len(row[i]) for row in rows if row[i])) for i in range(2)]
    for row in rows:
        yield "  " + "  ".join([*map(str.ljust, row[:2], widths), row[2]]).rstrip()
    for origin in origins:
        yield f"{origin.text} is asked for by"
        for asker in origin.askers[:SHOWN]:
            yield f"  line {asker.span.line}  {_several(asker.paths)}"
            yield from (f"    {asked.text}: {asked.reason}" for asked in asker.demands[:SHOWN])
        if len(origin.askers) > SHOWN:
            yield f"  and {len(origin.askers) - SHOWN} more places"


def _rows(steps: Sequence[Step]) -> Iterator[tuple[str, str, str]]:
    explained: set[str] = set()
    for quiet, group in groupby(steps, key=lambda s: s.keeps and not s.demands and s is not steps[-1]):
        run = list(group)
        if quiet:
            yield f"{_listed([s.path for s in run])}", "no change", ""
            continue
        for step in run:
            yield step.path, _types(step.gives), f"line {step.span.line}" + (f"  {step.type}" if step.type else "")
            if step.rule and not step.keeps and step.rule not in explained:
                explained.add(step.rule)
                yield "", "", f"  {step.rule}"
            if len(step.takes) > 1:
                yield "", "", "  of " + ", ".join(f"{name} {kind}" for name, kind in step.takes)
            for demand in step.demands:
                yield "", "", f"  asks for {demand.text}: {demand.reason}"


def _types(gives: Any) -> str:
    return ", ".join(f"{name} {kind}" if name else str(kind) for name, kind in gives.items())


def _listed(names: Sequence[str]) -> str:
    if len(names) <= 2:
        return ", ".join(names)
    return f"{names[0]} … {names[-1]}"


def _several(names: Sequence[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def as_json(history: History, origins: Sequence[Origin]) -> dict[str, Any]:
    """The form that `nnc check --help` documents."""
    return {
        "layer": history.path,
        "line": history.span.line,
        "outputs": _types_json(history.outputs),
        "steps": [
            {
                "path": step.path,
                "line": step.span.line,
                "type": step.type or None,
                "rule": step.rule or None,
                "takes": [{"name": name, **type_json(kind)} for name, kind in step.takes],
                "gives": _types_json(step.gives),
                "demands": _asked_json(step.demands),
            }
            for step in history.steps
        ],
        "requirements": [
            {
                "text": origin.text,
                "asked_by": [
                    {"paths": list(a.paths), "line": a.span.line, "demands": _asked_json(a.demands)}
                    for a in origin.askers
                ],
            }
            for origin in origins
        ],
    }  # fmt: skip


def _asked_json(demands: Sequence[Asked]) -> list[dict[str, str]]:
    return [{"text": asked.text, "reason": asked.reason} for asked in demands]


def _types_json(types: Any) -> list[dict[str, Any]]:
    given: dict[str, TensorType] = types
    return [{"name": name or None, **type_json(kind)} for name, kind in given.items()]
