"""A plan as text, in the units in which memory is sold (1 GB = 10⁹ bytes), and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from nnc.compiler.graph.text import clip
from nnc.compiler.plan.plan import Choice, Plan

__all__ = ["amount", "as_json", "rows", "summary_lines"]

WORDS = {
    "parameters": "parameters",
    "buffers": "buffers",
    "optimizer": "optimizer state",
    "averages": "averages of the weights",
    "batch": "the batch",
    "gradients": "gradients",
    "gathered": "gathered parameters, and buffers to send",
    "activations": "activations",
    "step": "temporaries of the optimizer's step",
}


def amount(size: int) -> str:
    """`1.25 GB`, `310 MB`."""
    for unit, name in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            shown = size / unit
            return f"{shown:,.0f} {name}" if shown >= 100 else f"{shown:.3g} {name}"
    return f"{size} bytes"


def rows(plan: Plan) -> Iterator[tuple[str, int, str]]:
    """What the memory is for: words, bytes, a remark."""
    shared = plan.asked.parallel.kind == "fsdp" and plan.asked.gpus > 1
    part = f"1/{plan.asked.gpus} on each GPU" if shared else ""
    remarks = {
        "parameters": f"{plan.parameters:,} numbers" + (f", {part}" if part else ""),
        "gradients": "" if plan.trainable == plan.parameters else f"of {plan.trainable:,} numbers",
        "optimizer": plan.asked.optimizer + (f", {part}" if part else ""),
        "activations": f"{amount(plan.kept)} kept for the backward pass",
    }
    for name, size in plan.memory.parts.items():
        if size:
            yield WORDS[name], size, remarks.get(name, "")


def summary_lines(plan: Plan) -> Iterator[tuple[str, str]]:
    """What follows from it: a heading and a sentence each."""
    asked = plan.asked
    if plan.local is not None:
        each = f"{plan.local:,} samples on each of {asked.gpus} GPUs" if asked.gpus > 1 else f"{plan.local:,} samples"
        yield "planned for", f"{each} at a time, {asked.precision}, {_engine(plan)}"
    yield "fullest in", f"the {plan.memory.where}".replace("the the", "the")
    if asked.memory is not None and asked.usable is not None:
        kept = f"of {amount(asked.memory)}, {amount(asked.memory - asked.usable)} of it kept free"
        verdict = "fits" if plan.fits else "does not fit"
        yield "memory", f"{amount(plan.memory.total)} {kept}: {verdict}"
        yield from _largest(plan)
    if plan.choice is not None:
        yield "to make it fit", _choice(plan.choice)
    elif plan.fits is False:
        yield "to make it fit", _advice(plan)
    traffic = plan.traffic
    if traffic.total:
        parts = [(traffic.all_reduce, "all-reduce"), (traffic.all_gather, "all-gather"),
                 (traffic.reduce_scatter, "reduce-scatter"), (traffic.broadcast, "broadcast of buffers")]  # fmt: skip
        named = ", ".join(f"{amount(n)} {what}" for n, what in parts if n)
        yield "sent by each GPU", f"{amount(traffic.total)} a step: {named}"
    yield (
        "computed",
        f"{_count(plan.macs)} multiply-adds in a forward pass on each GPU, three times that with the backward pass",
    )


def _engine(plan: Plan) -> str:
    if plan.asked.gpus == 1:
        return "a single process"
    if plan.asked.parallel.kind == "ddp":
        return "ddp"
    return f"fsdp in {plan.units} part{'s' if plan.units > 1 else ''}"


def _largest(plan: Plan) -> Iterator[tuple[str, str]]:
    if plan.local is None:
        return
    if plan.largest is None:
        text = "not one sample on each GPU fits"
    else:
        text = f"{plan.largest:,}, {plan.largest // plan.asked.gpus:,} on each GPU"
    if plan.largest_recomputed is not None and plan.largest_recomputed > (plan.largest or 0):
        text += f"; {plan.largest_recomputed:,} with every block computed anew"
    yield "largest batch", text


def _choice(choice: Choice) -> str:
    return (
        f"compute {_blocks(choice.blocks)} anew in the backward pass: {amount(choice.memory.total)}, and "
        f"{choice.cost:.0%} more to compute"
    )


def _blocks(blocks: Sequence[str]) -> str:
    if len(blocks) <= 3:
        return ", ".join(map(clip, blocks))
    return f"{len(blocks)} blocks ({clip(blocks[0])}, {clip(blocks[1])} … {clip(blocks[-1])})"


def _advice(plan: Plan) -> str:
    if plan.largest is not None:
        return f"a batch of at most {plan.largest:,}"
    if plan.asked.parallel.kind == "ddp":
        return "shard it over more GPUs: --parallel fsdp"
    return "more GPUs, or more memory on each"


def _count(number: int) -> str:
    for unit, name in ((10**15, "P"), (10**12, "T"), (10**9, "G"), (10**6, "M")):
        if number >= unit:
            return f"{number / unit:.3g} {name}"
    return str(number)


def as_json(plan: Plan) -> dict[str, Any]:
    """Plain data; sizes in bytes."""
    asked, choice = plan.asked, plan.choice
    return {
        "version": 1,
        "gpus": asked.gpus,
        "parallel": asked.parallel.kind if asked.gpus > 1 else None,
        "precision": asked.precision,
        "optimizer": asked.optimizer,
        "samples_per_gpu": plan.local,
        "parameters": plan.parameters,
        "trainable": plan.trainable,
        "multiply_adds": plan.macs,
        "memory": {**plan.memory.parts, "total": plan.memory.total, "fullest": plan.memory.where},
        "kept_for_backward": plan.kept,
        "gpu_memory": asked.memory,
        "usable": asked.usable,
        "fits": plan.fits,
        "largest_batch": plan.largest,
        "largest_batch_recomputed": plan.largest_recomputed,
        "blocks": list(plan.blocks),
        "recompute": None if choice is None else {
            "blocks": list(choice.blocks), "total": choice.memory.total, "further_multiply_adds": choice.cost,
        },
        "sent": {**asdict(plan.traffic), "total": plan.traffic.total},
    }  # fmt: skip
