"""jsonschema as the judge of single pieces: compiled once, asked once per piece and value, its verdict turned into a
place.

A document is never validated as a whole (300 layers against one `oneOf` of 150 ops take 600 ms): the walk in `check.py`
knows which small schema stands where, and asks for exactly that one.
"""

from __future__ import annotations

from collections import deque
from functools import cache
from typing import TYPE_CHECKING, Any

from nnc.compiler.schema.grammar import Leaf, Listing, Record, Table, own_schema

if TYPE_CHECKING:
    from jsonschema import Draft7Validator
    from jsonschema.exceptions import ValidationError

__all__ = ["Judge", "judge"]

Judged = Leaf | Record | Table | Listing
MAX_VERDICTS = 100_000


class Judge:
    """Validators by piece, and what they said. A piece is kept with its validator, so its id stays its own."""

    def __init__(self) -> None:
        from jsonschema import Draft7Validator  # 50 ms: only who checks a document pays

        self._make = Draft7Validator
        self._validators: dict[int, tuple[Judged, Draft7Validator]] = {}
        self._verdicts: dict[tuple[int, type, Any], bool] = {}

    def accepts(self, part: Judged, value: Any, key: Any = None) -> bool:
        """Whether `value` fits. `key` stands for the value among remembered verdicts; None: not remembered."""
        if key is None:
            return self._validator(part).is_valid(value)
        known = (id(part), type(value), key)
        verdict = self._verdicts.get(known)
        if verdict is None:
            verdict = self._validator(part).is_valid(value)
            if len(self._verdicts) >= MAX_VERDICTS:
                self._verdicts.clear()
            self._verdicts[known] = verdict
        return verdict

    def fault(self, part: Leaf, value: Any) -> tuple[str | int, ...]:
        """Where in a refused value the fault is: the path to the deepest part that no branch of the schema takes."""
        paths = [_deepest(e) for e in self._validator(part).iter_errors(value)]
        return max(paths, key=len, default=())

    def _validator(self, part: Judged) -> Draft7Validator:
        found = self._validators.get(id(part))
        if found is None:
            found = self._validators[id(part)] = (part, self._make(own_schema(part)))
        return found[1]


@cache
def judge() -> Judge:
    """The process's judge: the grammar's pieces are constants, so what was compiled for one document serves the
    next."""
    return Judge()


def _deepest(error: ValidationError) -> tuple[str | int, ...]:
    """The path of the deepest error among the branches of an `anyOf`: `[3, -1]` was meant as a list, and its `-1` is at
    fault."""
    best = tuple(error.absolute_path)
    waiting = deque(error.context or ())
    while waiting:
        inner = waiting.popleft()
        path = tuple(inner.absolute_path)
        if len(path) > len(best):
            best = path
        waiting.extend(inner.context or ())
    return best
