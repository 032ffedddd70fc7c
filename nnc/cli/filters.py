"""`--where` of `nnc runs`: which runs are meant, by what was measured, their arguments and settings, and their state."""

from __future__ import annotations

import math
import operator
import re
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from nnc.cli.exits import Misuse
from nnc.compiler.suggest import closest

if TYPE_CHECKING:
    from nnc.runtime.runs import Run

__all__ = ["Condition", "chosen", "condition"]

_FORM = re.compile(r"([^<>=!]+)(>=|<=|!=|=|<|>)(.*)", re.DOTALL)
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "=": operator.eq, "!=": operator.ne,
}  # fmt: skip


@dataclass(frozen=True)
class Condition:
    """`validation.accuracy>=0.98`, `status=finished`, `args.width!=8`, `spec.train.optimizer=Adam*`."""

    key: str
    sign: str
    value: str

    def holds(self, known: Mapping[str, Any]) -> bool:
        """Numbers are compared as numbers; a text is equal to a glob that fits it. What a run does not have is not
        equal to anything."""
        if self.key not in known:
            return self.sign == "!="
        mine, other = _number(known[self.key]), _number(self.value)
        if mine is not None and other is not None:
            return _COMPARE[self.sign](mine, other)
        if self.sign not in ("=", "!="):
            return False
        return fnmatchcase(str(known[self.key]), self.value) == (self.sign == "=")


def condition(text: str) -> Condition:
    """The value of `--where`: an argparse type."""
    match = _FORM.fullmatch(text)
    if match is None or not match[1].strip():
        raise ArgumentTypeError(f"write NAME=VALUE, or with != >= <= > <, such as status=finished, not {text[:60]!r}")
    return Condition(match[1].strip(), match[2], match[3].strip())


def chosen(runs: Sequence[Run], conditions: Iterable[Condition]) -> list[Run]:
    """The runs for which all conditions hold. Raises Misuse where no run has what one of them names."""
    conditions = list(conditions)
    known = [(one, _known(one)) for one in runs]
    names = dict.fromkeys(k for _, values in known for k in values)
    for wanted in conditions:
        if names and wanted.key not in names:
            meant = _meant(wanted.key, names)
            hint = f"did you mean {meant}?" if meant else f"there is {', '.join(list(names)[:12])} …"
            raise Misuse(f"--where {wanted.key}: {hint}")
    return [one for one, values in known if all(c.holds(values) for c in conditions)]


def _meant(key: str, names: Iterable[str]) -> str | None:
    """`accuracy` is `validation.accuracy`."""
    last = {name.rpartition(".")[2]: name for name in reversed(list(names))}
    near = closest(key, names) or closest(key, last)
    return last.get(key) or (last.get(near, near) if near else None)


def _known(run: Run) -> dict[str, Any]:
    """Everything about a run that a condition may name."""
    from nnc.runtime.runs import leaves

    state = {"run": run.folder.name, "network": run.name, "status": run.status, "epoch": len(run.epochs)}
    settings = {k: run.document.get(k) for k in ("args", "sizes", "overrides", "spec")}
    return state | run.quantities() | dict(leaves(settings))


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return None if math.isnan(number) else number
