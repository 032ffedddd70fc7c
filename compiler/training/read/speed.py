"""`speed:` of `train:`, and of the command line: how steps are made fast."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from nnc.compiler.diagnostics import Fix, Problems, Span
from nnc.compiler.graph.ir import Graph
from nnc.compiler.ops.registry import OpDef
from nnc.compiler.source.tree import Mapping as TreeMapping
from nnc.compiler.source.tree import Scalar
from nnc.compiler.training.config import Network, OptimizerConfig
from nnc.compiler.training.config.speed import COMPILE_MODES, IMPLEMENTATIONS, CompileConfig, SpeedConfig
from nnc.compiler.training.read.sections import Section
from nnc.compiler.training.read.values import did_you_mean
from nnc.compiler.training.vocabulary import VOCABULARY

__all__ = ["KEYS", "block_names", "parse_speed", "read_speed"]

KEYS = (
    "channels_last", "compile", "checkpointing", "optimizer", "cuda_graphs", "deterministic", "cudnn_benchmark",
)  # fmt: skip
FLAG = "bool | None"


def read_speed(
    section: Section, network: Network | None = None, optimizers: Sequence[OptimizerConfig] = ()
) -> SpeedConfig:
    """`speed: plain`, or `speed: {compile: true, checkpointing: [Bottleneck]}`; the default where it is absent or wrong.
    Layers and blocks that are named must be in the network, and an implementation must be one of all `optimizers`."""
    tree = section.values.get("speed")
    if tree is None or (isinstance(tree, Scalar) and tree.value is None):
        return SpeedConfig()
    if not isinstance(tree, TreeMapping):
        return SpeedConfig(plain=section.value("speed", "Literal['auto', 'plain']", "auto") == "plain")
    part = Section("speed", tree, KEYS, section.problems, section.names, section.broken)
    config = SpeedConfig(
        channels_last=part.value("channels_last", FLAG, None),
        compile=_compile(part),
        checkpointing=_checkpointing(part, network),
        optimizer=part.value("optimizer", f"Literal{list(IMPLEMENTATIONS)} | None", None),
        cuda_graphs=part.value("cuda_graphs", FLAG, None),
        deterministic=part.value("deterministic", FLAG, None),
        cudnn_benchmark=part.value("cudnn_benchmark", FLAG, None),
    )
    _go_together(part, config)
    _must_have(part, config, optimizers)
    section.ok = section.ok and part.ok
    return config


def parse_speed(written: str, problems: Problems) -> SpeedConfig | None:
    """The same from a command line: `plain`, or `{compile: true}`. None after reporting what is wrong. Names of layers
    and blocks are not checked here."""
    from nnc.compiler.ops.catalogue import CATALOGUE
    from nnc.compiler.schema.check import check_section
    from nnc.compiler.schema.train_section import SPEED
    from nnc.compiler.source import read_text

    tree = read_text(f"speed: {written}", "--speed", problems)
    value = tree.get("speed") if isinstance(tree, TreeMapping) else None
    if tree is None or value is None or not check_section(value, SPEED, "`speed`", CATALOGUE, problems):
        return None
    section = Section("train", tree, ("speed",), problems)
    found = read_speed(section)
    return found if section.ok else None


def _compile(part: Section) -> CompileConfig | None:
    """`true`, a mode, or torch.compile's arguments."""
    tree = part.values.get("compile")
    if not isinstance(tree, TreeMapping):
        modes = ", ".join(repr(m) for m in COMPILE_MODES)
        value: Any = part.value("compile", f"bool | Literal[{modes}] | None", None)
        return CompileConfig() if value is True else CompileConfig(mode=value) if value else None
    inner = Section("compile", tree, ("mode", "fullgraph", "dynamic"), part.problems, part.names)
    found = CompileConfig(
        mode=inner.value("mode", f"Literal{list(COMPILE_MODES)}", "default"),
        fullgraph=inner.value("fullgraph", "bool", False),
        dynamic=inner.value("dynamic", FLAG, None),
    )
    part.ok = part.ok and inner.ok
    return found


def _checkpointing(part: Section, network: Network | None) -> tuple[str, ...] | bool:
    tree = part.values.get("checkpointing")
    graph = network.graph if network is not None else None
    if isinstance(tree, Scalar) and (tree.value is None or isinstance(tree.value, bool)):
        if tree.value and graph is not None and not block_names(graph):
            fix = Fix('name its layers, such as `checkpointing: ["layer*"]`')
            part.error("NNC0811", tree.span, "the network is not made of `blocks:`", fix=fix)
        return True if tree.value else ()
    patterns = part.texts("checkpointing") or ()
    if graph is not None:
        for pattern, span in patterns:
            _must_be_there(pattern, span, graph, part)
    return tuple(p for p, _ in patterns)


def _must_be_there(pattern: str, span: Span, graph: Graph, part: Section) -> None:
    known: set[str] = set()
    for path, node in graph.walk():
        if node.is_module:
            known |= {path, node.target.name} if isinstance(node.target, Graph | OpDef) else {path}
    if not any(fnmatchcase(name, pattern) for name in known):
        fix = did_you_mean(pattern, span, sorted(known))
        outermost = ", ".join(n.name for n in graph.nodes[:8] if n.is_module)
        part.error(
            "NNC0816", span, f"no layer and no block is called `{pattern}`", fix=fix,
            notes=() if fix else (f"the outermost layers are {outermost}",),
        )  # fmt: skip


def block_names(graph: Graph) -> set[str]:
    """Names of the blocks that the network calls, at any depth."""
    targets = (node.target for _, node in graph.walk())
    return {t.name for t in targets if isinstance(t, Graph) and t.kind == "block"}


def _must_have(part: Section, config: SpeedConfig, optimizers: Sequence[OptimizerConfig]) -> None:
    """Every optimizer the implementation that is asked for; a loop is what those without a choice have."""
    wanted = config.optimizer
    for one in optimizers:
        if wanted in ("fused", "foreach") and VOCABULARY["optimizer"][one.call.name].argument(wanted) is None:
            part.error("NNC0811", part.values["optimizer"].span, f"torch has no {wanted} {one.call.name}")
            return


def _go_together(part: Section, config: SpeedConfig) -> None:
    if config.cuda_graphs and config.compile:
        fix = Fix("write `compile: reduce-overhead` alone, which uses CUDA graphs")
        part.error("NNC0811", part.spans["cuda_graphs"], "a compiled network has CUDA graphs of its own", fix=fix)
    if config.cuda_graphs and config.checkpointing:
        message = "activation checkpointing computes layers again at a time that a CUDA graph has fixed"
        part.error("NNC0811", part.spans["cuda_graphs"], message)
    if config.cudnn_benchmark and config.deterministic:
        message = "cuDNN's benchmark chooses by time, and so differently from run to run"
        part.error("NNC0811", part.spans["cudnn_benchmark"], message)
