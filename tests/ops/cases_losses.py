"""Cases for losses."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from nnc.compiler.ops.registry import OpDef
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType
from tests.ops.drawing import MISSING, SIZES, Case, Draw, Generator, chance, dtype, equal, settings, shape

__all__ = ["GENERATORS"]

FLOATS = st.sampled_from([DType.float32, DType.float32, DType.float32, DType.float64])


def weight(draw: Draw, op: OpDef, first: TensorType, shape: tuple[int, ...], percent: int = 40) -> Any:
    """A function's is a tensor, a module's a number or a list."""
    if not chance(draw, percent):
        return MISSING
    shape = equal(draw, shape)
    if op.form == "function":
        return TensorType(shape, dtype(draw, first.dtype, 5))
    return 2.0 if not shape else (0.5,) * shape[-1]


def floats(draw: Draw, op: OpDef) -> DType:
    """A module's weights are float32."""
    return dtype(draw, draw(FLOATS), 5)


def targets(draw: Draw, first: TensorType, wanted: tuple[int, ...], whole: int = 30) -> TensorType:
    usual = draw(st.sampled_from([DType.int64, DType.int32])) if chance(draw, whole) else first.dtype
    return TensorType(equal(draw, wanted), dtype(draw, usual, 5))


def elementwise(draw: Draw, op: OpDef) -> Case:
    first = TensorType(shape(draw, (0, 1, 2, 3)), floats(draw, op))
    case = settings(draw, op, **({"weight": MISSING} if op.form == "module" else {}))
    case |= {"input": first, "target": targets(draw, first, sizes(first), 15)}
    names = {a.name for a in op.arguments}
    spread = sizes(first)[draw(st.integers(0, first.rank)) :]
    if "weight" in names:
        broadcasts = "cross_entropy" in op.name or op.name.startswith(("BCE", "MultiLabel", "multilabel"))
        case["weight"] = weight(draw, op, first, spread if broadcasts else sizes(first))
    if "pos_weight" in names:
        case["pos_weight"] = weight(draw, op, first, spread)
    return case


def sizes(type: TensorType) -> tuple[int, ...]:
    return tuple(s for s in type.shape if isinstance(s, int))


def gaussian(draw: Draw, op: OpDef) -> Case:
    case = elementwise(draw, op)
    first = case["input"]
    wanted = sizes(first)
    kind = draw(st.integers(0, 4))
    if kind == 0 and wanted:
        wanted = wanted[:-1]
    elif kind == 1:
        wanted = tuple(1 if chance(draw, 40) else s for s in wanted)
    elif kind == 2 and op.form == "function":
        return case | {"var": draw(st.sampled_from([0.5, 2.0]))}
    return case | {"var": TensorType(equal(draw, wanted), dtype(draw, first.dtype, 5))}


def classes(draw: Draw, op: OpDef) -> Case:
    rank = draw(st.sampled_from((1, 2, 2, 3, 4)))
    if op.name in ("MultiMarginLoss", "multi_margin_loss"):
        rank = min(rank, 2)
    scores = tuple(draw(SIZES) for _ in range(rank))
    first = TensorType(scores, floats(draw, op))
    rest = (*scores[:1], *scores[2:]) if rank > 1 else ()
    case = settings(draw, op, weight=weight(draw, op, first, (scores[min(1, rank - 1)],)))
    if "cross" in op.name.lower() and chance(draw, 30):
        target = TensorType(equal(draw, scores), dtype(draw, first.dtype, 8))
        case["ignore_index"] = MISSING if chance(draw, 80) else case.get("ignore_index", MISSING)
    else:
        target = TensorType(equal(draw, rest), dtype(draw, DType.int64, 8))
    return case | {"input": first, "target": target}


def linear_classes(draw: Draw, op: OpDef) -> Case:
    batch = (draw(SIZES),) if chance(draw, 85) else ()
    features, count = draw(SIZES), draw(SIZES)
    extra = tuple(draw(SIZES) for _ in range(draw(st.sampled_from((0, 0, 1, 2)))))
    first = TensorType(equal(draw, (*batch, features)), floats(draw, op))
    given: Case = {}
    if op.form == "module":
        methods = ("auto", "auto", "aspect_ratio", "aspect_ratio:2", "aspect_ratio:0", "rows")
        method = draw(st.sampled_from(methods)) if chance(draw, 30) else MISSING
        given = {"num_classes": count, "out_features": extra, "chunking_method": method}
    case = settings(draw, op, weight=weight(draw, op, first, (count,)), **given)
    if op.form == "function":
        case["linear_weight"] = TensorType(equal(draw, (count, *extra, features)), dtype(draw, first.dtype, 4))
        if chance(draw, 40):
            case["linear_bias"] = TensorType(equal(draw, (count, *extra)), dtype(draw, first.dtype, 4))
    if chance(draw, 30):
        right = (*batch, count, *extra)  # with an ignore_index it is a fault by itself, and chunks hide which it is
        fits = case.get("ignore_index") is None or case.get("ignore_index") is MISSING
        target = TensorType(equal(draw, right) if fits else right, dtype(draw, first.dtype, 5))
    else:
        target = TensorType(equal(draw, (*batch, *extra)), dtype(draw, DType.int64, 5))
    return case | {"input": first, "target": target}


