"""Writes a network in another form, by the end of the file's name, and holds what computes against the network."""

from __future__ import annotations

import copy
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from nnc.compiler.backends.torch.build import Origin, origin
from nnc.compiler.driver import Compilation, compile_mapping
from nnc.runtime.export.compare import Sample, difference, run, samples
from nnc.runtime.export.programs import Program, quiet, run_onnx, to_onnx, trace
from nnc.runtime.export.sizes import batch_of, trials
from nnc.runtime.failure import Failure, reason_of
from nnc.runtime.saving.files import new_file
from nnc.runtime.signature import signature_of
from nnc.runtime.training.loss import named_outputs
from nnc.runtime.training.state import model_tensors

__all__ = ["KINDS", "Exported", "export"]

KINDS = {
    ".pt": "state_dict",
    ".pth": "state_dict",
    ".safetensors": "safetensors",
    ".py": "python",
    ".onnx": "onnx",
    ".pt2": "pt2",
}
TOLERANCE = {"python": 0.0, "pt2": 1e-5, "onnx": 1e-4}  # of the largest value; other kernels sum in another order
COARSE = {torch.float16: 1e-2, torch.bfloat16: 5e-2}
SECONDS = 300


@dataclass(frozen=True)
class Exported:
    """What was written. Of what computes: the largest `difference` to the network, as a part of the largest value, at
    the sizes in `compared`; which sizes are `free`, as `H >= 16`, and which torch has `fixed`."""

    path: Path
    kind: str
    compared: tuple[str, ...] = ()
    difference: float = 0.0
    free: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, int] = field(default_factory=dict)
    random: bool = False

    def as_plain(self) -> dict[str, Any]:
        """As JSON."""
        account = {"compared": list(self.compared), "difference": self.difference, "random": self.random}
        sizes = {"free": dict(self.free), "fixed": dict(self.fixed)}
        return {"file": str(self.path), "kind": self.kind} | (account | sizes if self.compared else {})

    def lines(self) -> Iterator[str]:
        """The account, for a reader."""
        if self.random:
            yield "the network draws random numbers: only the shapes of its outputs were compared"
        elif self.compared:
            same = "equal" if not self.difference else f"{self.difference:.1e} apart at most"
            yield f"compared with the network at {'; '.join(self.compared)}: {same}"
        if self.free:
            yield f"free sizes: {', '.join(self.free.values())}"
        for name, size in self.fixed.items():
            yield f"{name} is fixed at {size}, torch cannot export it free: --size {name}=N chooses another"


def export(
    model: nn.Module, path: Path, *, sizes: Mapping[str, int] | None = None, kind: str | None = None
) -> Exported:
    """Writes `model`, as it is in evaluation mode, to one file that appears whole or not at all. `kind` is one of KINDS, by
    default what the file's name says; `sizes` fixes free dimensions of a program. Raises `Failure` where that cannot
    be done, or where what was written computes something else."""
    kind = kind or KINDS.get(path.suffix.lower())
    if kind is None:
        raise Failure("NNC0912", path, f"its name says no form that nnc knows: {', '.join(KINDS)}")
    if kind in ("state_dict", "safetensors"):
        return _weights(model, path, kind)
    source = origin(model)
    if source is None or source.recipe.spec is None:
        raise Failure("NNC0912", path, f"a {type(model).__name__} that nnc did not compile has no spec")
    recipe = source.recipe
    compiled = compile_mapping(source.recipe.spec, args=recipe.args, sizes=recipe.sizes, trust=True)
    with _judged(model) as still:
        if kind == "python":
            return _python(still, source, path, samples(still, source.graph, trials(compiled, sizes or {})))
        return _program(still, compiled, path, kind, sizes or {})


@contextmanager
def _judged(model: nn.Module) -> Iterator[nn.Module]:
    """The network on the CPU in evaluation mode; it is left as it was."""
    devices = {t.device.type for t in [*model.parameters(), *model.buffers()]}
    if devices - {"cpu"}:
        yield copy.deepcopy(model).cpu().eval()
        return
    modes = {m: m.training for m in model.modules()}
    try:
        yield model.eval()
    finally:
        for module, mode in modes.items():
            module.training = mode


