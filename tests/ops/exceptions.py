"""Where a rule means to be stricter than torch on the CPU, and why. It is never looser."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from nnc.compiler.ops.call import Refusal
from nnc.compiler.ops.registry import OpDef
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType
from tests.ops.oracle import Outcome

__all__ = ["STRICTER", "reason_to_be_stricter"]

Arguments = Mapping[str, Any]
WRONG_DTYPE = "NNC0503"


@dataclass(frozen=True)
class Stricter:
    """`applies` says whether torch's acceptance of these arguments is one that the rules refuse on purpose."""

    reason: str
    applies: Callable[[OpDef, Arguments, Refusal, Outcome], bool]


def tensors(arguments: Arguments) -> list[TensorType]:
    several = (v if isinstance(v, tuple | list) else (v,) for v in arguments.values())
    return [t for group in several for t in group if isinstance(t, TensorType)]


def has(arguments: Arguments, *kinds: str) -> bool:
    """Whether a tensor is `complex`, or `whole` (integers and truth values)."""
    dtypes = [t.dtype for t in tensors(arguments)]
    whole = any(d.is_integer or d is DType.bool for d in dtypes)
    return ("complex" in kinds and any(d.is_complex for d in dtypes)) or ("whole" in kinds and whole)


STRICTER: tuple[Stricter, ...] = (
    Stricter(
        "feature maps come from one batch: torch would stretch a batch of one",
        lambda op, arguments, refusal, theirs: (
            op.name == "FeaturePyramidNetwork" and "one batch size" in refusal.message
        ),
    ),
    Stricter(
        "a value of another kind than documented: `inplace=-1`, `eps=True`; Python does with it what it can",
        lambda op, arguments, refusal, theirs: refusal.code == "NNC0305",
    ),
    Stricter(
        "what is written contradicts what flows in: torch compares them only where it owns parameters",
        lambda op, arguments, refusal, theirs: refusal.code == "NNC0506",
    ),
    Stricter(
        "a result without elements is a mistake: padding that crops everything, resizing to 0",
        lambda op, arguments, refusal, theirs: any(0 in shape for shape, _ in theirs.results),
    ),
    Stricter(
        "batch and instance normalization refuse eps=0 in training only",
        lambda op, arguments, refusal, theirs: op.family == "normalization" and refusal.subject == "eps",
    ),
    Stricter(
        "cross-entropy does not look at a label_smoothing below 0",
        lambda op, arguments, refusal, theirs: refusal.subject == "label_smoothing",
    ),
    Stricter(
        "instance_norm with running statistics takes what is no image",
        lambda op, arguments, refusal, theirs: op.name == "instance_norm" and refusal.code == "NNC0502",
    ),
    Stricter(
        "bicubic sampling of volumes is newer than torch 2.11",
        lambda op, arguments, refusal, theirs: op.name == "grid_sample" and refusal.subject == "mode",
    ),
    Stricter(
        "over packed sequences not every kernel looks at how many states there are",
        lambda op, arguments, refusal, theirs: refusal.subject in ("h_0", "c_0") and "lengths" in arguments,
    ),
    Stricter(
        "lengths of sequences are converted by pack_padded_sequence, whatever they are",
        lambda op, arguments, refusal, theirs: op.family == "recurrent" and refusal.subject == "lengths",
    ),
    Stricter(
        "dropout of whole numbers fails in training unless p is 0 or 1",
        lambda op, arguments, refusal, theirs: (
            (op.family == "dropout" or "tochastic" in op.name)
            and (arguments.get("p") in (0.0, 1.0) or arguments.get("training") is False)
        ),
    ),
    Stricter(
        "complex numbers: few kernels have them, and not on every device",
        lambda op, arguments, refusal, theirs: refusal.code == WRONG_DTYPE and has(arguments, "complex"),
    ),
    Stricter(
        "products, averages and blocks of whole numbers exist on the CPU only",
        lambda op, arguments, refusal, theirs: (
            refusal.code == WRONG_DTYPE
            and has(arguments, "whole")
            and (op.family in ("linear", "pooling", "convolution") or op.name in ("LocalResponseNorm", "local_response_norm"))
        ),
    ),
    Stricter(
        "einsum promotes where it does not sum: a product of unlike dtypes is a mistake all the same",
        lambda op, arguments, refusal, theirs: op.name == "einsum" and refusal.code == WRONG_DTYPE,
    ),
    Stricter(
        "normalization promotes its statistics and affine numbers on slow paths only",
        lambda op, arguments, refusal, theirs: (
            op.name in ("RMSNorm", "rms_norm", "instance_norm", "batch_norm") and refusal.code == WRONG_DTYPE
        ),
    ),
    Stricter(
        "indices of other dtypes than int64 and int32 are taken on some paths only",
        lambda op, arguments, refusal, theirs: refusal.code == WRONG_DTYPE and op.family in ("embedding", "indexing"),
    ),
    Stricter(
        "clamp takes a scalar tensor for a number",
        lambda op, arguments, refusal, theirs: op.name in ("clamp", "clip") and refusal.subject == "min",
    ),
    Stricter(
        "linear without an output dimension takes a scalar bias for vectors only",
        lambda op, arguments, refusal, theirs: op.name == "linear" and refusal.subject == "bias",
    ),
    Stricter(
        "attention's fast kernel does not compare the lengths of key and value, the others do",
        lambda op, arguments, refusal, theirs: op.name == "scaled_dot_product_attention" and refusal.subject == "value",
    ),
    Stricter(
        "torchvision's own ops take what happens to broadcast or promote",
        lambda op, arguments, refusal, theirs: (
            (op.family == "vision" or op.name.lower().startswith("drop")) and refusal.code in (WRONG_DTYPE, "NNC0502")
        ),
    ),
    Stricter(
        "a box is four numbers, whatever is done with it",
        lambda op, arguments, refusal, theirs: op.name == "box_convert" and refusal.code == "NNC0504",
    ),
    Stricter(
        "drop_block out of training does nothing, whatever the block",
        lambda op, arguments, refusal, theirs: op.name.startswith("drop_block") and arguments.get("training") is False,
    ),
    Stricter(
        "attention's fast path for inference does not miss the mask that is_causal is a hint about; training does",
        lambda op, arguments, refusal, theirs: op.family == "attention" and "is_causal" in (refusal.subject or ""),
    ),
    Stricter(
        "kernels that lack truth values are not called for one element",
        lambda op, arguments, refusal, theirs: (
            refusal.code == WRONG_DTYPE and all(prod(shape) <= 1 for shape, _ in theirs.results)
        ),
    ),
    Stricter(
        "num_classes=-1 counts the classes among the values, which no check sees",
        lambda op, arguments, refusal, theirs: op.name == "one_hot" and refusal.subject == "num_classes",
    ),
    Stricter(
        "ZeroPad3d and ConstantPad3d take a list that is too short and leave dimensions alone, without a word of it",
        lambda op, arguments, refusal, theirs: op.family == "padding" and refusal.subject == "padding",
    ),
    Stricter(
        "`True - x` is refused by torch's operator, but not with `alpha`",
        lambda op, arguments, refusal, theirs: op.name == "sub" and refusal.code == WRONG_DTYPE,
    ),
    Stricter(
        "a bool to the power of a bool is no power",
        lambda op, arguments, refusal, theirs: op.name == "pow" and refusal.code == WRONG_DTYPE,
    ),
    Stricter(
        "an LSTM cell promotes its state c_0",
        lambda op, arguments, refusal, theirs: op.name == "LSTMCell" and refusal.subject == "c_0",
    ),
    Stricter(
        "images of uint8 are resized smoothly on the CPU only",
        lambda op, arguments, refusal, theirs: op.family == "upsampling" and has(arguments, "whole"),
    ),
    Stricter(
        "sparse gradients of an embedding fail in training",
        lambda op, arguments, refusal, theirs: op.name == "Embedding" and arguments.get("sparse") is True,
    ),
    Stricter(
        "AdaptiveAvgPool to size 1 is a mean, of any rank",
        lambda op, arguments, refusal, theirs: "daptive" in op.name and refusal.code == "NNC0502",
    ),
    Stricter(
        "losses compare like with like: what broadcasts or promotes is a mistake, or fails in training",
        lambda op, arguments, refusal, theirs: op.family == "loss" and refusal.code in (WRONG_DTYPE, "NNC0502", "NNC0504"),
    ),
    Stricter(
        "these promote on some paths only",
        lambda op, arguments, refusal, theirs: (
            op.name in ("addr", "conv_tbc", "corrcoef", "cov", "cumulative_trapezoid", "ldexp", "logspace", "trapezoid")
            and refusal.code == WRONG_DTYPE
        ),
    ),
    Stricter(
        "the function takes sizes and ratios that its module refuses, and ignores one of them",
        lambda op, arguments, refusal, theirs: (
            op.name.startswith("fractional_max_pool") and refusal.message.startswith(("give either", "output_ratio is a number"))
        ),
    ),
    Stricter(
        "tensordot stretches sizes of 1, and those that are summed together differ by mistake",
        lambda op, arguments, refusal, theirs: op.name == "tensordot" and refusal.code == "NNC0504",
    ),
    Stricter(
        "stft aligned to its window reads beyond the signal where lengths are odd",
        lambda op, arguments, refusal, theirs: op.name == "stft" and refusal.subject == "align_to_window",
    ),
    Stricter(
        "a window is of numbers like the signal's: torch multiplies by whole ones and by others too",
        lambda op, arguments, refusal, theirs: op.name in ("stft", "istft") and refusal.subject == "window",
    ),
    Stricter(
        "the product of two vectors does not look at its dim",
        lambda op, arguments, refusal, theirs: op.name == "linalg.vecdot" and refusal.subject == "dim",
    ),
    Stricter(
        "there are no frequencies of fewer than 1 point: torch divides, and comes to one",
        lambda op, arguments, refusal, theirs: op.name == "fft.rfftfreq" and refusal.subject == "n",
    ),
    Stricter(
        "two numbers make a number: the language computes it, no op does",
        lambda op, arguments, refusal, theirs: op.family in ("arithmetic", "comparison") and not tensors(arguments),
    ),
)  # fmt: skip


def reason_to_be_stricter(op: OpDef, arguments: Arguments, refusal: Refusal, theirs: Outcome) -> str:
    """The reason, or nothing where there is none."""
    return next((s.reason for s in STRICTER if s.applies(op, arguments, refusal, theirs)), "")