def lists_of_classes(draw: Draw, op: OpDef) -> Case:
    first = TensorType(shape(draw, (1, 2)), floats(draw, op))
    target = TensorType(equal(draw, sizes(first)), dtype(draw, DType.int64, 8))
    return settings(draw, op) | {"input": first, "target": target}


def rows(draw: Draw, op: OpDef) -> Case:
    first = TensorType(shape(draw, (1, 2, 3)), floats(draw, op))
    case = settings(draw, op, weight=weight(draw, op, first, sizes(first)[-1:]))
    return case | {"input": first, "target": targets(draw, first, sizes(first))}


def several(draw: Draw, op: OpDef) -> Case:
    """Two or three tensors alike; a target where there is one."""
    names = [a.name for a in (*op.inputs, *op.arguments) if a.kind.tensor]
    cosine = "osine" in op.name
    first = TensorType(shape(draw, (1, 2, 2) if cosine else (1, 2, 3)), floats(draw, op))
    case = settings(draw, op)
    for name in names:
        wanted = sizes(first)[:-1] if cosine and name == "target" else sizes(first)
        case[name] = (
            targets(draw, first, wanted)
            if name == "target"
            else TensorType(equal(draw, wanted), dtype(draw, first.dtype, 4))
        )
    return case | {names[0]: first}


def ctc(draw: Draw, op: OpDef) -> Case:
    """Targets are zeros, and of no length: blank is another class."""
    steps, classes = draw(SIZES), draw(SIZES)
    batch = (draw(SIZES),) if chance(draw, 95) else ()
    labels = (*(batch if chance(draw, 70) else ()), draw(SIZES))
    whole = st.sampled_from([DType.int64, DType.int64, DType.int32])
    return settings(draw, op, blank=draw(st.integers(0, 3)) if chance(draw, 70) else MISSING) | {
        "log_probs": TensorType((steps, *batch, classes), dtype(draw, draw(FLOATS), 5)),
        "targets": TensorType(equal(draw, labels), dtype(draw, draw(whole), 5)),
        "input_lengths": TensorType(equal(draw, batch), dtype(draw, draw(whole), 5)),
        "target_lengths": TensorType(equal(draw, batch), dtype(draw, draw(whole), 5)),
    }


def adaptive(draw: Draw, op: OpDef) -> Case:
    batch = (draw(SIZES),) if chance(draw, 80) else ()
    cutoffs = tuple(sorted(draw(st.lists(st.integers(1, 9), min_size=1, max_size=3))))
    return settings(draw, op, n_classes=draw(st.integers(8, 12)), cutoffs=cutoffs) | {
        "input_": TensorType(equal(draw, (*batch, draw(SIZES))), dtype(draw, others=5)),
        "target_": TensorType(equal(draw, batch), dtype(draw, DType.int64, 5)),
    }


ELEMENTWISE = (
    "MSELoss L1Loss SmoothL1Loss HuberLoss BCELoss BCEWithLogitsLoss KLDivLoss PoissonNLLLoss SoftMarginLoss "
    "HingeEmbeddingLoss mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy "
    "binary_cross_entropy_with_logits kl_div poisson_nll_loss soft_margin_loss hinge_embedding_loss"
)
SEVERAL = (
    "MarginRankingLoss CosineEmbeddingLoss TripletMarginLoss TripletMarginWithDistanceLoss margin_ranking_loss "
    "cosine_embedding_loss triplet_margin_loss triplet_margin_with_distance_loss"
)
CLASSES = "CrossEntropyLoss NLLLoss MultiMarginLoss cross_entropy nll_loss multi_margin_loss"
GENERATORS: dict[str, Generator] = (
    dict.fromkeys(ELEMENTWISE.split(), elementwise)
    | dict.fromkeys(SEVERAL.split(), several)
    | dict.fromkeys(CLASSES.split(), classes)
    | dict.fromkeys(("GaussianNLLLoss", "gaussian_nll_loss"), gaussian)
    | dict.fromkeys(("LinearCrossEntropyLoss", "linear_cross_entropy"), linear_classes)
    | dict.fromkeys(("MultiLabelMarginLoss", "multilabel_margin_loss"), lists_of_classes)
    | dict.fromkeys(("MultiLabelSoftMarginLoss", "multilabel_soft_margin_loss"), rows)
    | dict.fromkeys(("CTCLoss", "ctc_loss"), ctc)
    | {"AdaptiveLogSoftmaxWithLoss": adaptive}
)
