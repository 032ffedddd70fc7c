"""Sections that the language has and this version does not carry out: refused, because leaving one out silently would make
another network than the file says.
"""

from __future__ import annotations

from nnc.compiler.diagnostics import Problems
from nnc.compiler.source.tree import Mapping, Tree

__all__ = ["RESERVED_SECTIONS", "report_reserved"]

# The section, and what to do until it works.
RESERVED_SECTIONS = {
    "imports": "until then, what a file needs is a layer, a function or a block",
}


def report_reserved(tree: Tree, problems: Problems) -> bool:
    """Whether the file has such a section; each one is reported."""
    if not isinstance(tree, Mapping):
        return False
    found = [e for e in tree if e.key.value in RESERVED_SECTIONS]
    for entry in found:
        name = str(entry.key.value)
        message = f"`{name}:` belongs to the language, but this version of nnc does not carry it out"
        problems.error("NNC0217", entry.key.span, message, notes=(RESERVED_SECTIONS[name],))
    return bool(found)
