"""The data against the network, before the first step: which field feeds which input, rank, sizes, dtype, class
numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from nnc.compiler.diagnostics import Label, Problems, Span
from nnc.compiler.training.config import DataConfig
from nnc.compiler.types.dim import Dim, Symbol, substitute
from nnc.compiler.types.tensor import TensorType
from nnc.runtime.failure import Failure
from nnc.runtime.signature import Signature

__all__ = ["check_inputs", "check_labels", "feed", "misfits"]


def feed(signature: Signature, fields: Sequence[str], config: DataConfig | None = None) -> dict[str, str]:
    """Which field goes to which input: by name where every input is called like a field, or like what padding adds to them; else
    in order. Raises `Failure`."""
    names = tuple(signature.fed)
    extras: Sequence[str] = config.padding.extras if config is not None else ()
    span: Span | str = config.span if config is not None else "data"
    if all(name in fields or name in extras for name in names):
        return {name: name for name in names}
    if not any(name in fields for name in names) and len(names) <= len(fields):
        return dict(zip(names, fields, strict=False))
    raise Failure(
        "NNC0813", span, f"the network's inputs {_listed(names)} cannot be told from the fields {_listed(fields)}",
        notes=("call the fields like the inputs, or all of them otherwise: then they go in in order",),
    )  # fmt: skip


def check_inputs(
    signature: Signature,
    batch: Mapping[str, torch.Tensor],
    feeding: Mapping[str, str],
    config: DataConfig,
    problems: Problems,
) -> None:
    """Reports where the first batch does not fit the network's inputs."""
    sizes: dict[Symbol, int] = {}
    before = len(problems)
    for name, kind in signature.fed.items():
        field = feeding[name]
        span = config.spans.get("transforms" if field in config.transforms else "train", config.span)
        label = (Label(signature.spans[name], f"`{name}` is {kind}"),) if name in signature.spans else ()
        for message, note in misfits(batch[field], kind, sizes, f"`{field}`", f"the input `{name}`"):
            problems.error("NNC0813", span, message, labels=label, notes=(note,) if note else ())
    if len(problems) > before:
        return
    for reason in broken_demands(signature, sizes):
        problems.error(
            "NNC0813", config.spans.get("train", config.span), f"the data does not fit the network: {reason}"
        )


def misfits(
    tensor: torch.Tensor, kind: TensorType, sizes: dict[Symbol, int], what: str, where: str
) -> list[tuple[str, str]]:
    """Why a tensor does not fit a type, as (message, advice). `sizes` collects what the free dimensions are."""
    shape, dtype = list(tensor.shape), str(tensor.dtype).removeprefix("torch.")
    found: list[tuple[str, str]] = []
    if len(shape) != kind.rank:
        advice = "ToImage gives an image its channels" if kind.rank - len(shape) == 1 and len(shape) == 3 else ""
        found.append((f"{what} is {len(shape)}-D {shape}, and {where} takes {kind.rank}-D {kind}", advice))
    else:
        wrong = [i for i, d in enumerate(kind.shape) if not _agrees(d, shape[i], sizes)]
        if wrong:
            axes = " and ".join(f"dimension {i} is {shape[i]}, not {_said(kind.shape[i], sizes)}" for i in wrong)
            found.append((f"{what} {shape} does not fit {where} {kind}: {axes}", ""))
    if dtype != str(kind.dtype):
        scale = ", scale=True" if dtype == "uint8" and kind.dtype.is_floating else ""
        found.append(
            (
                f"{what} is {dtype}, and {where} takes {kind.dtype}",
                f"add ToDtype({kind.dtype}{scale}) to its transforms",
            )
        )
    return found


def _agrees(d: int | Dim, size: int, sizes: dict[Symbol, int]) -> bool:
    if isinstance(d, Dim) and d.symbol is not None:
        return sizes.setdefault(d.symbol, size) == size
    value = substitute(d, sizes)
    return isinstance(value, Dim) or value == size


def _said(d: int | Dim, sizes: dict[Symbol, int]) -> str:
    return str(d) if isinstance(d, int) else f"{d} = {substitute(d, sizes)}"


def broken_demands(signature: Signature, sizes: Mapping[Symbol, int]) -> list[str]:
    """What the network requires of its free dimensions, or the spec promises, and these sizes do not meet."""
    reasons = [d.reason for d in signature.demands if d.substitute(sizes).decide() is False]
    for symbol, promise in signature.promises.items():
        size = sizes.get(symbol)
        if size is not None and size not in promise.sizes:
            reasons.append(f"`dims:` promises another {symbol.name} than {size}")
    return list(dict.fromkeys(reasons))


def check_labels(labels: torch.Tensor, classes: int, ignored: int, field: str, where: Span, problems: Problems) -> None:
    """Reports class numbers that a loss over `classes` scores cannot take."""
    if labels.is_floating_point() or labels.is_complex() or labels.numel() == 0:
        return
    kept = labels[labels != ignored]
    if kept.numel() == 0:
        return
    low, high = int(kept.min()), int(kept.max())
    if low < 0 or high >= classes:
        wrong = high if high >= classes else low
        notes = ("class numbers count from 0",) if high == classes and low == 1 else ()
        message = f"`{field}` has the class number {wrong}, and the network has {classes} classes: 0 … {classes - 1}"
        problems.error("NNC0815", where, message, notes=notes)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{n}`" for n in names)
