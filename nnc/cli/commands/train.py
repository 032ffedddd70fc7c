"""Trains a spec on the data that its `data:` section names, as its `train:` section says. The run's folder gets the
checkpoints, a log of JSON lines and, at the end, `model.safetensors` with the best weights. Ctrl-C ends the run after
the step at hand, with a checkpoint; --resume goes on from there as if nothing had happened."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnc.cli.exits import Misuse
from nnc.cli.options import (
    add_device,
    add_format,
    add_set,
    add_size,
    add_spec,
    add_trust,
    add_weights,
    not_negative,
    parse_given_weights,
    parse_set,
    parse_size,
    positive,
)
from nnc.cli.output import print_json
from nnc.cli.specs import spec_path
from nnc.cli.trials import add_trials, run_trial, trial_of
from nnc.compiler.render.visible import visible

if TYPE_CHECKING:
    from nnc.compiler.training.config.parallel import ParallelConfig
    from nnc.runtime.commands import Trained
    from nnc.runtime.parallel.world import World

EXAMPLES = """\
nnc train digits.yaml
nnc train digits.yaml --epochs 3 --device cpu --run-dir out/digits
nnc train digits.yaml --run-dir out/digits --resume
nnc train digits.yaml --set width=64 --format json
nnc train digits.yaml --fold 2/5
nnc train digits.yaml --fold all/5
nnc train digits.yaml --processes 2
nnc train digits.yaml --gpus 8 --parallel fsdp
torchrun --nproc-per-node 8 -m nnc train digits.yaml
nnc train digits.yaml --tensorboard
nnc train digits.yaml --dry-run
nnc train digits.yaml --find-lr -o rates.svg
nnc train digits.yaml --precision bf16 --speed '{compile: true}' --find-batch-size
nnc train digits.yaml --profile -o trace.json"""


def add_arguments(parser: ArgumentParser) -> None:
    add_spec(parser)
    add_set(parser)
    add_size(parser)
    parser.add_argument("--epochs", type=positive, metavar="N", help="instead of what `train:` says")
    parser.add_argument("--seed", type=not_negative, metavar="N", help="instead of what `train:` says")
    parser.add_argument(
        "--precision", choices=("float32", "tf32", "bf16", "fp16"), help="instead of what `train:` says"
    )  # fmt: skip
    parser.add_argument(
        "--speed", metavar="HOW", help="how steps are made fast, instead of what `train:` says: plain, or '{compile: true}'"
    )  # fmt: skip
    parser.add_argument(
        "--fold", metavar="K/N", help="validate with fold K of N, instead of what `validation:` says; `all` or `all/N` trains "
        "once for each fold, and says mean and deviation",
    )  # fmt: skip
    add_trust(parser)
    add_weights(parser)
    add_device(parser)
    several = parser.add_mutually_exclusive_group()
    several.add_argument("--gpus", type=positive, metavar="N", help="train on so many GPUs of this machine")
    several.add_argument("--processes", type=positive, metavar="N", help="train with so many processes on this machine")
    parser.add_argument(
        "--max-restarts", type=not_negative, default=0, metavar="K", help="begin again from the last checkpoint where a process "
        "failed, so many times (default: 0)",
    )  # fmt: skip
    parser.add_argument(
        "--parallel", metavar="HOW", help="how several processes train, instead of what `train:` says: ddp, fsdp, "
        "or '{type: fsdp, cpu_offload: true}'",
    )  # fmt: skip
    parser.add_argument(
        "--run-dir", metavar="DIR", help="where the run is kept (default: a new folder, runs/NAME-1, -2, …)"
    )
    parser.add_argument("--resume", action="store_true", help="go on with the run in --run-dir, or with the last one")
    parser.add_argument(
        "--tensorboard",
        action="store_true",
        help="also write the run for TensorBoard, into its folder (needs tensorboard)",
    )
    add_trials(parser)
    parser.add_argument("--quiet", action="store_true", help="no progress, only the result")
    add_format(parser, "text", "json")


def run(options: Namespace) -> int:
    if options.spec == "-":
        raise Misuse("training needs a file: the paths in `data:` are relative to it")
    path, args, sizes = spec_path(options.spec), parse_set(options.set), parse_size(options.size)
    parallel = _parse_parallel(options.parallel)
    if trial_of(options):
        return run_trial(options, path, args, sizes)

    from nnc.runtime.parallel.world import launched, world_of_environment

    processes = options.gpus or options.processes or 1
    if processes > 1 and not launched():
        from nnc.runtime.parallel.launch import launch

        return launch(options.arguments, processes, restarts=options.max_restarts)
    if options.max_restarts and not launched():
        raise Misuse("--max-restarts goes with --processes or --gpus; one process is resumed with --resume")
    world = world_of_environment()
    with world.speaking_first():
        return _train(options, path, args, sizes, parallel, world)


def _train(
    options: Namespace,
    path: str,
    args: dict[str, Any],
    sizes: dict[str, int],
    parallel: ParallelConfig | None,
    world: World,
) -> int:
    from nnc.runtime.commands import run_training
    from nnc.runtime.report import Reporter, reporter_for

    def train(fold: str | None, folder: str | Path | None, resume: bool) -> Trained:
        return run_training(
            path,
            args=args,
            sizes=sizes,
            device=options.device or ("cuda" if options.gpus else None),
            folder=folder,
            resume=resume,
            epochs=options.epochs,
            seed=options.seed,
            precision=options.precision,
            speed=options.speed,
            fold=fold,
            trust=options.trust,
            pretrained=parse_given_weights(options.weights),
            reporter=Reporter() if options.quiet or not world.main else reporter_for(sys.stderr),
            parallel=parallel,
            world=world,
            tensorboard=options.tensorboard,
        )

    if (options.fold or "").startswith("all"):
        return _all_folds(options, path, args, sizes, train, world)
    trained = train(options.fold, options.run_dir, options.resume)
    if not world.main:
        return trained.result.exit_code
    if options.format == "json":
        print_json(_as_json(trained))
    else:
        _print(trained, options)
    return trained.result.exit_code


def _all_folds(
    options: Namespace,
    path: str,
    args: dict[str, Any],
    sizes: dict[str, int],
    train: Callable[[str, Path, bool], Trained],
    world: World,
) -> int:
    """One run for each fold, and what they come to."""
    from nnc.runtime.project import read_project
    from nnc.runtime.report import finite
    from nnc.runtime.runs import RUN
    from nnc.runtime.training.folds import folder_of_folds, folds_of, train_folds

    if world.size > 1:
        raise Misuse(
            "--fold all trains one fold after the other, in one process: begin several runs, each with its --fold"
        )
    project = read_project(path, args, sizes, epochs=options.epochs, trust=options.trust)
    count = folds_of(project.data, options.fold)
    folder = Path(options.run_dir or folder_of_folds(project.compilation.graph.name, resume=options.resume))
    found = train_folds(
        folder, count, lambda fold, where: train(fold, where, options.resume and (where / RUN).is_file())
    )
    if options.format == "json":
        print_json(finite(found.as_plain()))
        return found.exit_code
    print(f"run    {visible(str(folder))}, {len(found.models)} of {count} folds")
    width = max(map(len, found.values), default=0)
    for name, values in found.values.items():
        listed = "  ".join(f"{v:.4f}" for v in values)
        print(f"  {name:<{width}}  {found.mean(name):.4f} ± {found.deviation(name):.4f}   {listed}")
    return found.exit_code


def _parse_parallel(written: str | None) -> ParallelConfig | None:
    """The value of `--parallel`. Raises Misuse where it has another form."""
    if written is None:
        return None
    from nnc.compiler.diagnostics import Problems
    from nnc.compiler.training.read.parallel import parse_parallel

    problems = Problems()
    found = parse_parallel(written, problems)
    if found is None:
        raise Misuse(f"--parallel: {next(iter(problems)).message}")
    return found


def _print(trained: Trained, options: Namespace) -> None:
    result = trained.result
    print(f"run    {visible(str(result.folder))}")
    if result.best is not None:
        print(f"best   {result.best.quantity} {result.best.value:.4f} after epoch {result.best.epoch}")
    if trained.artifact is not None:
        print(f"model  {visible(str(trained.artifact))}")
    if result.status == "interrupted":
        several = f" --gpus {options.gpus}" if options.gpus else f" --processes {options.processes}"
        command = f"nnc train {visible(options.spec)} --run-dir {visible(str(result.folder))} --resume"
        print(f"interrupted; go on with: {command}{several if options.gpus or options.processes else ''}")


def _as_json(trained: Trained) -> dict[str, Any]:
    from nnc.runtime.report import finite

    result = trained.result
    best = result.best
    report: Any = finite(
        {
            "status": result.status,
            "run": str(result.folder),
            "model": str(trained.artifact) if trained.artifact is not None else None,
            "epoch": result.epoch,
            "step": result.step,
            "quantities": dict(result.quantities),
            "best": {"quantity": best.quantity, "value": best.value, "epoch": best.epoch} if best is not None else None,
            "seconds": result.elapsed,
        }
    )
    return dict(report)
