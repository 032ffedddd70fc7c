"""Complex numbers, Fourier transforms and matrices, from the words of a spec to what runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import nn

import nnc
from nnc.compiler.diagnostics import Problems
from nnc.compiler.driver import compile_text
from nnc.compiler.ops.catalogue import CATALOGUE
from nnc.compiler.plan.plan import Asked, make_plan
from nnc.compiler.schema.fmt import format_text

HEAD = "nnc: 1\ninputs: {x: [B, T, 8]}\nlayers:\n"


def load(text: str) -> nn.Module:
    return nnc.load(yaml.safe_load(text))


def run(layers: str, *inputs: torch.Tensor, head: str = HEAD) -> Any:
    return load(head + layers).eval()(*inputs)


def problem(layers: str, head: str = HEAD) -> str:
    """Every report on a spec: code, message, notes and fix."""
    found = compile_text(head + layers).problems.sorted()
    return "; ".join(
        " | ".join([d.code, d.message, *d.notes, *([d.fix.title, d.fix.replacement or ""] if d.fix else [])])
        for d in found
    )


# -- how they are written ----------------------------------------------------------------------------------------------

SPELLINGS = {
    "a call": "  out: real(fft.fft2(x))",
    "bare, of what flows": "  a: fft.fft2\n  out: real",
    "a mapping": "  a: {type: fft.fft2, dim: [-2, -1]}\n  out: {type: real}",
    "in a list": "  a:\n  - fft.fft2\n  - real",
    "entries with the module's name": "  fft: fft.fft2(x)\n  linalg: real(fft)\n  out: linalg * 1",
    "an entry that calls its namesake": "  fft: fft.fft2\n  out: real(fft)",
    "an argument that holds it": "  a: mix(x)\n  out: real(a)\nargs: {mix: fft.fft2}",
    "a block": "  a: Mix\nblocks:\n  Mix:\n    layers: {f: fft.fft2, r: real(f)}",
}


@pytest.mark.parametrize("layers", SPELLINGS.values(), ids=SPELLINGS)
def test_spellings_mean_the_same(layers: str) -> None:
    x = torch.randn(2, 5, 8)
    assert torch.equal(run(layers, x), torch.fft.fft2(x).real)


def test_a_result_of_that_name_and_the_function_are_told_apart() -> None:
    block = (
        "blocks:\n  Two:\n    inputs: {x: [...]}\n    layers: {a: relu, b: tanh}\n    outputs: {fft2: a, other: b}\n"
    )
    written = "  fft: Two\n  out: fft.fft2\n"
    assert problem(written + block).startswith("NNC0311 | `fft.fft2` is both a value and a function here")
    assert problem("  fft: Two\n  out: fft.other\n" + block) == ""
    assert problem("  fft: Two\n  out: real(fft.fft2(fft.other))\n" + block) == ""


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ("  out: torch.fft.rfft(x)", "NNC0301 | functions are written without a prefix | write `fft.rfft` | fft.rfft"),
        ("  out: F.relu(x)", "NNC0301 | functions are written without a prefix | write `relu` | relu"),
        ("  out: rfft(x)", "NNC0301 | `rfft` is not a function here | write `fft.rfft`"),
        ("  out: svd(x)", "NNC0301 | `svd` is not a function here | write `linalg.svd`"),
        ("  out: linalg.lstsq(x, x)", "NNC0301 | `linalg.lstsq` is not a function here | its result's size depends"),
        ("  out: fft.rftt(x)", "NNC0301 | there is no function `fft.rftt` | did you mean `fft.rfft`?"),
        ("  out: relu(fft.fft(x))", "NNC0503 | relu"),
        ("  out: fft.fft(x) < fft.fft(x)", "NNC0503 | lt does not take complex numbers, they have no order"),
        (
            "  a: fft.fft(x)\n  out: a.real",
            "NNC0605 | `a` is one tensor and has no parts | functions stand in front: `real(a)`",
        ),
        ("  out: linalg.det(x[0])\ndims: {T: 5}", "NNC0504 | the matrices are not square: [5, 8]"),
        ("  a: linalg.svd(x)\n  out: relu(a)", "NNC0604 | `a` has 3 results"),
    ],
)
def test_what_is_said_of_mistakes(layers: str, expected: str) -> None:
    assert problem(layers).startswith(expected), problem(layers)


@pytest.mark.parametrize("form", ["call", "mapping"])
def test_a_dotted_name_stays_when_a_spec_is_formatted(form: Any) -> None:
    written = HEAD + "  a: {type: fft.fft, dim: 1}\n  b: fft.fft\n  out: real(fft.ifft(b, n=T))\n"
    formatted = format_text(written, "net.yaml", CATALOGUE, Problems(), form=form)
    assert formatted is not None
    x = torch.randn(2, 3, 8)
    assert torch.equal(load(formatted)(x), load(written)(x))


# -- shapes ------------------------------------------------------------------------------------------------------------


def shape(layers: str, head: str = HEAD) -> tuple[str, list[str]]:
    """What comes out, and what is required for it."""
    result = compile_text(head + layers)
    assert not result.problems.sorted(), problem(layers, head)
    assert result.solution is not None
    (out,) = result.graph.outputs.values()
    return str(out.type), [r.text for r in result.solution.requirements]


@pytest.mark.parametrize(
    ("layers", "expected", "required"),
    [
        ("  out: fft.rfft(x, dim=1)", "[B, T//2 + 1, 8] complex64", []),
        ("  out: fft.irfft(x, dim=1)", "[B, 2*T - 2, 8]", ["T >= 2"]),
        ("  out: fft.irfft(fft.rfft(x, dim=1), n=T, dim=1)", "[B, T, 8]", []),
        ("  out: fft.fft(x, n=T + 3, dim=1)", "[B, T + 3, 8] complex64", []),
        ("  out: fft.rfft2(x)", "[B, T, 5] complex64", []),
        ("  out: fft.irfft2(x, s=[T, 9])", "[B, T, 9]", []),
        ("  out: linalg.inv(x)", "[B, T, 8]", ["T == 8"]),
        ("  out: linalg.svdvals(x)", "[B, min(T, 8)]", []),
        ("  out: linalg.norm(x, dim=-1)", "[B, T]", []),
        ("  out: linalg.eigvals(x @ transpose(x, 1, 2))", "[B, T] complex64", []),
        ("  out: view_as_real(fft.rfft(x))", "[B, T, 5, 2]", []),
    ],
)
def test_shapes_with_free_sizes(layers: str, expected: str, required: list[str]) -> None:
    assert shape(layers) == (expected, required)


def test_vectors_or_matrices_is_decided_or_asked_for() -> None:
    """linalg.solve takes a B of a dimension less than A for vectors where its shape says so."""
    head = "nnc: 1\ninputs: {A: [B, N, N], b: [%s]}\nlayers: {out: 'linalg.solve(A, b)'}\n"
    assert shape("", head % "B, N") == ("[B, N]", [])
    assert shape("", head % "N") == ("[B, N]", [])
    assert shape("", head % "B, N, K") == ("[B, N, K]", [])
    assert "NNC0505 | whether [N, K] is vectors or matrices depends on its sizes" in problem("", head % "N, K")


# -- running -----------------------------------------------------------------------------------------------------------


def test_pairs_anywhere_in_memory_become_complex_numbers() -> None:
    """torch's view wants them side by side, from an even place on: a spec does not say how tensors lie."""
    x = torch.randn(3, 5, 8)
    wanted = torch.complex(x[:, :, 1], x[:, :, 2])
    assert torch.equal(run("  out: view_as_complex(x[:, :, 1:3])", x), wanted)
    turned = run("  out: view_as_complex(permute(x[:, 1:3], 0, 2, 1))", x)
    assert torch.equal(turned, torch.complex(x[:, 1], x[:, 2]))
    flat = run("  out: view_as_complex(reshape(flatten(x)[1:7], 3, 2))", x)
    assert torch.equal(flat, torch.complex(*x.flatten()[1:7].reshape(3, 2).unbind(1)))


