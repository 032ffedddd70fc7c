"""Transformer layers: attention and a two-layer perceptron, each with a residual connection and a LayerNorm; stacks of
them. Torch's stacks are given a layer to copy; here they take its arguments (docs/decisions/0008-transformer-stacks.md)."""

from __future__ import annotations

from typing import Literal

from nnc.compiler.ops.attention import attend, attention_masks, attention_weights
from nnc.compiler.ops.call import Call
from nnc.compiler.ops.kinds import Inferred, Positive, Probability
from nnc.compiler.ops.registry import OpDef, module
from nnc.compiler.ops.shapes import product
from nnc.compiler.types.dim import DimLike
from nnc.compiler.types.tensor import Shape, TensorType

__all__ = ["OPS"]

MAX_LAYERS = 10_000


@module("TransformerEncoderLayer", family="attention", inferred="d_model", calls=("is_causal",))
def transformer_encoder_layer(
    c: Call,
    src: TensorType,
    d_model: Inferred,
    nhead: Positive,
    dim_feedforward: Positive = 2048,
    dropout: Probability = 0.1,
    activation: Literal["relu", "gelu"] = "relu",
    layer_norm_eps: float = 1e-05,
    batch_first: bool = False,
    norm_first: bool = False,
    bias: bool = True,
    src_mask: TensorType | None = None,
    src_key_padding_mask: TensorType | None = None,
    is_causal: bool = False,
) -> TensorType:
    """Self-attention and a feed-forward network: (S, N, d_model) → the same; (N, S, d_model) with `batch_first`."""
    batch, length, width = _sequence(c, "src", src, batch_first, nhead)
    _owned(c, "", width, dim_feedforward, bias, ("self_attn",), 2)
    _causal(c, is_causal, "is_causal", src_mask, "src_mask")
    attention_masks(
        c, batch, nhead, length, length, {"src_key_padding_mask": src_key_padding_mask, "src_mask": src_mask}
    )
    attend(c, product(batch), length, length, length, width, width, width)
    c.macs(product(batch) * length * (2 * width * dim_feedforward))
    return src


@module("TransformerDecoderLayer", family="attention", inferred="d_model", calls=("tgt_is_causal", "memory_is_causal"))
def transformer_decoder_layer(
    c: Call,
    tgt: TensorType,
    memory: TensorType,
    d_model: Inferred,
    nhead: Positive,
    dim_feedforward: Positive = 2048,
    dropout: Probability = 0.1,
    activation: Literal["relu", "gelu"] = "relu",
    layer_norm_eps: float = 1e-05,
    batch_first: bool = False,
    norm_first: bool = False,
    bias: bool = True,
    tgt_mask: TensorType | None = None,
    memory_mask: TensorType | None = None,
    tgt_key_padding_mask: TensorType | None = None,
    memory_key_padding_mask: TensorType | None = None,
    tgt_is_causal: bool = False,
    memory_is_causal: bool = False,
) -> TensorType:
    """Self-attention, attention to `memory`, feed-forward: tgt (T, N, d_model), memory (S, N, d_model) → tgt's."""
    batch, length, width = _sequence(c, "tgt", tgt, batch_first, nhead)
    source = _memory(c, tgt, memory, batch_first, batch, width)
    _owned(c, "", width, dim_feedforward, bias, ("self_attn", "multihead_attn"), 3)
    _causal(c, tgt_is_causal, "tgt_is_causal", tgt_mask, "tgt_mask")
    _causal(c, memory_is_causal, "memory_is_causal", memory_mask, "memory_mask")
    attention_masks(
        c, batch, nhead, length, length, {"tgt_key_padding_mask": tgt_key_padding_mask, "tgt_mask": tgt_mask}
    )
    attention_masks(
        c, batch, nhead, length, source,
        {"memory_key_padding_mask": memory_key_padding_mask, "memory_mask": memory_mask},
    )  # fmt: skip
    samples = product(batch)
    attend(c, samples, length, length, length, width, width, width)
    attend(c, samples, length, source, source, width, width, width)
    c.macs(samples * length * (2 * width * dim_feedforward))
    return tgt


def _causal(c: Call, is_causal: bool, name: str, mask: TensorType | None, mask_name: str) -> None:
    if is_causal and mask is None:
        c.refuse(f"{name} is a hint about {mask_name}, which must be given too", name)


def _sequence(c: Call, name: str, input: TensorType, batch_first: bool, nhead: int) -> tuple[Shape, DimLike, int]:
    """(batch or nothing, length, d_model)."""
    c.rank(c.weighted(input, name), 2, 3, name=name)
    width = c.infer("d_model", input.shape[-1])
    if width == 0 or width % nhead:
        c.refuse(f"nhead={nhead} does not divide the width {width}", "nhead")
    if input.rank == 2:
        return (), input.shape[0], width
    batch, length = input.shape[:2] if batch_first else (input.shape[1], input.shape[0])
    return (batch,), length, width


