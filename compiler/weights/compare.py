"""The names and shapes in a .safetensors file that `weights:` names, held against the network without torch: what could
not be loaded is said before anything runs. A file that is not there yet, or of another kind, is for the run to judge."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nnc.compiler.driver import Compilation
    from nnc.compiler.graph.ir import Graph

__all__ = ["check_weights", "read_shapes"]

MAX_HEADER = 16 << 20
SHOWN = 8

Shapes = dict[str, tuple[int, ...]]


def check_weights(result: Compilation) -> None:
    """Reports into the compilation what keeps the file of its `weights:` from being loaded."""
    weights = result.weights
    if weights is not None and (fault := weights.wrong_rename()):
        result.problems.error("NNC0921", weights.span, fault)
        return
    if weights is None or weights.pretrained or result.elaborated is None or weights.path.suffix != ".safetensors":
        return
    given = read_shapes(weights.path)
    if given is None:
        return
    if fault := weights.wrong_rename(given):
        result.problems.error("NNC0921", weights.span, fault)
        return
    given = {weights.renamed(name): shape for name, shape in given.items()}
    own, tied = _own(result.elaborated.graph)
    misfits = [f"`{n}` is {list(given[n])}, in the network {list(s)}" for n, s in own.items() if given.get(n, s) != s]
    missing = [f"`{n}` is not in the file" for n in own if n not in given and n not in tied]
    unexpected = [f"`{n}` is not in the network" for n in given if n not in own]
    wrong = [*misfits, *missing, *unexpected]
    fitting = [n for n, s in own.items() if given.get(n) == s]
    if (wrong and weights.strict) or (own and not fitting):
        more = (f"and {len(wrong) - SHOWN} more",) if len(wrong) > SHOWN else ()
        advice = ("`strict: false` loads what fits",) if fitting else ()
        message = f"the weights in {weights.source} are not this network's"
        result.problems.error("NNC0921", weights.span, message, notes=(*wrong[:SHOWN], *more, *advice))


def _own(graph: Graph) -> tuple[Shapes, set[str]]:
    """The network's state_dict as shapes, and the names in it that may be left out: those of counters, which older files
    have not, and of parameters that are tied to others."""
    from nnc.compiler.graph.ir import Graph as AnyGraph
    from nnc.compiler.graph.owned import owned

    shapes = {t.path: t.spec.shape for t in owned(graph) if t.spec.kind != "transient"}
    tied = {name for name in shapes if name.endswith("num_batches_tracked")}
    inner = [(f"{path}.", n.target) for path, n in graph.walk() if isinstance(n.target, AnyGraph)]
    for prefix, one in [("", graph), *inner]:
        tied.update(f"{prefix}{name}" for pair in one.ties for name in pair)
    return shapes, tied


def read_shapes(path: Path) -> Shapes | None:
    """Shapes by name of a safetensors file, of a saved model also those stored under another name; None where it cannot be
    read. Only the header is read, and no more than 16 MiB of it."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if length > min(MAX_HEADER, path.stat().st_size - 8):
                return None
            header = json.loads(stream.read(length))
        metadata = header.pop("__metadata__", {})
        shapes = {str(name): tuple(int(n) for n in tensor["shape"]) for name, tensor in header.items()}
        return _of_a_saved_model(shapes, json.loads(metadata["nnc"])) if "nnc" in metadata else shapes
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _of_a_saved_model(shapes: Shapes, saved: Mapping[str, Any]) -> Shapes:
    aliases = {str(alias): shapes[name] for alias, name in saved["aliases"].items()}
    return {name: shape for name, shape in (shapes | aliases).items() if name not in saved["transient"]}