MATRICES = """
nnc: 1
inputs: {A: [B, N, M]}
layers:
  svd: linalg.svd(A, full_matrices=False)
  low: svd.U[:, :, :2] * svd.S[:, None, :2] @ svd.Vh[:, :2]
  gram: A @ transpose(A, 1, 2)
  eigh: linalg.eigh(gram)
  qr: linalg.qr(A)
  root: linalg.cholesky(gram)
  log: linalg.slogdet(gram)
outputs: {low: low, values: eigh.eigenvalues, Q: qr.Q, root: root, log: log.logabsdet}
"""


def test_factors_by_name_and_their_gradients() -> None:
    A = torch.randn(3, 4, 6, dtype=torch.float32, requires_grad=True)
    out = load(MATRICES)(A)
    U, S, Vh = torch.linalg.svd(A, full_matrices=False)
    gram = A @ A.transpose(1, 2)
    wanted = {
        "low": U[:, :, :2] * S[:, None, :2] @ Vh[:, :2],
        "values": torch.linalg.eigh(gram).eigenvalues,
        "Q": torch.linalg.qr(A).Q,
        "root": torch.linalg.cholesky(gram),
        "log": torch.linalg.slogdet(gram).logabsdet,
    }
    assert all(torch.equal(out[name], wanted[name]) for name in wanted)
    ours = torch.autograd.grad(out["low"].sum() + out["log"].sum(), A)[0]
    theirs = torch.autograd.grad(wanted["low"].sum() + wanted["log"].sum(), A)[0]
    assert torch.equal(ours, theirs)


