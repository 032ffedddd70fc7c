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
_QUANTIZED = "it computes with quantized numbers, and networks of the language with plain ones"
_INSIDE = "it is a kernel inside torch, which other functions call"
_CODES = "it tells by a number whether it could be computed"
_DTYPES = "`to(x, int16)` gives x another dtype"
_RARE = "it is not part of the language, which leaves out what networks hardly need"
_MEMORY = "how a tensor lies in memory is not part of the language: write `reshape` or `x[::2]`"
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
    "sparse_coo_tensor to_sparse sparse_csr_tensor to_sparse_bsc to_sparse_bsr to_sparse_coo to_sparse_csc to_sparse_csr "
    "to_dense coalesce is_coalesced sparse_mask sparse_dim dense_dim indices values crow_indices col_indices ccol_indices "
    "row_indices smm spmm dsmm hsmm hspmm saddmm sspaddmm": _SPARSE,
    "quantize_per_channel quantize_per_tensor quantize_per_tensor_dynamic dequantize int_repr q_scale q_zero_point "
    "q_per_channel_axis q_per_channel_scales q_per_channel_zero_points qscheme choose_qparams_optimized "
    "fake_quantize_per_channel_affine fake_quantize_per_tensor_affine fused_moving_avg_obs_fake_quant scaled_mm "
    "scaled_addmm scaled_addmm_ scaled_grouped_mm grouped_mm": _QUANTIZED,
    "affine_grid_generator batch_norm_backward_elemt batch_norm_backward_reduce batch_norm_elemt batch_norm_gather_stats "
    "batch_norm_gather_stats_with_counts batch_norm_stats batch_norm_update_stats convolution grid_sampler grid_sampler_2d "
    "grid_sampler_3d frobenius_norm nuclear_norm norm_except_dim hash_tensor sym_float sym_int sym_ite sym_max sym_min "
    "sym_not sym_sum split_with_sizes slice_inverse feature_dropout rsub nonzero_static lobpcg autocast resolve_conj "
    "resolve_neg is_conj is_neg is_signed is_inference is_distributed to_padded_tensor to_mkldnn module_load "
    "record_stream reinforce as_subclass new_tensor new type type_ index storage_type": _INSIDE,
    "igamma": "write `special.gammainc`",
    "igammac": "write `special.gammaincc`",
    "mvlgamma": "write `special.multigammaln`",
    "pinverse": "write `linalg.pinv`",
    "chain_matmul": "write `linalg.multi_dot`",
    "symeig": "write `linalg.eigh`",
    "triangular_solve": "write `linalg.solve_triangular`",
    "geqrf": "write `linalg.qr`",
    "orgqr ormqr": "write `linalg.householder_product`",
    "lu_solve linalg.lu_solve linalg.ldl_solve linalg.tensorsolve": "write `linalg.solve`",
    "lu_unpack linalg.lu_factor linalg.ldl_factor": "write `linalg.lu`, which gives the factors themselves",
    "linalg.tensorinv": "write `linalg.inv` of a matrix, `reshape(x, …)`",
    "lstsq linalg.lstsq": f"{_DEPENDS}; write `linalg.pinv(A) @ B`",
    "linalg.inv_ex": f"{_CODES}: write `linalg.inv`",
    "linalg.solve_ex": f"{_CODES}: write `linalg.solve`",
    "linalg.cholesky_ex": f"{_CODES}: write `linalg.cholesky`",
    "linalg.lu_factor_ex linalg.ldl_factor_ex": f"{_CODES}: write `linalg.lu`",
    "linalg.polar linalg.matrix_sqrth": "torch 2.11 does not have it: write it with `linalg.svd` or `linalg.eigh`",
    "histc gradient frexp binomial combinations vander unravel_index put index_put index_reduce take masked_scatter "
    "slice_scatter nextafter normal randint_like kaiser_window isreal trapz": _RARE,
    "byte char short cdouble cfloat chalf": _DTYPES,
    "as_strided as_strided_scatter resize resize_as new_empty new_empty_strided storage untyped_storage element_size "
    "dim_order const_data_ptr is_pinned is_shared is_set_to": _MEMORY,
    "sum_to_size": "write `sum(x, [0], keepdim=True)` over the dimensions that were broadcast",
    "upsample upsample_bilinear upsample_nearest": "it is deprecated: write `interpolate(x, scale_factor=2)`",
    "constant_pad_nd": "write `pad(x, [1, 1])`",
    "ger": "write `outer`",
    "alias_copy": "write `clone`",
    "slice_copy": "write `x[1:3]`",
    "conj_physical": "write `conj`",
    "zero_ fill_ copy_ set_ fill_diagonal_": "values are not changed in place: write `zeros_like`, `full_like` or `where`",
    "uniform_ random_ exponential_ geometric_ log_normal_ cauchy_": (
        "values are not changed in place: write `rand_like` or `randn_like`; `init:` says how parameters begin"
    ),
    "resize_as_sparse_ sparse_resize_ sparse_resize_and_clear_": _SPARSE,
    "gru lstm rnn_tanh rnn_relu gru_cell lstm_cell rnn_tanh_cell rnn_relu_cell": (
        "it is what the layers `GRU`, `LSTM`, `RNN` and their cells call: write the layer"
    ),
    "xpu ipu mtia": _DEVICE,
    "register_post_accumulate_grad_hook": _GRADIENTS,
    "apply_ map_ map2_ apply map": "it calls a Python function, and a spec has none: write the expression itself",
    "assert_int_or_pair has_torch_function handle_torch_function boolean_dispatch has_torch_function_unary "
    "has_torch_function_variadic": "it is a helper inside torch",
}

NOT_OPS: dict[str, str] = {name: reason for names, reason in _REASONS.items() for name in names.split()}


# torch's own modules of functions, whose names are written with the module's: `torch.fft.rfft` is `fft.rfft`.
_SPACES = ("fft", "linalg", "special")
# Spellings of one kernel for one kind of hardware, memory or number.
_PREFIXES = ("native_", "unsafe_", "miopen_", "cudnn_", "fbgemm_", "quantized_", "_")
_SUFFIXES = {
    "_with_indices": "write `{}(…, return_indices=True)`",
    "_copy": "values are never shared: write `{}`",
    "_": "values are not changed in place: write `{}`",
}


def instead(name: str, known: Container[str]) -> str | None:
    """What to write instead of `name`, where it is torch's but no op; None for a name that torch has not either, as far
    as is known here. `known` are the ops."""
    if name in NOT_OPS:
        return NOT_OPS[name]
    spaced = next((f"{space}.{name}" for space in _SPACES if f"{space}.{name}" in known), None)
    if spaced is not None:
        return f"write `{spaced}`"
    for suffix, words in _SUFFIXES.items():
        plain = name.removesuffix(suffix)
        if plain != name and plain in known:
            return words.format(plain)
    plain = name.removesuffix("_copy").removesuffix("_")
    if plain in NOT_OPS:
        return NOT_OPS[plain]
    prefix = next((p for p in _PREFIXES if name.startswith(p)), None)
    if prefix is None:
        return None
    plain = name.removeprefix(prefix)
    return f"it is a kernel inside torch: write `{plain}`" if plain in known else _INSIDE if len(prefix) > 1 else None
