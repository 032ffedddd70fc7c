"""Attention: queries (L) look at keys and values (S)."""

from __future__ import annotations

from collections.abc import Mapping

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.kinds import Inferred, Positive, Probability
from nnc.compiler.ops.product import same_dtype
from nnc.compiler.ops.registry import OpDef, function, module
from nnc.compiler.ops.shapes import broadcast, broadcast_to, display, product
from nnc.compiler.types.dim import DimLike
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import Shape, TensorType

__all__ = ["OPS", "attend", "attention_masks", "attention_weights"]


@module(
    "MultiheadAttention",
    family="attention",
    inferred=("embed_dim", "kdim", "vdim"),
    results=("attn_output", "attn_output_weights"),
    calls=("need_weights", "average_attn_weights", "is_causal"),
)
def multihead_attention(
    c: Call,
    query: TensorType,
    key: TensorType,
    value: TensorType,
    embed_dim: Inferred,
    num_heads: Positive,
    dropout: Probability = 0.0,
    bias: bool = True,
    add_bias_kv: bool = False,
    add_zero_attn: bool = False,
    kdim: Inferred = None,
    vdim: Inferred = None,
    batch_first: bool = False,
    key_padding_mask: TensorType | None = None,
    need_weights: bool = True,
    attn_mask: TensorType | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> Mapping[str, TensorType]:
    """softmax(q kᵀ / √d) v in `num_heads` heads: query (L, N, E), key (S, N, kdim), value (S, N, vdim) → attn_output
    (L, N, E), attn_output_weights (N, L, S), or (N, heads, L, S) if not averaged; N in front with `batch_first`."""
    for name, tensor in (("query", query), ("key", key), ("value", value)):
        c.rank(c.weighted(tensor, name), 2, 3, name=name)
        if tensor.rank != query.rank:
            c.refuse(f"{name} is {tensor.rank}-D, but the query is {query.rank}-D", name, code="NNC0502")
    width = c.infer("embed_dim", query.shape[-1])
    if width == 0 or width % num_heads:
        c.refuse(f"num_heads={num_heads} does not divide the width {width}", "num_heads")
    key_width, value_width = _own_width(c, "kdim", key, width), _own_width(c, "vdim", value, width)
    attention_weights(c, "", width, bias, key_width, value_width, add_bias_kv)
    if is_causal and attn_mask is None:
        c.refuse("is_causal is a hint about attn_mask, which must be given too", "is_causal")
    batch, length, source = _axes(c, query, key, value, batch_first)
    attention_masks(c, batch, num_heads, length, source, {"key_padding_mask": key_padding_mask, "attn_mask": attn_mask})
    seen = source + add_bias_kv + add_zero_attn
    attend(c, product(batch), length, source, seen, width, key_width, value_width)
    if not need_weights:
        return {"attn_output": query}
    heads: Shape = () if average_attn_weights else (num_heads,)
    return {"attn_output": query, "attn_output_weights": query.with_shape(*batch, *heads, length, seen)}


def _own_width(c: Call, argument: str, tensor: TensorType, width: int) -> int:
    """`kdim` and `vdim` are the widths of key and value; torch leaves them out where they are `embed_dim`."""
    own = c.infer(argument, tensor.shape[-1])
    if own == width and c.given.get(argument) is None:
        del c.inferred[argument]
    return own


def attention_weights(
    c: Call, prefix: str, width: int, bias: bool, key_width: int, value_width: int, add_bias_kv: bool = False
) -> None:
    """The parameters of torch's `MultiheadAttention`, in its order: those of the module, then those of `out_proj`."""
    if key_width == width == value_width:
        c.parameter(f"{prefix}in_proj_weight", 3 * width, width)
    else:
        c.parameter(f"{prefix}q_proj_weight", width, width)
        c.parameter(f"{prefix}k_proj_weight", width, key_width)
        c.parameter(f"{prefix}v_proj_weight", width, value_width)
    if bias:
        c.parameter(f"{prefix}in_proj_bias", 3 * width)
    if add_bias_kv:
        c.parameter(f"{prefix}bias_k", 1, 1, width)
        c.parameter(f"{prefix}bias_v", 1, 1, width)
    c.parameter(f"{prefix}out_proj.weight", width, width)
    if bias:
        c.parameter(f"{prefix}out_proj.bias", width)


def attend(
    c: Call,
    batch: DimLike,
    length: DimLike,
    source: DimLike,
    seen: DimLike,
    width: int,
    key_width: int,
    value_width: int,
) -> None:
    """Counts four projections and the two products of attention."""
    c.macs(batch * length * (2 * width * width) + batch * source * (width * (key_width + value_width)))
    c.macs(batch * length * seen * (2 * width))


def _axes(
    c: Call, query: TensorType, key: TensorType, value: TensorType, batch_first: bool
) -> tuple[Shape, DimLike, DimLike]:
    """(batch or nothing, L, S); key and value must agree on S, and all three on the batch."""
    time = 1 if batch_first and query.rank == 3 else 0
    source = key.shape[time]
    reason = f"key has {source} elements, value {value.shape[time]}"
    c.equal(source, value.shape[time], reason, "value")
    if query.rank == 2:
        return (), query.shape[0], source
    batch = query.shape[1 - time]
    for name, tensor in (("key", key), ("value", value)):
        c.equal(batch, tensor.shape[1 - time], f"query has batch {batch}, {name} {tensor.shape[1 - time]}", name)
    return (batch,), query.shape[time], source


def attention_masks(
    c: Call,
    batch: Shape,
    num_heads: int,
    length: DimLike,
    source: DimLike,
    masks: Mapping[str, TensorType | None],
) -> None:
    """Of two masks by name, the first hides keys, (N, S), and the second scores, (L, S) or (N·heads, L, S)."""
    (padding_name, padding), (scores_name, scores) = masks.items()
    if padding is not None:
        _mask(c, padding_name, padding, (*batch, source))
    if scores is not None:
        c.rank(scores, 2, 3, name=scores_name)
        of_heads: Shape = (product(batch) * num_heads,) if scores.rank == 3 else ()
        _mask(c, scores_name, scores, (*of_heads, length, source))


def _mask(c: Call, name: str, mask: TensorType, shape: Shape) -> None:
    if mask.dtype not in (DType.bool, DType.float32):
        c.refuse(f"{name} is {mask.dtype}, not bool or float32", name, code="NNC0503")
    if mask.rank != len(shape):
        c.refuse(f"{name} is {mask}, not {display(shape)}", name, code="NNC0502")
    for have, want in zip(mask.shape, shape, strict=True):
        c.equal(have, want, f"{name} is {mask}, not {display(shape)}", name)


@function("scaled_dot_product_attention", family="attention")
def scaled_dot_product_attention(
    c: Call,
    query: TensorType,
    key: TensorType,
    value: TensorType,
    attn_mask: TensorType | None = None,
    dropout_p: Probability = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> TensorType:
    """softmax(q kᵀ · scale) v: (*, L, E), (*, S, E), (*, S, E_v) → (*, L, E_v)."""
    for name, tensor in (("query", query), ("key", key), ("value", value)):
        c.at_least_rank(c.floating(tensor, name), 2, name)
        same_dtype(c, query, tensor, name)
    c.equal(query.shape[-1], key.shape[-1], f"query has width {query.shape[-1]}, key {key.shape[-1]}", "key")
    c.equal(key.shape[-2], value.shape[-2], f"key has {key.shape[-2]} elements, value {value.shape[-2]}", "value")
    queries, keys, values = query.shape[:-2], key.shape[:-2], value.shape[:-2]
    if enable_gqa:
        keys, values = _grouped(c, queries, "key", keys), _grouped(c, queries, "value", values)
    batch = broadcast(c, queries, keys, values, subject="key")
    if attn_mask is not None:
        if is_causal:
            c.refuse("attn_mask and is_causal exclude each other", "is_causal")
        if attn_mask.dtype not in (DType.bool, query.dtype):
            c.refuse(f"attn_mask is {attn_mask.dtype}, not bool or {query.dtype}", "attn_mask", code="NNC0503")
        broadcast_to(c, attn_mask.shape, (*batch, query.shape[-2], key.shape[-2]), "attn_mask")
    scored = product(broadcast(c, queries, keys))
    c.macs(query.shape[-2] * key.shape[-2] * (scored * query.shape[-1] + product(batch) * value.shape[-1]))
    return query.with_shape(*batch, query.shape[-2], value.shape[-1])


def _grouped(c: Call, queries: Shape, name: str, heads: Shape) -> Shape:
    """Grouped queries: each head of keys serves several heads of queries."""
    if not queries or not heads:
        c.refuse("enable_gqa needs a dimension of heads: (*, heads, L, E)", name)
    reason = f"{queries[-1]} heads of queries are not a multiple of {heads[-1]} of {name}s"
    c.multiple(queries[-1], heads[-1], reason, name)
    return (*heads[:-1], queries[-1])


OPS: tuple[OpDef, ...] = (multihead_attention, scaled_dot_product_attention)
