"""`record`: the frozen dataclass of what a long spec makes by the hundred thousand, positions, the nodes of trees, entries.

Frozen to mypy, which refuses whoever assigns to a field. At run time nothing guards the fields, because the guard of the standard
library makes every constructor three to four times as long (0.40 → 0.12 µs with three fields, 1.3 → 0.3 with twelve).
Equality, hash, repr and slots are those of a frozen dataclass; with `eq=False` two are equal where they are one object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["record"]

if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:
    from dataclasses import dataclass

    def record(*, frozen, slots, eq=True):
        assert frozen, "what may change is an ordinary dataclass"
        return dataclass(slots=slots, eq=eq, unsafe_hash=eq)
