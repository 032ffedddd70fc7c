"""The pipeline: one text in, a checked and typed graph out. Every stage can be stopped at and printed by its name.

source → schema → elaborate → requirements → passes → verify → (backends: drawing, source code, module)
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nnc.compiler.collector import collector_paused
from nnc.compiler.diagnostics import Diagnostic, Label, Problems, Source, Span

if TYPE_CHECKING:
    from nnc.compiler.elaborate import Elaborated
    from nnc.compiler.files import Files
    from nnc.compiler.graph.ir import Graph
    from nnc.compiler.ops.registry import Catalogue
    from nnc.compiler.schema.spec import Spec
    from nnc.compiler.source.tree import Tree
    from nnc.compiler.types.solver import Solution
    from nnc.compiler.weights import GivenWeights

__all__ = [
    "STAGES",
    "Compilation",
    "SpecError",
    "Stage",
    "Written",
    "compile_file",
    "compile_mapping",
    "compile_text",
    "default_catalogue",
    "refers_to_files",
]

Stage = Literal["source", "schema", "elaborate", "requirements", "passes", "verify"]
STAGES: tuple[Stage, ...] = ("source", "schema", "elaborate", "requirements", "passes", "verify")


class SpecError(Exception):
    """A spec with faults, where a caller asked for a result. `diagnostics` holds them; the text shows them all."""

    def __init__(self, diagnostics: list[Diagnostic]) -> None:
        from nnc.compiler.render.full import render

        super().__init__("\n" + render(diagnostics))
        self.diagnostics = diagnostics


@dataclass(frozen=True, slots=True)
class Written:
    """A spec in one text, perhaps with the `variant` that was chosen: a memory of it that holds nothing that was read."""

    name: str
    text: str
    variant: str | None = None

    def document(self) -> dict[str, Any]:
        """The spec as plain data, in its canonical form: read when somebody asks."""
        return self.compiled(stop_after="schema").document

    def compiled(self, **options: Any) -> Compilation:
        """Options as in `compile_text`."""
        return compile_text(self.text, name=self.name, variant=self.variant, trust=True, **options)


@dataclass
class Compilation:
    """What each stage delivered, as far as it came. `written` is the text, where it refers to no other file."""

    name: str
    problems: Problems = field(default_factory=Problems)
    written: Written | None = None
    tree: Tree | None = None
    spec: Spec | None = None
    elaborated: Elaborated | None = None
    solution: Solution[Span] | None = None

    @property
    def ok(self) -> bool:
        return not self.problems.has_errors

    @property
    def graph(self) -> Graph:
        """The typed graph. Raises `SpecError` where the spec has faults."""
        if self.elaborated is None or self.problems.has_errors:
            raise SpecError(self.problems.sorted())
        return self.elaborated.graph

    @property
    def document(self) -> dict[str, Any]:
        """The spec as plain data in its canonical form: what an artifact carries and what a model remembers."""
        if self.spec is None:
            raise SpecError(self.problems.sorted())
        from nnc.compiler.schema.canonical import canonical

        return canonical(self.spec, default_catalogue())

    @property
    def weights(self) -> GivenWeights | None:
        """What `weights:` says."""
        from nnc.compiler.weights import read_weights

        return read_weights(self.spec.sections.get("weights")) if self.spec is not None else None


def default_catalogue() -> Catalogue:
    from nnc.compiler.ops.catalogue import CATALOGUE

    return CATALOGUE


def compile_file(path: str | Path, **options: Any) -> Compilation:
    """Reads and compiles a `.yaml` or `.json` file, or with `#NAME` behind it one of its variants. Options as in
    `compile_text`."""
    from nnc.compiler.source import read_file
    from nnc.compiler.source.location import split_variant

    result = Compilation(str(path))
    file, variant = split_variant(str(path))
    read = read_file(file, result.problems)
    options = {"variant": variant, "folder": os.path.dirname(file) or "."} | options
    return result if read is None else _run(result, *read, **options)


def compile_mapping(spec: Mapping[str, Any], *, name: str = "<dict>", **options: Any) -> Compilation:
    """Compiles a spec given as Python data; its positions are those in its JSON text."""
    return compile_text(json.dumps(spec, indent=2, default=_refuse), name=name, **options)


def _refuse(value: object) -> object:
    raise TypeError(f"a spec holds dicts, lists, texts, numbers, booleans and None, not {type(value).__name__}")


def compile_text(text: str, *, name: str = "<text>", **options: Any) -> Compilation:
    """Compiles a spec's text. `variant` chooses one of its `variants:`, `args` replace defaults of its `args:`, `sizes`
    fix free dimensions, `stop_after` names the last stage. `folder` is what references to other files are relative to, and
    what they stay below; without it a text may refer to `zoo:` names only. Without `trust`, `imports:` is refused; nothing is
    imported here either way."""
    from nnc.compiler.source import read_text

    result = Compilation(name)
    tree = read_text(text, name, result.problems)
    return result if tree is None else _run(result, Source(name, text), tree, **options)


def _run(result: Compilation, source: Source, tree: Tree, **options: Any) -> Compilation:
    with collector_paused():
        return _stages(result, source, tree, **options)


def _stages(
    result: Compilation,
    source: Source,
    tree: Tree,
    *,
    variant: str | None = None,
    folder: str | None = None,
    args: Mapping[str, Any] | None = None,
    sizes: Mapping[str, int] | None = None,
    stop_after: Stage = "verify",
    catalogue: Catalogue | None = None,
    trust: bool = False,
) -> Compilation:
    """The stages after reading. Each one is skipped once an earlier one found nothing to go on with."""
    result.tree = tree
    if stop_after == "source":
        return result
    catalogue = catalogue if catalogue is not None else default_catalogue()

    from nnc.compiler.schema import check_document, read_spec
    from nnc.compiler.schema.reserved import report_reserved

    files = _files(source, folder, result.problems)
    if files is not None:
        from nnc.compiler.files import merge

        merged = merge(tree, files, name=source.name)
        if merged is None:
            return result
        tree = merged
    else:
        result.written = Written(source.name, source.text, variant)
    if report_reserved(tree, result.problems, trust=trust):
        return result
    broken = check_document(tree, catalogue, result.problems)
    result.spec = read_spec(tree, source, broken, result.problems)
    if variant is not None and result.spec is not None:
        from nnc.compiler.schema.variants import choose

        result.spec = choose(result.spec, variant, result.problems)
    if files is not None and result.spec is not None:
        from nnc.compiler.files import link

        result.spec = link(result.spec, files, catalogue)
    if stop_after == "schema" or result.spec is None:
        return result

    from nnc.compiler.elaborate import elaborate

    written = len(source.text) + (files.characters if files is not None else 0)
    result.elaborated = elaborate(result.spec, catalogue, result.problems, args=args, sizes=sizes, characters=written)
    if not result.spec.sections.keys().isdisjoint(("data", "train")):
        _read_sections(result, result.spec, broken)
    if stop_after == "elaborate" or result.elaborated is None:
        return result

    _require(result, result.elaborated)
    if stop_after == "requirements":
        return result

    from nnc.compiler.passes import run_passes

    result.elaborated = replace(result.elaborated, graph=run_passes(result.elaborated.graph))
    if stop_after == "passes":
        return result

    from nnc.compiler.graph.verify import verify

    faults = verify(result.elaborated.graph)
    if faults:
        raise AssertionError("the compiler contradicts itself, please report this:\n" + "\n".join(faults[:20]))
    return result


_REFERS = re.compile(r"zoo:|\.ya?ml|\.json|\./|extends|include")  # whatever names another file has one of these


def refers_to_files(text: str) -> bool:
    """Whether a spec may refer to another file; never wrongly False."""
    return _REFERS.search(text) is not None


def _files(source: Source, folder: str | None, problems: Problems) -> Files | None:
    """What reads the files that a spec may refer to; None where it refers to none."""
    if not refers_to_files(source.text):
        return None
    from nnc.compiler.files import Files, Place
    from nnc.specs import find

    return Files(problems, find, Place(folder, folder), os.path.realpath(source.name) if folder is not None else None)


def _read_sections(result: Compilation, spec: Spec, broken: frozenset[Span]) -> None:
    """Reports the faults of `data:` and `train:`, the network's too where it could be made. Where it could not, what
    cannot be computed
    stays quiet: the values of its arguments are not known."""
    from nnc.compiler.training import read_sections

    problems, elaborated = Problems(), result.elaborated
    graph, names = (elaborated.graph, elaborated.arguments) if elaborated is not None else (None, None)
    read_sections(spec.sections, problems, graph=graph, names=names, broken=broken, spec=spec)
    for found in problems:
        if elaborated is not None or found.code != "NNC0819":
            result.problems.add(found)


def _require(result: Compilation, elaborated: Elaborated) -> None:
    """Turns the demands on free dimensions into requirements; those that no size can meet are faults."""
    if not elaborated.graph.demands and not elaborated.promises:
        from nnc.compiler.types.requirements import Solution

        result.solution = Solution((), (), (), {}, {})
        return

    from nnc.compiler.types.solver import Located, solve

    demands = [Located(demand, span) for demand, span in elaborated.graph.demands]
    result.solution = solve(demands, elaborated.promises)
    for conflict in result.solution.conflicts:
        names = {s.name for s in conflict.promises}
        promised = [p.span for p in result.spec.dims if p.name in names] if result.spec is not None else []
        notes = (f"no sizes meet this: {conflict.text}",)
        if not conflict.demands:
            result.problems.error("NNC0507", promised[0], "no size keeps this promise", notes=notes)
            continue
        first, *others = conflict.demands
        labels = [Label(d.origin, d.demand.reason) for d in others[:3]] + [Label(s, "promised here") for s in promised]
        result.problems.error("NNC0507", first.origin, first.demand.reason, labels=tuple(labels), notes=notes)
