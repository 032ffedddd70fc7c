"""Names of torch that are no ops here, each with what to write instead, or why there is nothing to write: a better answer
than "unknown". Read only when a name was not found."""

from __future__ import annotations

from collections.abc import Container

__all__ = ["NOT_OPS", "instead"]

_DEPENDS = "its result's size depends on the numbers in its input, and a shape must be known before the network runs"
_SIZES = "sizes have names: `inputs: {x: [B, T, C]}` binds B, T and C, and an expression says `T // 2`"
_BLOCK = "a module of your own is a block: an entry of `blocks:`"
_MODULES = "named submodules are a mapping of layers; `for:` and `repeat:` make many"
_PARAMETERS = "each parameter is an entry of its own: `scale: Parameter([dim])`; `for:` makes many"
_DEVICES = "how a network is spread over devices is no part of its spec"
_DEVICE = "where a network runs, and in which memory, is decided by who runs it"
_GRADIENTS = "`freeze:` says which parameters are not trained, and `detach(x)` stops a gradient"
_PYTHON = "it leaves the network: what comes out of it is a Python value, not a tensor"
_DOTTED = "functions with a dot in their name (torch.fft.rfft, torch.linalg.svd) are not part of the language"
_SPARSE = "it makes a sparse tensor, and networks of the language compute with dense ones"

_REASONS: dict[str, str] = {
    "Sequential": "a list of layers is a Sequential: `features: [Conv2d(8, 3), ReLU]`",
    "ModuleList ModuleDict": _MODULES,
    "ParameterList ParameterDict": _PARAMETERS,
    "Module Container": _BLOCK,
    "DataParallel DistributedDataParallel": _DEVICES,
    "RNNBase": "it is the base of `RNN`, `LSTM` and `GRU`: write one of them",
    "RNNCellBase": "it is the base of `RNNCell`, `LSTMCell` and `GRUCell`: write one of them",
    "UninitializedParameter UninitializedBuffer": "sizes are inferred: `Parameter([dim])` with a known `dim`",
    "MultiScaleRoIAlign": (
        "it picks a feature map for each box by the box's size: write `roi_align(features, boxes, 7, scale)` for each map"
    ),
    "multi_head_attention_forward": (
        "it is what `MultiheadAttention` calls; with weights of your own write `scaled_dot_product_attention(q, k, v)`"
    ),
    "nonzero argwhere masked_select unique unique_consecutive bincount nms batched_nms remove_small_boxes masks_to_boxes "
    "histogram histogramdd item_count": _DEPENDS,
    "size dim ndim ndimension shape numel nelement stride storage_offset is_contiguous": _SIZES,
    "item tolist numpy equal allclose is_tensor is_nonzero is_complex is_floating_point is_same_size data_ptr": _PYTHON,
    "cuda cpu to_device pin_memory share_memory_ get_device device": _DEVICE,
    "backward grad requires_grad no_grad enable_grad retain_grad register_hook": _GRADIENTS,
    "sparse_coo_tensor to_sparse sparse_csr_tensor": _SPARSE,
    "rfft irfft ifft fft2 ifft2 rfft2 irfft2 fftn ifftn rfftn irfftn fftshift ifftshift fftfreq rfftfreq hfft ihfft "
    "vector_norm matrix_norm eigh eigvalsh solve solve_triangular lstsq multi_dot cond pinv": _DOTTED,
    "apply_ map_ map2_ apply map": "it calls a Python function, and a spec has none: write the expression itself",
    "assert_int_or_pair has_torch_function handle_torch_function boolean_dispatch has_torch_function_unary "
    "has_torch_function_variadic": "it is a helper inside torch",
}

NOT_OPS: dict[str, str] = {name: reason for names, reason in _REASONS.items() for name in names.split()}


def instead(name: str, known: Container[str]) -> str | None:
    """What to write instead of `name`, where it is torch's but no op; None for a name that torch has not either, as far
    as is known here. `known` are the ops."""
    if name in NOT_OPS:
        return NOT_OPS[name]
    plain = name.removesuffix("_")
    if plain != name and plain in known:
        return f"values are not changed in place: write `{plain}`"
    return None
