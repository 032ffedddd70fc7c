"""torch.export's program of a network, with its free sizes as free as torch leaves them, and the ONNX model made of it."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.export import Dim as Free

from nnc.compiler.backends.torch.build import place_of
from nnc.compiler.graph.ir import Graph
from nnc.compiler.types.dim import Dim
from nnc.compiler.types.requirements import Solution
from nnc.runtime.export.compare import Sample
from nnc.runtime.extras import require
from nnc.runtime.failure import Failure

__all__ = ["Program", "run_onnx", "to_onnx", "trace"]

MOST_ONNX = 2_000_000_000  # bytes: a protocol buffer has no more
LOGGERS = ("torch.onnx", "torch.export", "torch.fx", "onnxscript", "onnx_ir", "torch._dynamo", "onnxruntime")


@dataclass(frozen=True)
class Program:
    """`free` says of each size that stayed free which it may be, `H >= 16`; `fixed` which torch has fixed, at what."""

    exported: torch.export.ExportedProgram
    axes: tuple[Mapping[int, str], ...]  # of each input, those that are free
    free: Mapping[str, str]
    fixed: Mapping[str, int]
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def takes(self, sizes: Mapping[str, int]) -> bool:
        """Whether the sizes are among those that the program was made for."""
        free = all(low <= sizes[name] <= high for name, (low, high) in self.ranges.items() if name in sizes)
        return free and all(sizes.get(name, size) == size for name, size in self.fixed.items())


def trace(
    model: nn.Module, graph: Graph, sample: Sample, fixed: Mapping[str, int], solution: Solution[Any], batch: str | None
) -> Program:
    """`batch` is the size that counts samples. Raises `Failure` where torch.export cannot follow the network, with the place
    in the spec."""
    wanted = tuple(_axes(shape.type.shape, fixed) for shape in graph.inputs)
    hints = {name: _hint(name, solution) for axes in wanted for name in axes.values()}
    try:
        with quiet(), torch.no_grad(), _steps_not_written_out():
            exported = _trace(model, sample, wanted, hints, batch if batch in hints else None)
    except Exception as error:  # whatever torch says about code that it cannot follow
        raise _refused("torch.export", graph, error) from error
    symbols = _symbols(exported, len(graph.inputs))
    axes: list[dict[int, str]] = []
    ranges: dict[str, tuple[float, float]] = {}
    for names, shape in zip(wanted, symbols, strict=True):
        axes.append({a: n for a, n in names.items() if not isinstance(shape[a], int)})
        for axis, name in axes[-1].items():
            limits = exported.range_constraints.get(shape[axis].node.expr)
            ranges[name] = (float(limits.lower), float(limits.upper)) if limits is not None else (1.0, float("inf"))
    lost = {n: sample.sizes[n] for names in wanted for n in names.values() if n not in ranges}
    return Program(exported, tuple(axes), {n: _limits(n, *r) for n, r in ranges.items()}, lost, ranges)


def _trace(
    model: nn.Module, sample: Sample, axes: Sequence[Mapping[int, str]], hints: Mapping[str, Any], batch: str | None
) -> torch.export.ExportedProgram:
    """torch finds out by itself in how far a size is free, but takes it to be 2 at least. It does not have to for the batch,
    if nothing in the network depends on that."""
    if batch is not None:
        try:
            return _trace(model, sample, axes, {**hints, batch: Free(batch, min=1)}, None)
        except torch._dynamo.exc.UserError:
            pass
    dynamic = tuple({axis: hints[name] for axis, name in one.items()} or None for one in axes)
    return torch.export.export(model, sample.inputs, dynamic_shapes=dynamic)


@contextmanager
def _steps_not_written_out() -> Iterator[None]:
    """An LSTM or GRU of any number of steps: torch has this for exporting, and in its usual way counts the steps of the
    example."""
    try:
        from torch.export._patches import (
            register_gru_while_loop_decomposition,
            register_lstm_while_loop_decomposition,
        )
    except ImportError:  # an older torch: the number of steps is fixed, and said to be
        yield
        return
    with register_lstm_while_loop_decomposition(), register_gru_while_loop_decomposition():
        yield


def _axes(shape: Sequence[int | Dim], fixed: Mapping[str, int]) -> dict[int, str]:
    """The axes that a free size is alone responsible for."""
    named = {i: str(d) for i, d in enumerate(shape) if isinstance(d, Dim) and {s.name for s in d.symbols} == {str(d)}}
    others = {
        i: str(d) for i, d in enumerate(shape) if isinstance(d, Dim) and not {s.name for s in d.symbols} <= {*fixed}
    }
    return {i: n for i, n in (others | named).items() if n not in fixed}


def _hint(name: str, solution: Solution[Any]) -> Any:
    """Free, within the limits that the network's requirements say of this size alone."""
    forms: list[Mapping[str, Any]] = [r.form for r in solution.requirements if r.form.get("symbol") == name]
    promises = [p for s, p in solution.promises.items() if s.name == name]
    least = [int(f["minimum"]) for f in forms if "minimum" in f] + [p.minimum for p in promises if p.minimum]
    most = [int(f["maximum"]) for f in forms if "maximum" in f] + [p.maximum for p in promises if p.maximum]
    limits = {"min": max(least, default=1)} | ({"max": min(most)} if most else {})
    hint: Any = Free.AUTO
    return hint(**limits)


