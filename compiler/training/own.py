"""Datasets and transforms of the user's own Python files: `imports: {mylib: ./my_data.py}`, then `mylib.Recordings(root="a")`.

Nothing is imported here: what a class takes is not known, so arguments are plain values by name. The runtime imports the file
where the caller trusts it, and nobody else does.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath, PureWindowsPath

from nnc.compiler.diagnostics import Problems
from nnc.compiler.ops.kinds import Kind
from nnc.compiler.ops.registry import REQUIRED, Argument
from nnc.compiler.source.tree import Mapping as TreeMapping
from nnc.compiler.source.tree import Scalar, Tree
from nnc.compiler.training.vocabulary.registry import CallDef, Group

__all__ = ["OWN", "own_call", "read_imports"]

OWN: tuple[Group, ...] = ("dataset", "transform")
ANYTHING = Kind("a plain value", lambda v: True, {})


def read_imports(tree: Tree | None, problems: Problems) -> dict[str, str]:
    """The files by name, after reporting those that are no Python files below the spec's folder."""
    found: dict[str, str] = {}
    for entry in tree if isinstance(tree, TreeMapping) else ():
        path = entry.value.value if isinstance(entry.value, Scalar) else None
        if not isinstance(path, str) or not path.endswith(".py") or _leaves(path):
            message = "what is imported is a .py file below the folder of the spec, such as ./my_data.py"
            problems.error("NNC0217", entry.value.span, message)
            continue
        found[str(entry.key.value)] = path
    return found


def _leaves(path: str) -> bool:
    both = (PurePosixPath(path), PureWindowsPath(path))
    return any(p.is_absolute() or p.drive or ".." in p.parts for p in both) or path[:1] == "~"


def own_call(group: Group, name: str, given: Iterable[str] = ()) -> CallDef:
    """What is known of a class or function of one's own: that it is called with these arguments. A transform may draw at
    random, so it works sample by sample with the sample's own seed."""
    arguments = tuple(Argument(n, ANYTHING, REQUIRED, keyword_only=True) for n in dict.fromkeys(given))
    traits = frozenset({"own", "random"} if group == "transform" else {"own"})
    return CallDef(group, name, arguments, _anything, "A class of one's own.", {}, (), traits)


def _anything(**arguments: object) -> None:
    """Any arguments go together, as far as is known."""
