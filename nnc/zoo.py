"""What ships with nnc, in numbers: parameters and multiply-adds of every network behind a `zoo:` name.

To count them all takes seconds, so they are kept in `specs/index.json`, each family with a digest of its file. What the
index does not know, or knows of another text, is counted anew. `python -m nnc.zoo` writes the index.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nnc.specs import families, find, variants

__all__ = ["INDEX", "Network", "count", "digest", "networks", "write_index"]

INDEX = Path(__file__).parent / "specs" / "index.json"
SIZES = {"B": 1, "H": 224, "W": 224}  # what multiply-adds are counted for, where the network leaves it free
OTHER_SIZE = 16  # frames, words, points


@dataclass(frozen=True, slots=True)
class Network:
    """One network. `inputs` are its shapes with the sizes that `macs` is for; the first dimension is a batch of one."""

    name: str
    family: str
    inputs: dict[str, list[int]]
    parameters: int
    macs: int


def networks(family: str | None = None) -> Iterator[Network]:
    """Every network of one family, or of all, in the order of the files and of the variants in them."""
    known = _read_index()
    for each in families() if family is None else [family]:
        kept = known.get(each)
        if kept is not None and kept.get("digest") == digest(each):
            yield from (Network(family=each, **row) for row in kept["networks"])
        else:
            yield from (count(each, name) for name in variants(each) or [each])


def count(family: str, name: str) -> Network:
    """Compiles one network at the usual sizes, or where it does not take those, at the smallest that it takes. Raises
    SpecError for one with faults."""
    from nnc.compiler.driver import compile_file
    from nnc.compiler.summary import summarize

    path = find(name)
    free = compile_file(path)
    names = [n for n, size in free.graph.symbols.items() if not isinstance(size, int)]
    usual = {n: SIZES.get(n, OTHER_SIZE) for n in names}
    result = compile_file(path, sizes=usual)
    if not result.ok and free.solution is not None:
        result = compile_file(path, sizes=usual | dict(free.solution.example or {}) | {"B": 1})
    summary = summarize(result.graph)
    assert isinstance(summary.macs, int), "every size is known"
    inputs = {n: [int(str(d)) for d in kind.shape] for n, kind in summary.inputs.items()}
    return Network(name, family, inputs, summary.parameters, summary.macs)


def digest(family: str) -> str:
    """Of the family's file."""
    return hashlib.sha256(Path(find(family).partition("#")[0]).read_bytes()).hexdigest()


def write_index() -> None:
    """Counts what is not known yet, and writes the index."""
    from nnc.runtime.saving.files import write_file

    index = {f: {"digest": digest(f), "networks": [_row(n) for n in networks(f)]} for f in families()}
    lines = [f"{json.dumps(f)}: {json.dumps(kept)}" for f, kept in index.items()]
    write_file(INDEX, ("{\n" + ",\n".join(lines) + "\n}\n").encode())


def _row(network: Network) -> dict[str, Any]:
    return {k: v for k, v in asdict(network).items() if k != "family"}


def _read_index() -> dict[str, Any]:
    """An empty one where there is none: everything is counted then."""
    try:
        index: dict[str, Any] = json.loads(INDEX.read_bytes())
    except FileNotFoundError:
        return {}
    return index


if __name__ == "__main__":
    write_index()
