"""Sections that are refused unless the caller says otherwise: `imports:` runs Python code, and a spec may come from anyone.
Nothing here imports anything."""

from __future__ import annotations

from nnc.compiler.diagnostics import Fix, Problems
from nnc.compiler.source.tree import Mapping, Tree

__all__ = ["RESERVED_SECTIONS", "report_reserved"]

# The section, and what it is for.
RESERVED_SECTIONS = {
    "imports": "it gives datasets and transforms of your own; what layers and functions can say goes into `blocks:`",
}


def report_reserved(tree: Tree, problems: Problems, *, trust: bool = False) -> bool:
    """Whether the file has such a section and is not trusted; each one is reported."""
    if not isinstance(tree, Mapping) or trust:
        return False
    found = [e for e in tree if e.key.value in RESERVED_SECTIONS]
    for entry in found:
        name = str(entry.key.value)
        message = f"`{name}:` runs Python code, which only a spec that you trust may do"
        fix = Fix("look at the files that it names, then say --trust")
        problems.error("NNC0217", entry.key.span, message, fix=fix, notes=(RESERVED_SECTIONS[name],))
    return bool(found)