def _memory(c: Call, tgt: TensorType, memory: TensorType, batch_first: bool, batch: Shape, width: int) -> DimLike:
    """The memory's length; its width and batch are the target's."""
    c.weighted(memory, "memory")
    if memory.rank != tgt.rank:
        c.refuse(f"memory is {memory.rank}-D, but tgt is {tgt.rank}-D", "memory", code="NNC0502")
    c.equal(memory.shape[-1], width, f"memory has width {memory.shape[-1]}, tgt {width}", "memory")
    if not batch:
        return memory.shape[0]
    own, length = memory.shape[:2] if batch_first else (memory.shape[1], memory.shape[0])
    c.equal(own, batch[0], f"memory has batch {own}, tgt {batch[0]}", "memory")
    return length


def _owned(c: Call, prefix: str, width: int, hidden: int, bias: bool, attentions: tuple[str, ...], norms: int) -> None:
    """The parameters of a layer in the order in which torch registers its parts."""
    for name in attentions:
        attention_weights(c, f"{prefix}{name}.", width, bias, width, width)
    for name, out, into in (("linear1", hidden, width), ("linear2", width, hidden)):
        c.parameter(f"{prefix}{name}.weight", out, into)
        if bias:
            c.parameter(f"{prefix}{name}.bias", out)
    for i in range(1, norms + 1):
        c.parameter(f"{prefix}norm{i}.weight", width)
        if bias:
            c.parameter(f"{prefix}norm{i}.bias", width)


@module(
    "Transformer",
    family="attention",
    inferred="d_model",
    calls=("src_is_causal", "tgt_is_causal", "memory_is_causal"),
)
def transformer(
    c: Call,
    src: TensorType,
    tgt: TensorType,
    d_model: Inferred = 512,
    nhead: Positive = 8,
    num_encoder_layers: Positive = 6,
    num_decoder_layers: Positive = 6,
    dim_feedforward: Positive = 2048,
    dropout: Probability = 0.1,
    activation: Literal["relu", "gelu"] = "relu",
    layer_norm_eps: float = 1e-05,
    batch_first: bool = False,
    norm_first: bool = False,
    bias: bool = True,
    src_mask: TensorType | None = None,
    tgt_mask: TensorType | None = None,
    memory_mask: TensorType | None = None,
    src_key_padding_mask: TensorType | None = None,
    tgt_key_padding_mask: TensorType | None = None,
    memory_key_padding_mask: TensorType | None = None,
    src_is_causal: bool | None = None,
    tgt_is_causal: bool | None = None,
    memory_is_causal: bool = False,
) -> TensorType:
    """Encoder and decoder: src (S, N, d_model), tgt (T, N, d_model) → tgt's shape; N in front with `batch_first`."""
    batch, length, width = _sequence(c, "tgt", tgt, batch_first, nhead)
    source = _memory(c, tgt, src, batch_first, batch, width)
    c.at_most(num_encoder_layers, MAX_LAYERS, "num_encoder_layers")
    c.at_most(num_decoder_layers, MAX_LAYERS, "num_decoder_layers")
    for i in range(num_encoder_layers):
        _owned(c, f"encoder.layers.{i}.", width, dim_feedforward, bias, ("self_attn",), 2)
    _final_norm(c, "encoder.norm", width, bias)
    for i in range(num_decoder_layers):
        _owned(c, f"decoder.layers.{i}.", width, dim_feedforward, bias, ("self_attn", "multihead_attn"), 3)
    _final_norm(c, "decoder.norm", width, bias)
    _causal(c, bool(src_is_causal), "src_is_causal", src_mask, "src_mask")
    _causal(c, bool(tgt_is_causal), "tgt_is_causal", tgt_mask, "tgt_mask")
    _causal(c, memory_is_causal, "memory_is_causal", memory_mask, "memory_mask")
    for seen, masks in (
        ((source, source), {"src_key_padding_mask": src_key_padding_mask, "src_mask": src_mask}),
        ((length, length), {"tgt_key_padding_mask": tgt_key_padding_mask, "tgt_mask": tgt_mask}),
        ((length, source), {"memory_key_padding_mask": memory_key_padding_mask, "memory_mask": memory_mask}),
    ):
        attention_masks(c, batch, nhead, *seen, masks)
    samples = product(batch)
    for _ in range(num_encoder_layers):
        attend(c, samples, source, source, source, width, width, width)
    for _ in range(num_decoder_layers):
        attend(c, samples, length, length, length, width, width, width)
        attend(c, samples, length, source, source, width, width, width)
    c.macs(samples * (source * num_encoder_layers + length * num_decoder_layers) * (2 * width * dim_feedforward))
    return tgt