# -- complex parameters and inputs -------------------------------------------------------------------------------------

COMPLEX = """
nnc: 1
inputs: {z: {shape: [B, 8], dtype: complex64}}
layers:
  w: Parameter(rand([8, 4], dtype=complex64))
  phase: Buffer(polar(ones([4]), arange(4) * 0.5))
  y: z @ w * phase
  out: abs(y)
"""


def test_complex_parameters_are_saved_and_loaded(tmp_path: Path) -> None:
    model = load(COMPLEX)
    assert {k: v.dtype for k, v in model.state_dict().items()} == dict.fromkeys(("w", "phase"), torch.complex64)
    z = torch.randn(3, 8, dtype=torch.complex64)
    assert torch.equal(model(z), (z @ model.w * model.phase).abs())
    again = nnc.load(nnc.save(model, tmp_path / "net.safetensors"))
    assert torch.equal(again(z), model(z))
    model(z).sum().backward()
    assert model.w.grad is not None
    assert model.w.grad.dtype is torch.complex64


def test_the_plan_takes_a_complex_number_for_two() -> None:
    """Parameters and what AdamW remembers of them, against torch."""
    plan = make_plan(compile_text(COMPLEX).graph, {}, Asked(batch_size=2, optimizer="AdamW", device="cpu"))
    model = load(COMPLEX)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.randn(2, 8, dtype=torch.complex64)).sum().backward()
    optimizer.step()
    remembered = [t for state in optimizer.state.values() for t in state.values() if t.ndim]
    assert plan.parameters == model.w.numel()
    assert plan.memory.parameters == model.w.nbytes
    assert plan.memory.optimizer == sum(t.nbytes for t in remembered)
    assert plan.memory.buffers == model.phase.nbytes


def test_scaled_losses_take_no_complex_parameters() -> None:
    data = 'data: {train: \'Npz("a.npz", ["z", "y"])\'}\n'
    text = COMPLEX + data + "train: {loss: MSELoss, optimizer: Adam(lr=1e-3), epochs: 1, precision: %s}\n"
    assert problem("", text % "bf16") == ""
    refused = problem("", text % "fp16")
    assert refused.startswith("NNC0811 | the loss scaling of fp16 takes no complex parameters, as `w` is")


def test_a_signal_through_its_spectrogram() -> None:
    """A mask in the time-frequency plane, as speech enhancement has it; the free length is kept."""
    layers = """  hann: Buffer(hann_window(16))
  z: stft(x, 16, hop_length=4, window=hann, return_complex=True)
  masked: z * sigmoid(abs(z))
  out: istft(masked, 16, hop_length=4, window=hann, length=T)
"""
    head = "nnc: 1\ninputs: {x: [B, T]}\nlayers:\n"
    assert shape(layers, head) == ("[B, T]", ["T >= 9"])
    x = torch.randn(2, 37)
    window = torch.hann_window(16)
    z = torch.stft(x, 16, 4, window=window, return_complex=True)
    wanted = torch.istft(z * z.abs().sigmoid(), 16, 4, window=window, length=37)
    assert torch.equal(run(layers, x, head=head), wanted)