# -- weights -----------------------------------------------------------------------------------------------------------


def _weights(model: nn.Module, path: Path, kind: str) -> Exported:
    """The state_dict as it is, on the CPU. Safetensors has no two names for one tensor: tied ones are written out."""
    tensors = {name: t.detach().cpu() for name, t in model_tensors(model).items()}
    with new_file(path) as temporary:
        if kind == "state_dict":
            torch.save(tensors, temporary)
        else:
            save_file({n: t.contiguous().clone() for n, t in tensors.items()}, temporary, {"format": "pt"})
    return Exported(path, kind)


# -- what computes -----------------------------------------------------------------------------------------------------


class _Stuck(Exception):
    """Sizes that the program takes in one value only, though torch.export says they are free."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names


def _program(model: nn.Module, compiled: Compilation, path: Path, kind: str, given: Mapping[str, int]) -> Exported:
    """Traced again with a size fixed where it turns out not to be free: a loop over the words is written out, say."""
    wanted, fixed = trials(compiled, given), dict(given)
    while True:
        sizes = [dict(t) for t in dict.fromkeys(tuple({**t, **fixed}.items()) for t in wanted)]
        found = samples(model, compiled.graph, sizes)
        try:
            done = _traced(model, compiled, path, kind, found, fixed)
        except _Stuck as stuck:
            fixed |= {name: wanted[0][name] for name in stuck.names}
            continue
        return replace(done, fixed={n: v for n, v in fixed.items() if n not in given})


def _traced(
    model: nn.Module, compiled: Compilation, path: Path, kind: str, found: Sequence[Sample], fixed: Mapping[str, int]
) -> Exported:
    assert compiled.solution is not None, "it was compiled to its end"
    program = trace(model, compiled.graph, found[0], fixed, compiled.solution, batch_of(compiled))
    if program.fixed:
        raise _Stuck(tuple(program.fixed))
    with new_file(path) as temporary:
        if kind == "onnx":
            to_onnx(program, compiled.graph, _output_names(model, compiled, found[0]), temporary)
            again: Callable[..., Any] = run_onnx(temporary)
        else:
            with quiet():
                torch.export.save(program.exported, temporary)
                again = torch.export.load(temporary).module()
        inside = [s for s in found if program.takes(s.sizes)]
        if len(inside) > 1 and (names := _stuck(model, compiled, again, inside, kind)):
            raise _Stuck(names)
        return _compared(again, path, kind, inside, program)


def _stuck(
    model: nn.Module, compiled: Compilation, again: Callable[..., Any], found: Sequence[Sample], kind: str
) -> tuple[str, ...]:
    """The fewest sizes that must be what they were traced with, for another trial to agree; none where it does anyway, or
    where that does not help."""
    first, other = found[0], found[1]
    if _agrees(again, first, kind) and not _agrees(again, other, kind):
        changed = [n for n in list(other.sizes)[::-1] if other.sizes[n] != first.sizes[n]]  # the batch last
        for few in chain.from_iterable(combinations(changed, count) for count in range(1, len(changed) + 1)):
            sizes = {**other.sizes, **{n: first.sizes[n] for n in few}}
            if _agrees(again, samples(model, compiled.graph, [sizes])[0], kind):
                return few
    return ()


def _agrees(again: Callable[..., Any], sample: Sample, kind: str) -> bool:
    try:
        _compared(again, Path(), kind, [sample])
    except Failure:
        return False
    return True


def _output_names(model: nn.Module, compiled: Compilation, sample: Sample) -> list[str]:
    """Of the outputs that come out in evaluation mode. In ONNX nothing that comes out is called like what goes in."""
    signature = signature_of(compiled.graph)
    with torch.no_grad():
        names = named_outputs(model(*sample.inputs), signature.outputs)
    return [f"{name}_out" if name in signature.inputs else name for name in names]


def _compared(
    again: Callable[..., Any], path: Path, kind: str, found: Sequence[Sample], program: Program | None = None
) -> Exported:
    """Raises `Failure` where the two do not agree."""
    worst = 0.0
    for sample in found:
        try:
            outputs = run(again, sample.inputs)
        except Exception as error:  # the other runtime refuses what the network takes
            message = f"what was exported does not run at {sample.at}"
            raise Failure("NNC0913", path, message, notes=(reason_of(error)[:400],)) from error
        worst = max(worst, _apart(sample, outputs, path, kind))
    random = any(s.random for s in found)
    return Exported(path, kind, tuple(s.at for s in found), worst, program.free if program else {}, {}, random)


def _apart(sample: Sample, outputs: Sequence[torch.Tensor], path: Path, kind: str) -> float:
    if [(o.shape, o.dtype) for o in sample.outputs] != [(o.shape, o.dtype) for o in outputs]:
        given, wanted = (", ".join(f"{list(o.shape)}" for o in them) for them in (outputs, sample.outputs))
        message = f"what was exported gives {given} at {sample.at}, the network {wanted}"
        raise Failure("NNC0913", path, message)
    worst = 0.0
    for mine, theirs in zip(sample.outputs, outputs, strict=True):
        apart = 0.0 if sample.random else difference(mine, theirs)
        if not apart <= max(TOLERANCE[kind], COARSE.get(mine.dtype, 0.0) if kind != "python" else 0.0):
            message = (
                f"what was exported computes something else: {apart:.1e} of the largest value apart at {sample.at}"
            )
            raise Failure("NNC0913", path, message, notes=(f"{TOLERANCE[kind]:g} would be taken for the same",))
        worst = max(worst, apart)
    return worst


# -- Python ------------------------------------------------------------------------------------------------------------

ALONE = """\
import importlib.util, sys, torch
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "nnc":
            raise ImportError("nnc is not to be had here")
