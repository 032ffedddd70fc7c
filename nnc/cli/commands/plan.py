"""Plans training on paper, before anything is rented: the memory that each GPU needs, the largest batch that fits, what the
GPUs send each other in a step, and which blocks to compute anew (activation checkpointing) where it does not fit. Imports no
torch.

Optimizer, loss, precision, batch size and `parallel:` are those of the spec's `train:`, unless options say otherwise; without
any, AdamW in float32. Memory is counted as torch allocates it, tensor by tensor: docs/plan.md has what was measured."""

from __future__ import annotations

import re
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import TYPE_CHECKING

from nnc.cli.exits import OK, Misuse
from nnc.cli.options import add_format, add_set, add_size, add_spec, parse_set, parse_size, positive
from nnc.cli.output import print_json, wants_color
from nnc.cli.report import show
from nnc.cli.specs import compile_spec

if TYPE_CHECKING:
    from nnc.compiler.driver import Compilation
    from nnc.compiler.plan.plan import Asked, Plan
    from nnc.compiler.training.config import TrainConfig
    from nnc.compiler.training.config.parallel import ParallelConfig

EXAMPLES = """\
nnc plan zoo:resnet --size H=224,W=224 --gpu-memory 24G
nnc plan zoo:gpt2_xl --size T=1024 --gpus 64 --gpu-memory 80G --parallel fsdp --precision bf16
nnc plan zoo:vit_l_16 --gpus 8 --gpu-memory 40G --batch-size 2048 --optimizer 'SGD(lr=0.1, momentum=0.9)'
nnc plan digits.yaml --gpus 2 --gpu-memory 16GiB --format json"""

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40}


def add_arguments(parser: ArgumentParser) -> None:
    add_spec(parser)
    parser.add_argument("--gpus", type=positive, default=1, metavar="N", help="how many there are (default: 1)")
    parser.add_argument(
        "--gpu-memory", type=memory, metavar="SIZE", help="memory of each: 80G (80·10⁹ bytes), 80GiB; then the largest batch is "
        "looked for",
    )  # fmt: skip
    parser.add_argument(
        "--reserve", type=share, default=0.06, metavar="PART", help="part of it that stays free for the CUDA context, libraries' "
        "workspaces and the allocator's gaps (default: 0.06)",
    )  # fmt: skip
    parser.add_argument("--batch-size", type=positive, metavar="N", help="samples of a step, on all GPUs together")
    parser.add_argument(
        "--parallel", metavar="HOW", help="ddp, fsdp, or what `parallel:` takes: '{type: fsdp, param_dtype: bf16}'"
    )
    parser.add_argument(
        "--precision", choices=("float32", "tf32", "bf16", "fp16"), help="instead of what `train:` says"
    )
    parser.add_argument("--optimizer", metavar="CALL", help="instead of what `train:` says: 'Adam(lr=1e-3)'")
    add_size(parser)
    add_set(parser)
    add_format(parser, "text", "json")
    parser.add_argument("--json", action="store_const", const="json", dest="format", help="the same as --format json")


def run(options: Namespace) -> int:
    from nnc.compiler.plan.plan import make_plan
    from nnc.compiler.plan.record import UnknownSize

    sizes = parse_size(options.size)
    result = compile_spec(options.spec, args=parse_set(options.set), sizes=sizes)
    if (status := show(result.problems.sorted())) != OK:
        return status
    asked = _asked(result, options)
    _check_sizes(result, options)
    try:
        plan = make_plan(result.graph, {}, asked)
    except UnknownSize as unknown:
        raise Misuse(f"a tensor inside has the size {unknown}, which the inputs do not tell") from None
    if options.format == "json":
        from nnc.compiler.plan.show import as_json

        print_json({"spec": options.spec, **as_json(plan)})
    else:
        _print(plan, result.graph.name)
    return OK


def _check_sizes(result: Compilation, options: Namespace) -> None:
    """Every free dimension but the batch needs a size."""
    from nnc.compiler.plan.plan import batch_symbol
    from nnc.compiler.plan.record import missing_sizes

    batch = batch_symbol(result.graph)
    if batch is None and options.batch_size is not None:
        why = "the inputs have no free first dimension in common that would be the batch"
        raise Misuse(f"--batch-size: {why}; their sizes are given with --size")
    missing = [n for n in missing_sizes(result.graph, {}) if n != batch]
    if missing:
        wanted = ",".join(f"{n}=…" for n in missing)
        are = "has no size" if len(missing) == 1 else "have no sizes"
        raise Misuse(f"{', '.join(missing)} {are} yet, and memory depends on it: --size {wanted}")


