"""`nnc train --dry-run`, `--find-batch-size`, `--find-lr` and `--profile`: what is found out before a run, as text or JSON."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnc.cli.exits import OK, Misuse
from nnc.cli.options import parse_given_weights
from nnc.cli.output import print_json
from nnc.compiler.render.visible import visible

if TYPE_CHECKING:
    from nnc.runtime.trials import DryRun, Profile, Trial
    from nnc.runtime.trials.batch_size import TriedSize
    from nnc.runtime.trials.dry_run import Done

__all__ = ["add_trials", "run_trial", "trial_of"]

TRIALS = ("dry_run", "find_batch_size", "find_lr", "profile")
TRACE = "profile.json"
NAMES = 3  # of parameters that stand beside a group


def add_trials(parser: ArgumentParser) -> None:
    one = parser.add_mutually_exclusive_group()
    one.add_argument(
        "--dry-run", action="store_true", help="take one batch through everything, and leave nothing behind"
    )
    one.add_argument(
        "--find-batch-size", action="store_true", help="find the largest batch that fits, and train nothing"
    )
    one.add_argument("--find-lr", action="store_true", help="sweep the learning rate, suggest one, and train nothing")
    one.add_argument(
        "--profile", action="store_true", help=f"show where a step's time goes, and write a trace (default: {TRACE})"
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="the picture of --find-lr (.png, .svg, .pdf), or the trace of --profile"
    )  # fmt: skip


def trial_of(options: Namespace) -> str | None:
    """Which trial is asked for, if any. Raises Misuse for options that belong to another."""
    found = next((name for name in TRIALS if getattr(options, name)), None)
    if options.output is not None and found not in ("find_lr", "profile"):
        raise Misuse("-o goes with --find-lr or --profile")
    if found and options.resume:
        raise Misuse(f"--{found.replace('_', '-')} begins anew, and --resume goes on with a run")
    return found


def run_trial(options: Namespace, spec: str, args: dict[str, Any], sizes: dict[str, int]) -> int:
    from nnc.runtime.trials import trying

    json = options.format == "json"
    with trying(
        spec, args=args, sizes=sizes, device=options.device, pretrained=parse_given_weights(options.weights),
        epochs=options.epochs, seed=options.seed, precision=options.precision, speed=options.speed,
        fold=options.fold, trust=options.trust,
    ) as trial:  # fmt: skip
        show = {"dry_run": _dry_run, "find_batch_size": _batch_size, "find_lr": _rate, "profile": _profile}
        report = show[trial_of(options) or ""](trial, options, loud=not json)
    if json:
        print_json(report)
    return OK


# -- one each: says what it finds as it finds it, and gives it all as JSON ---------------------------------------------


def _dry_run(trial: Trial, options: Namespace, *, loud: bool) -> dict[str, Any]:
    from nnc.runtime.trials import dry_run

    def say(done: Done) -> None:
        if loud:
            print(f"{done.what:<10}  {visible(done.result)}  ({done.seconds * 1e3:.0f} ms)", flush=True)

    found = dry_run(trial, say)
    if loud:
        _print_groups(found)
        print("nothing was kept: this was a dry run")
    return {
        "facts": found.facts,
        "done": [{"what": d.what, "result": d.result, "seconds": d.seconds} for d in found.done],
        "groups": [
            {"lr": g.rate, "weight_decay": g.decay, "parameters": g.numbers, "names": list(g.names)}
            for g in found.groups
        ],
        "frozen": list(found.frozen),
    }


def _print_groups(found: DryRun) -> None:
    print("\ngroup          lr   weight decay  tensors     parameters")
    for number, group in enumerate(found.groups, 1):
        decay = "–" if group.decay is None else f"{group.decay:g}"
        shown = ", ".join(visible(n) for n in group.names[:NAMES]) + (", …" if len(group.names) > NAMES else "")
        print(f"{number:>5}  {group.rate:>10.4g}  {decay:>13}  {group.tensors:>7}  {group.numbers:>13,}  {shown}")
    if found.frozen:
        shown = ", ".join(visible(n) for n in found.frozen[:NAMES]) + (", …" if len(found.frozen) > NAMES else "")
        print(f"not trained: {len(found.frozen)} tensors: {shown}")
    print()


def _batch_size(trial: Trial, options: Namespace, *, loud: bool) -> dict[str, Any]:
    from nnc.runtime.trials import find_batch_size

    def say(tried: TriedSize) -> None:
        if not loud:
            return
        if tried.fits:
            memory = f"  {tried.memory / 2**20:>10,.0f} MiB" if tried.memory else ""
            print(
                f"{tried.size:>7}  {tried.seconds * 1e3:>9.1f} ms  {tried.rate:>10,.0f} samples/s{memory}", flush=True
            )
        else:
            print(f"{tried.size:>7}  does not fit", flush=True)

    found = find_batch_size(trial, say)
    if loud:
        print(f"\nbatch_size: {found.suggested}   ({found.reason})")
    return {
        "batch_size": found.suggested,
        "reason": found.reason,
        "tried": [
            {"size": t.size, "fits": t.fits, "seconds": t.seconds, "samples_per_second": t.rate, "bytes": t.memory}
            for t in found.tried
        ],
    }


def _rate(trial: Trial, options: Namespace, *, loud: bool) -> dict[str, Any]:
    from nnc.runtime.plots.figure import picture_kind
    from nnc.runtime.trials import find_learning_rate, write_rates

    def say(step: int, rate: float, loss: float) -> None:
        if loud and step % 10 == 1:
            print(f"lr {rate:<10.2e} loss {loss:.4f}", flush=True)

    if options.output is not None:
        picture_kind(Path(options.output))  # before minutes are spent
    found = find_learning_rate(trial, say)
    if options.output is not None:
        write_rates(found, Path(options.output))
    if loud:
        if found.suggested is None:
            print("\nno suggestion: the loss never fell; is something wrong with the data or the loss?")
        else:
            print(
                f"\nlr: {found.suggested:.2g}   (steepest; lowest at {found.at_minimum:.2g}, a tenth of it is another rule)"
            )
    return {
        "lr": found.suggested,
        "at_minimum": found.at_minimum,
        "rates": list(found.rates),
        "losses": list(found.losses),
        "smoothed": list(found.smoothed),
    }


def _profile(trial: Trial, options: Namespace, *, loud: bool) -> dict[str, Any]:
    from nnc.runtime.trials import profile

    found = profile(trial, Path(options.output or TRACE))
    if loud:
        _print_profile(found)
    return {
        "step": found.step,
        "optimizer": found.optimizer,
        "data": found.data,
        "trace": str(found.trace),
        "layers": [
            {
                "path": r.path, "type": r.type, "line": r.line, "forward": r.forward, "backward": r.backward,
                "bytes_kept": r.kept, "flops": r.flops,
            }
            for r in found.rows
        ],
    }  # fmt: skip


def _print_profile(found: Profile) -> None:
    total = max(found.step, sum(r.seconds for r in found.rows) + found.optimizer + found.data)
    flops, kept = sum(r.flops for r in found.rows) or 1, sum(r.kept for r in found.rows)
    width = max([len(r.path) for r in found.rows] + [len("(the network)")])
    kinds = max([len(r.type) for r in found.rows] + [4])
    print(f"line  {'layer':<{width}}  {'type':<{kinds}}    forward   backward   time   FLOPs        kept")
    for row in found.rows:
        line = "" if row.line is None else str(row.line)
        print(
            f"{line:>4}  {visible(row.path) or '(the network)':<{width}}  {visible(row.type):<{kinds}}  "
            f"{row.forward * 1e3:>6.2f} ms  {row.backward * 1e3:>6.2f} ms  {row.seconds / total:>5.1%}  "
            f"{row.flops / flops:>6.1%}  {row.kept / 2**20:>6.1f} MiB"
        )
    parts = (("optimizer", found.optimizer), ("data", found.data))
    rest = total - sum(r.seconds for r in found.rows) - sum(seconds for _, seconds in parts)
    for name, seconds in (*parts, ("loss and the loop", max(0.0, rest))):
        print(f"      {name:<{width}}  {'':<{kinds}}  {seconds * 1e3:>6.2f} ms  {'':>9}  {seconds / total:>5.1%}")
    print(f"\na step takes {found.step * 1e3:.1f} ms, and keeps {kept / 2**20:,.1f} MiB for its backward pass")
    print(f"trace  {visible(str(found.trace))}   (chrome://tracing, ui.perfetto.dev)")