def _final_norm(c: Call, name: str, width: int, bias: bool) -> None:
    c.parameter(f"{name}.weight", width)
    if bias:
        c.parameter(f"{name}.bias", width)


# -- stacks of layers --------------------------------------------------------------------------------------------------


@module("TransformerEncoder", family="attention", inferred="d_model", calls=("is_causal",))
def transformer_encoder(
    c: Call,
    src: TensorType,
    d_model: Inferred,
    num_layers: Positive,
    nhead: Positive,
    dim_feedforward: Positive = 2048,
    dropout: Probability = 0.1,
    activation: Literal["relu", "gelu"] = "relu",
    layer_norm_eps: float = 1e-05,
    batch_first: bool = False,
    norm_first: bool = False,
    bias: bool = True,
    norm: bool = False,
    enable_nested_tensor: bool = True,
    mask_check: bool = True,
    mask: TensorType | None = None,
    src_key_padding_mask: TensorType | None = None,
    is_causal: bool | None = None,
) -> TensorType:
    """`num_layers` TransformerEncoderLayers, whose arguments are written here, and a LayerNorm if `norm`:
    (S, N, d_model) → the same; (N, S, d_model) with `batch_first`."""
    batch, length, width = _sequence(c, "src", src, batch_first, nhead)
    for i in range(c.at_most(num_layers, MAX_LAYERS, "num_layers")):
        _owned(c, f"layers.{i}.", width, dim_feedforward, bias, ("self_attn",), 2)
    if norm:
        _final_norm(c, "norm", width, bias)
    _causal(c, bool(is_causal), "is_causal", mask, "mask")
    attention_masks(c, batch, nhead, length, length, {"src_key_padding_mask": src_key_padding_mask, "mask": mask})
    samples = product(batch)
    for _ in range(num_layers):
        attend(c, samples, length, length, length, width, width, width)
    c.macs(samples * length * num_layers * (2 * width * dim_feedforward))
    return src


@module("TransformerDecoder", family="attention", inferred="d_model", calls=("tgt_is_causal", "memory_is_causal"))
def transformer_decoder(
    c: Call,
    tgt: TensorType,
    memory: TensorType,
    d_model: Inferred,
    num_layers: Positive,
    nhead: Positive,
    dim_feedforward: Positive = 2048,
    dropout: Probability = 0.1,
    activation: Literal["relu", "gelu"] = "relu",
    layer_norm_eps: float = 1e-05,
    batch_first: bool = False,
    norm_first: bool = False,
    bias: bool = True,
    norm: bool = False,
    tgt_mask: TensorType | None = None,
    memory_mask: TensorType | None = None,
    tgt_key_padding_mask: TensorType | None = None,
    memory_key_padding_mask: TensorType | None = None,
    tgt_is_causal: bool | None = None,
    memory_is_causal: bool = False,
) -> TensorType:
    """`num_layers` TransformerDecoderLayers, whose arguments are written here, and a LayerNorm if `norm`:
    tgt (T, N, d_model), memory (S, N, d_model) → tgt's."""
    batch, length, width = _sequence(c, "tgt", tgt, batch_first, nhead)
    source = _memory(c, tgt, memory, batch_first, batch, width)
    for i in range(c.at_most(num_layers, MAX_LAYERS, "num_layers")):
        _owned(c, f"layers.{i}.", width, dim_feedforward, bias, ("self_attn", "multihead_attn"), 3)
    if norm:
        _final_norm(c, "norm", width, bias)
    _causal(c, bool(tgt_is_causal), "tgt_is_causal", tgt_mask, "tgt_mask")
    _causal(c, memory_is_causal, "memory_is_causal", memory_mask, "memory_mask")
    for seen, masks in (
        (length, {"tgt_key_padding_mask": tgt_key_padding_mask, "tgt_mask": tgt_mask}),
        (source, {"memory_key_padding_mask": memory_key_padding_mask, "memory_mask": memory_mask}),
    ):
        attention_masks(c, batch, nhead, length, seen, masks)
    samples = product(batch)
    for _ in range(num_layers):
        attend(c, samples, length, length, length, width, width, width)
        attend(c, samples, length, source, source, width, width, width)
    c.macs(samples * length * num_layers * (2 * width * dim_feedforward))
    return tgt


OPS: tuple[OpDef, ...] = (
    transformer_encoder_layer, transformer_decoder_layer, transformer, transformer_encoder, transformer_decoder,
)  # fmt: skip
