"""A spec as it was written: what remembers it without holding all that was read from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nnc.compiler.driver import Compilation, Stage

__all__ = ["Written"]


@dataclass(frozen=True, slots=True)
class Written:
    """One text that says all of a spec, perhaps with the `variant` that was chosen. It is read again when somebody asks."""

    name: str
    text: str
    variant: str | None = None

    def document(self) -> dict[str, Any]:
        """The spec as plain data, in its canonical form. Raises SpecError where it has faults."""
        return self.compiled(stop_after="schema").document

    def compiled(self, *, stop_after: Stage = "verify", **given: Mapping[str, Any]) -> Compilation:
        """With the `args` and `sizes` given."""
        from nnc.compiler.driver import compile_text  # which says what was written

        return compile_text(self.text, name=self.name, variant=self.variant, trust=True, stop_after=stop_after, **given)
