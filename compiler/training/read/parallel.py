"""`parallel:` of `train:`, and of the command line: how several processes train together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase

from nnc.compiler.diagnostics import Fix, Problems, Span
from nnc.compiler.graph.ir import Graph, Node
from nnc.compiler.graph.pairs import pairs_of
from nnc.compiler.source.tree import Mapping as TreeMapping
from nnc.compiler.source.tree import Scalar
from nnc.compiler.training.config import Network, OptimizerConfig
from nnc.compiler.training.config.parallel import KINDS, NUMBERS, UNSHARDED, ParallelConfig, TensorConfig
from nnc.compiler.training.read.sections import Section
from nnc.compiler.training.read.values import did_you_mean

__all__ = ["KEYS", "parse_parallel", "read_parallel"]

OF_BOTH = ("type", "sync_batchnorm", "timeout", "background_saves")
OF_DDP = ("bucket_cap_mb", "static_graph")
OF_FSDP = ("units", "reshard_after_forward", "cpu_offload", "param_dtype", "reduce_dtype", "tensor")
KEYS = (*OF_BOTH, *OF_DDP, *OF_FSDP)


def read_parallel(
    section: Section, network: Network | None = None, optimizers: Iterable[OptimizerConfig] = ()
) -> ParallelConfig:
    """`parallel: ddp`, or `parallel: {type: fsdp, cpu_offload: true}`; the default where it is absent or wrong. Modules that
    are named must be in the network, and the optimizer must be one that can do it."""
    tree = section.values.get("parallel")
    if tree is None or (isinstance(tree, Scalar) and tree.value is None):
        return ParallelConfig()
    if isinstance(tree, TreeMapping):
        part = Section("parallel", tree, KEYS, section.problems, section.names, section.broken)
        part.need("type", "fsdp")
        config = _mapping(part, network)
        section.ok = section.ok and part.ok
    else:
        config = ParallelConfig(section.value("parallel", f"Literal{list(KINDS)}", "ddp"), span=tree.span)
    if config.kind == "fsdp" and "steps" in section.values:
        where = config.span or section.span
        section.error(
            "NNC0811", where, "several steps for each batch go with `ddp`: a part of a sharded network cannot run"
        )
    if section.ok:
        _check_optimizers(section, config, optimizers)
    return config


def parse_parallel(written: str, problems: Problems) -> ParallelConfig | None:
    """The same from a command line: `ddp`, `fsdp`, or `{type: fsdp, cpu_offload: true}`. None after reporting what is wrong.
    Names of modules are not checked here."""
    from nnc.compiler.ops.catalogue import CATALOGUE
    from nnc.compiler.schema.check import check_section
    from nnc.compiler.schema.train_section import PARALLEL
    from nnc.compiler.source import read_text

    tree = read_text(f"parallel: {written}", "--parallel", problems)
    value = tree.get("parallel") if isinstance(tree, TreeMapping) else None
    if tree is None or value is None or not check_section(value, PARALLEL, "`parallel`", CATALOGUE, problems):
        return None
    section = Section("train", tree, ("parallel",), problems)
    found = read_parallel(section)
    return found if section.ok else None


def _mapping(part: Section, network: Network | None) -> ParallelConfig:
    kind = part.value("type", f"Literal{list(KINDS)}", "ddp")
    foreign = OF_FSDP if kind == "ddp" else OF_DDP
    for key in foreign:
        if key in part.values:
            other = "fsdp" if kind == "ddp" else "ddp"
            part.error("NNC0811", part.spans[key], f"`{key}` belongs to `type: {other}`, and this is `{kind}`")
    number = f"Literal{list(NUMBERS)} | None"
    config = ParallelConfig(
        kind,
        sync_batchnorm=part.value("sync_batchnorm", "bool", False),
        timeout=part.value("timeout", "Positive", 600),
        background_saves=part.value("background_saves", "bool | None", None),
        span=part.span,
    )
    if kind == "ddp":
        return replace(
            config,
            bucket_cap_mb=part.value("bucket_cap_mb", "Positive | None", None),
            static_graph=part.value("static_graph", "bool", False),
        )
    graph = network.graph if network is not None else None
    units = part.texts("units")
    for pattern, span in units or ():
        _must_be_there(pattern, span, graph, part)
    return replace(
        config,
        units=None if units is None else tuple(p for p, _ in units),
        reshard_after_forward=part.value("reshard_after_forward", "bool | None", None),
        cpu_offload=part.value("cpu_offload", "bool", False),
        param_dtype=part.value("param_dtype", number, None),
        reduce_dtype=part.value("reduce_dtype", number, None),
        tensor=_tensor(part, graph),
    )


def _tensor(part: Section, graph: Graph | None) -> TensorConfig | None:
    """`tensor: 2`, or `tensor: {size: 2, match: ["layers.*"]}`."""
    tree = part.values.get("tensor")
    if tree is None or (isinstance(tree, Scalar) and tree.value is None):
        return None
    patterns: tuple[tuple[str, Span], ...] | None = None
    if isinstance(tree, TreeMapping):
        inner = Section("tensor", tree, ("size", "match"), part.problems, part.names, part.broken)
        inner.need("size", "2")
        size, patterns = inner.value("size", "Positive", None), inner.texts("match")
        part.ok = part.ok and inner.ok
    else:
        size = part.value("tensor", "Positive", None)
    if size is None:
        return None
    if graph is not None:
        _must_divide(size, patterns, tree.span, graph, part)
    return TensorConfig(size, None if patterns is None else tuple(p for p, _ in patterns), tree.span)


def _must_divide(
    size: int, patterns: tuple[tuple[str, Span], ...] | None, span: Span, graph: Graph, part: Section
) -> None:
    """There must be parts to divide, and of each the features must be a multiple of `size`."""
    pairs = pairs_of(graph)
    for pattern, where in patterns or (("*", span),):
        chosen = [p for p in pairs if fnmatchcase(p.first, pattern) or fnmatchcase(p.first, f"{pattern}.*")]
        if not chosen:
            there = "nothing but elementwise functions stands between the two Linear of a part that can be divided"
            notes = (f"there are {', '.join(p.first for p in pairs[:6])}",) if pairs else (there,)
            what = f"`{pattern}` fits no part" if patterns else "the network has no part"
            part.error("NNC0816", where, f"{what} that several processes can divide", notes=notes)
        odd = next((p for p in chosen if p.width % size), None)
        if odd is not None:
            message = f"`{odd.first}` has {odd.width} features, which {size} processes cannot share evenly"
            part.error("NNC0811", where, message)


def _modules(graph: Graph) -> Mapping[str, Node]:
    return {path: node for path, node in graph.walk() if node.is_module and node.shares is None}


def _must_be_there(pattern: str, span: Span, graph: Graph | None, part: Section) -> None:
    if graph is None:
        return
    known = _modules(graph)
    if not any(fnmatchcase(path, pattern) for path in known):
        fix = did_you_mean(pattern, span, sorted(known))
        outermost = ", ".join(n.name for n in graph.nodes[:8] if n.is_module)
        notes = () if fix else (f"the outermost ones are {outermost}",)
        part.error("NNC0816", span, f"no module is called `{pattern}`", fix=fix, notes=notes)


def _check_optimizers(section: Section, config: ParallelConfig, optimizers: Iterable[OptimizerConfig]) -> None:
    for optimizer in optimizers:
        if config.kind == "fsdp" and optimizer.call.name in UNSHARDED:
            fix = Fix("write `parallel: ddp`")
            message = f"torch's {optimizer.call.name} cannot step over sharded parameters"
            section.error("NNC0811", optimizer.call.span, message, fix=fix)