sys.meta_path.insert(0, Refuse())
torch.set_num_threads(int(sys.argv[4]))
source = importlib.util.spec_from_file_location("exported", sys.argv[1])
module = importlib.util.module_from_spec(source)
source.loader.exec_module(module)
model = getattr(module, sys.argv[2])()
given = torch.load(sys.argv[3], weights_only=True)
model.load_state_dict(given["weights"])
buffers = dict(model.named_buffers())
for name, value in given["transient"].items():
    buffers[name].copy_(value)
model.eval()
results = []
for inputs in given["inputs"]:
    torch.manual_seed(0)
    with torch.no_grad():
        results.append(torch.utils._pytree.tree_leaves(model(*inputs)))
torch.save(results, sys.argv[3] + ".out")
"""


def _python(model: nn.Module, source: Origin, path: Path, found: Sequence[Sample]) -> Exported:
    """The source, after another process without nnc has imported it, loaded the weights, and computed the same."""
    from nnc.runtime.training.state import transient_buffers

    emitted = source.emitted
    with new_file(path) as temporary, tempfile.TemporaryDirectory() as folder:
        temporary.write_text(emitted.text, encoding="utf-8")
        module, data = Path(folder) / "exported.py", Path(folder) / "data.pt"
        module.write_text(emitted.text, encoding="utf-8")
        given = {
            "weights": model_tensors(model),
            "transient": transient_buffers(model),
            "inputs": [s.inputs for s in found],
        }
        torch.save(given, data)
        arguments = [str(module), emitted.class_name, str(data), str(torch.get_num_threads())]
        done = subprocess.run(
            [sys.executable, "-I", "-c", ALONE, *arguments],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
            raise Failure("NNC0913", path, "what was exported does not run alone", notes=(reason[:400],))
        results = iter(torch.load(f"{data}.out", weights_only=True))
        return _compared(lambda *_: next(results), path, "python", found)