def _symbols(exported: torch.export.ExportedProgram, inputs: int) -> list[Any]:
    """The shape of each input in the program; None for one that it does not look at."""
    names = exported.graph_signature.user_inputs
    by_name = {n.name: n.meta.get("val") for n in exported.graph.nodes if n.op == "placeholder"}
    return [getattr(by_name.get(str(n)), "shape", None) for n in names[:inputs]]


def _limits(name: str, low: float, high: float) -> str:
    return f"{name} >= {int(low)}" if high > 1e12 else f"{int(low)} <= {name} <= {int(high)}"


def _refused(who: str, graph: Graph, error: Exception) -> Failure:
    said = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).partition(
        "## Exception summary"
    )  # torch.onnx's report of many lines
    words = " ".join((said[2] or said[0]).split())[:400] or type(error).__name__
    notes = [words]
    if "dynamic" in words or "Constraint" in words or "specializ" in words or "symbol" in words:
        notes.append("with the sizes fixed it may succeed: --size H=224,W=224")
    return Failure("NNC0912", place_of(error) or graph.span, f"{who} cannot follow the network", notes=notes)


# -- ONNX --------------------------------------------------------------------------------------------------------------


def to_onnx(program: Program, graph: Graph, outputs: Sequence[str], path: Path) -> None:
    """Writes the ONNX model, inputs, outputs and free sizes under the names of the spec. Raises `Failure`."""
    for module in ("onnxscript", "onnx", "onnxruntime"):
        require(module, "onnx", "ONNX")
    size = sum(t.nbytes for t in program.exported.state_dict.values())
    if size > MOST_ONNX:
        message = f"its weights take {size / 1e9:.1f} GB, and one ONNX file holds no more than 2"
        raise Failure("NNC0912", graph.span, message)
    names = tuple({axis: Free(name) for axis, name in axes.items()} or None for axes in program.axes)
    example = program.exported.example_inputs
    assert example is not None, "torch.export keeps them"
    try:
        with quiet():
            made: Any = torch.onnx.export(
                program.exported, example[0], dynamo=True, verbose=False, dynamic_shapes=names,
                input_names=[v.name for v in graph.inputs], output_names=list(outputs),
            )  # fmt: skip
            made.save(str(path), external_data=False)
    except Exception as error:  # an op that ONNX has nothing for, a dtype that it does not know …
        raise _refused("torch.onnx", graph, error) from error


def run_onnx(path: Path) -> Callable[..., list[torch.Tensor]]:
    """An ONNX model as a function of tensors, run by onnxruntime on the CPU."""
    runtime = require("onnxruntime", "onnx", "ONNX")
    options = runtime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is raised, too
    try:
        session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # an operator or dtype that onnxruntime has nothing for
        notes = (" ".join(str(error).split())[:400],)
        raise Failure("NNC0913", path, "onnxruntime cannot load what was exported", notes=notes) from error
    known = [i.name for i in session.get_inputs()]

    def call(*inputs: torch.Tensor) -> list[torch.Tensor]:
        given = {n: t.numpy() for n, t in zip(known, inputs, strict=True)}
        return [torch.from_numpy(a) for a in session.run(None, given)]

    return call


@contextmanager
def quiet() -> Iterator[None]:
    """What torch says while it exports is for its developers: warnings, logs and lines on standard output."""
    levels = {name: logging.getLogger(name).level for name in LOGGERS}
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