def _asked(result: Compilation, options: Namespace) -> Asked:
    from nnc.compiler.plan.plan import Asked

    config = _training(result)
    optimizer, arguments = _optimizer(options, config)
    return Asked(
        gpus=options.gpus,
        memory=options.gpu_memory,
        reserve=options.reserve,
        batch_size=options.batch_size or (config.batch_size if config is not None else None),
        parallel=_parallel(options, config),
        precision=options.precision or (config.precision if config is not None else "float32"),
        optimizer=optimizer,
        arguments=arguments,
        implementation=config.speed.optimizer if config is not None else None,
        averages=int(config is not None and config.averaging is not None),
        accumulate=config.accumulate if config is not None else 1,
        recomputed=_recomputed(result, config),
        config=config,
    )


def _training(result: Compilation) -> TrainConfig | None:
    """What `train:` says; None where there is none."""
    from nnc.compiler.diagnostics import Problems
    from nnc.compiler.training import read_sections

    assert result.spec is not None
    assert result.elaborated is not None
    names = result.elaborated.arguments
    _, train = read_sections(result.spec.sections, Problems(), graph=result.graph, names=names, spec=result.spec)
    return train


def _optimizer(options: Namespace, config: TrainConfig | None) -> tuple[str, dict[str, object]]:
    if options.optimizer is None:
        if config is None:
            return "AdamW", {}
        return config.optimizer.call.name, dict(config.optimizer.call.arguments)
    from nnc.compiler.plan.written import parse_optimizer

    problems, call = parse_optimizer(options.optimizer)
    if call is None:
        raise Misuse(f"--optimizer: {problems}")
    return call.name, dict(call.arguments)


def _parallel(options: Namespace, config: TrainConfig | None) -> ParallelConfig:
    from nnc.compiler.training.config.parallel import ParallelConfig

    if options.parallel is None:
        return config.parallel if config is not None else ParallelConfig()
    from nnc.compiler.diagnostics import Problems
    from nnc.compiler.training.read.parallel import parse_parallel

    problems = Problems()
    found = parse_parallel(options.parallel, problems)
    if found is None:
        raise Misuse(f"--parallel: {next(iter(problems)).message}")
    return found


def _recomputed(result: Compilation, config: TrainConfig | None) -> frozenset[str]:
    """The blocks that `speed: {checkpointing: …}` names."""
    from fnmatch import fnmatchcase

    from nnc.compiler.graph.blocks import blocks_of

    wanted = config.speed.checkpointing if config is not None else ()
    blocks = [b for b in blocks_of(result.graph) if b.repeated]
    if isinstance(wanted, bool):
        return frozenset(b.path for b in blocks if wanted)
    return frozenset(b.path for b in blocks if any(fnmatchcase(n, g) for n in (b.path, b.type) for g in wanted))


def _print(plan: Plan, name: str) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from nnc.compiler.plan.show import amount, rows, summary_lines
    from nnc.compiler.render.visible import visible

    table = Table(title=Text(f"{visible(name)}: memory of each GPU"), title_justify="left", box=None, pad_edge=False)
    table.add_column("for")
    table.add_column("bytes", justify="right")
    table.add_column("")
    for words, size, remark in rows(plan):
        table.add_row(words, amount(size), Text(remark, style="dim"))
    table.add_section()
    table.add_row("together", Text(amount(plan.memory.total), style="bold"), "")
    console = Console(highlight=False, no_color=not wants_color(sys.stdout), width=None if sys.stdout.isatty() else 120)
    console.print(table)
    console.print()
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column()
    for heading, sentence in summary_lines(plan):
        facts.add_row(heading, Text(visible(sentence)))
    console.print(facts)


def memory(text: str) -> int:
    """`80G`, `80GB`, `80GiB`, `512M` → bytes: an argparse type."""
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)\s*([KMGT]?I?)B?", text.strip().upper())
    if found is None or float(found[1]) == 0 or found[2] not in UNITS:
        raise ArgumentTypeError(f"a size such as 80G or 24GiB, not {text[:40]!r}")
    return int(float(found[1]) * UNITS[found[2]])


def share(text: str) -> float:
    """A part of a whole: an argparse type."""
    if not re.fullmatch(r"0?\.\d{1,6}|0", text) or float(text) >= 0.9:
        raise ArgumentTypeError(f"a number from 0 to 0.9, not {text[:40]!r}")
    return float(text)
