"""What autograd keeps of each op for its backward pass: the ops' derivatives, as data (torch's derivatives.yaml).

A rule is a text of words:

    input weight …     that operand, or parameter of the module; `input` is also the first tensor under another name
    input?other        the operand `input`, where a gradient flows to `other`
    output output1     the result, or the second of several
    +output:bool       a further tensor as large as that one, with this dtype; `same`: with the dtype of that one
    +rows              two numbers for every row that is normalized; `+row`: one
    +channels          one number for every channel of every sample

Ops that are made of others are not here: `composites.py` takes them apart, `recurrent.py` has the layers over time.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = [
    "EXPANDED",
    "HANDED_ON",
    "IN_PLACE_KEEPS_A_COPY",
    "IN_PLACE_KEEPS_OUTPUT",
    "KEEPS",
    "NO_GRADIENT",
    "OF_REAL",
    "VIEWS",
]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _table(rows: Mapping[str, str]) -> dict[str, str]:
    return {name: rule for rule, names in rows.items() for name in names.split()}


KEEPS: Mapping[str, str] = _table({
    "": """
        neg add sub sign floor ceil round trunc frac deg2rad rad2deg positive
        Unfold unfold Fold fold flip fliplr flipud roll repeat tile rot90 tril triu repeat_interleave
        cat stack hstack vstack dstack column_stack cartesian_prod block_diag diag diagflat diag_embed
        sum mean cumsum trace diff floor_divide heaviside clone to type_as float double half bfloat16
        Upsample UpsamplingNearest2d UpsamplingBilinear2d interpolate PixelShuffle pixel_shuffle PixelUnshuffle
        pixel_unshuffle ChannelShuffle channel_shuffle affine_grid select_scatter diagonal_scatter
        ZeroPad1d ZeroPad2d ZeroPad3d ConstantPad1d ConstantPad2d ConstantPad3d CircularPad1d CircularPad2d CircularPad3d
        FrozenBatchNorm2d complex real imag conj view_as_real view_as_complex StochasticDepth
        fft.fft fft.ifft fft.rfft fft.irfft fft.hfft fft.ihfft fft.fft2 fft.ifft2 fft.rfft2 fft.irfft2 fft.fftn fft.ifftn
        fft.rfftn fft.irfftn fft.fftshift fft.ifftshift
        stochastic_depth pad bernoulli poisson box_convert clip_boxes_to_image
        """,
    "output": """
        ReLU relu Sigmoid sigmoid Tanh tanh Softmax LogSoftmax Softmin Softmax2d softmax log_softmax softmin
        exp expm1 exp2 sqrt rsqrt reciprocal tan inverse gumbel_softmax linalg.inv linalg.cholesky linalg.vander
        special.ndtri
        """,
    "input": """
        ReLU6 relu6 GELU gelu SiLU silu Mish mish ELU elu CELU celu SELU selu LeakyReLU leaky_relu Hardswish hardswish
        Hardsigmoid hardsigmoid Softplus softplus Softshrink softshrink Hardshrink hardshrink Threshold threshold
        Hardtanh hardtanh GLU glu abs square log log1p log2 log10 sin cos atan erf asin acos sinh cosh asinh acosh atanh
        sinc erfc erfinv lgamma digamma logit nan_to_num i0 polygamma matrix_exp matrix_power renorm nansum var var_mean
        AvgPool1d AvgPool2d AvgPool3d avg_pool1d avg_pool2d avg_pool3d
        AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d
        ReflectionPad1d ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d
        Embedding embedding special.entr special.bessel_j0 special.bessel_y0 special.modified_bessel_i0
        special.modified_bessel_k0 special.ndtr special.multigammaln
        """,
    "input output": "CrossMapLRN2d std std_mean norm logsumexp amax amin prod cumprod logcumsumexp sgn copysign pdist",
    "output input": """
        linalg.norm special.erfcx special.i0e special.i1 special.i1e special.bessel_j1 special.bessel_y1
        special.modified_bessel_i1 special.modified_bessel_k1 special.log_ndtr
        """,
    "+output:mask": "Dropout dropout AlphaDropout alpha_dropout",
    "+channels": """
        Dropout1d Dropout2d Dropout3d FeatureAlphaDropout dropout1d dropout2d dropout3d feature_alpha_dropout
        """,
    "input?weight weight?input": "Linear linear",
    "input weight": """
        Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d conv1d conv2d conv3d conv_transpose1d
        conv_transpose2d conv_transpose3d conv_tbc PReLU prelu BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm batch_norm
        """,
    "input1 input2 weight": "Bilinear bilinear",
    "input offset mask weight": "DeformConv2d deform_conv2d",
    "input weight +rows": "LayerNorm layer_norm GroupNorm group_norm InstanceNorm1d InstanceNorm2d InstanceNorm3d instance_norm",
    "input +output:same": "RReLU rrelu Softsign softsign LogSigmoid logsigmoid RMSNorm rms_norm normalize",
    "input +output:same +output:same +output:same": "LocalResponseNorm local_response_norm",
    "input +output:int64": """
        nanmean MaxPool1d MaxPool2d MaxPool3d max_pool1d max_pool2d max_pool3d AdaptiveMaxPool1d AdaptiveMaxPool2d
        AdaptiveMaxPool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d FractionalMaxPool2d
        FractionalMaxPool3d fractional_max_pool2d fractional_max_pool3d
        """,
    "input +input:same +output:same +output:same +output:same +output:same": """
        LPPool1d LPPool2d LPPool3d lp_pool1d lp_pool2d lp_pool3d
        """,
    "indices": "MaxUnpool1d MaxUnpool2d MaxUnpool3d max_unpool1d max_unpool2d max_unpool3d",
    "input +input:int64": "EmbeddingBag embedding_bag",
    "input grid": "grid_sample",
    "index": "index_select scatter scatter_add index_fill",
    "index input": "gather",
    "indices input": "take_along_dim",
    "index source": "index_add index_copy",
    "index input src output": "scatter_reduce",
    "condition": "where",
    "mask": "masked_fill",
    "input?other other?input": "mul matmul inner kron vdot",
    "other input?other": "div",
    "input?other other?other": "remainder fmod",
    "input other": "maximum minimum atan2 fmax fmin logaddexp logaddexp2 xlogy cross linalg.cross",
    "other input": "special.xlog1py special.zeta special.gammainc special.gammaincc",
    "input other output": "hypot",
    "other output": "ldexp",
    "input exponent output": "pow",
    "+output:float64 +output:float64": "float_power",
    "input end weight": "lerp",
    "tensor1 tensor2": "addcmul addcdiv",
    "input min max": "clamp clip clamp_min clamp_max",
    "output1": "max min median topk sort mode kthvalue nanmedian",
    "input output1": "cummax cummin",
    "input output0 output1": "aminmax",
    "+output:int64": "msort",
    "input?mat2 mat2?input": "mm bmm",
    "mat1?mat2 mat2?mat1": "addmm",
    "batch1?batch2 batch2?batch1": "baddbmm addbmm",
    "input?tensor tensor?input": "dot",
    "input?vec2 vec2?input": "outer",
    "input?vec vec?input": "mv",
    "mat vec": "addmv",
    "vec1 vec2": "addr",
    "a b": "tensordot",
    "operands": "einsum",
    "input output +input:same": "det logdet slogdet",
    "A output +A:same": "linalg.det linalg.slogdet linalg.pinv",
    "A": "linalg.matrix_exp linalg.matrix_power",
    "A output": "linalg.cond linalg.matrix_norm",
    "x output": "linalg.vector_norm",
    "output0 output1": "linalg.qr linalg.eig linalg.eigh",
    "output0 output1 output2": "linalg.svd linalg.lu",
    "output +A:same": "linalg.eigvals linalg.eigvalsh linalg.solve",
    "output +A:same +A:same": "linalg.svdvals",
    "output A": "linalg.solve_triangular",
    "output B L": "cholesky_solve",
    "output L": "cholesky_inverse",
    "output A tau": "linalg.householder_product",
    "x?y y?x": "linalg.vecdot",
    "tensors": "linalg.multi_dot",
    "window +output:same": "stft",
    "window +input:same": "istft",
    "+input:same +output:same +output:same +output:same": "corrcoef",
    "+input:int64 +output:int64 +input:same +output:int64 +output:same": "quantile nanquantile",
    "x1 x2 +x1:same +x1:same": "cosine_similarity CosineSimilarity",
    "output +x1:same": "PairwiseDistance pairwise_distance",
    "x1 x2 output": "cdist",
    "+output:same +output:same": "trapezoid cumulative_trapezoid",
    "input other +output:same": "dist",
    "abs angle": "polar",
    "rois boxes": "RoIAlign roi_align",
    "rois boxes +output:int32": "RoIPool PSRoIAlign PSRoIPool roi_pool ps_roi_align ps_roi_pool",
    "+output:same": """
        Tanhshrink tanhshrink angle box_area box_iou DropBlock2d DropBlock3d drop_block2d drop_block3d
        """,
    "+output:same +output:same +output:same +output:same +output:same +output:same +output:same +output:same": """
        generalized_box_iou distance_box_iou complete_box_iou generalized_box_iou_loss distance_box_iou_loss
        complete_box_iou_loss
        """,
    "input target": """
        MSELoss mse_loss SmoothL1Loss smooth_l1_loss HuberLoss huber_loss BCELoss binary_cross_entropy BCEWithLogitsLoss
        binary_cross_entropy_with_logits KLDivLoss kl_div SoftMarginLoss soft_margin_loss MultiMarginLoss multi_margin_loss
        MultiLabelMarginLoss multilabel_margin_loss NLLLoss nll_loss
        """,
    "+input:same target": "CrossEntropyLoss cross_entropy HingeEmbeddingLoss hinge_embedding_loss",
    "+input:same": "L1Loss l1_loss cov",
    "input target +input:same": "PoissonNLLLoss poisson_nll_loss",
    "+input:same +input:same +input:same": """
        GaussianNLLLoss gaussian_nll_loss MultiLabelSoftMarginLoss multilabel_soft_margin_loss sigmoid_focal_loss
        """,
    "input target +input:same ": "LinearCrossEntropyLoss linear_cross_entropy AdaptiveLogSoftmaxWithLoss",
    "+input1:same": "MarginRankingLoss margin_ranking_loss",
    "input1 input2 +input1:same +input1:same": "CosineEmbeddingLoss cosine_embedding_loss",
    "+anchor:same +anchor:same": """
        TripletMarginLoss triplet_margin_loss TripletMarginWithDistanceLoss triplet_margin_with_distance_loss
        """,
    "log_probs targets +log_probs:same": "CTCLoss ctc_loss",
})  # fmt: skip

# Views: the result lies in the storage of the first tensor, and its gradient in that of the result's.
VIEWS = _names("""
    Flatten flatten Unflatten unflatten reshape view squeeze unsqueeze permute Permute transpose swapaxes t movedim adjoint
    contiguous atleast_1d atleast_2d atleast_3d ravel reshape_as view_as positive Identity
    """)  # fmt: skip

# Views of a part, whose gradient is put into a tensor as large as the whole; several results share one.
PARTS = _names("getitem narrow select diagonal linalg.diagonal chunk split tensor_split unbind hsplit vsplit dsplit")

# Views that repeat elements: the gradient is summed.
EXPANDED = _names("expand expand_as broadcast_to broadcast_tensors meshgrid")

# The gradient of every operand of the result's shape is the result's gradient, or lies in it.
HANDED_ON = _names("add sub cat stack hstack vstack dstack column_stack sum clone float")

# Transforms that keep what came in where it is real: torch's kernel for it wants to know how it lay.
OF_REAL = _names("fft.fft fft.ifft fft.rfft fft.ihfft fft.fft2 fft.ifft2 fft.rfft2 fft.fftn fft.ifftn fft.rfftn")

# In place, these look at their result where they would look at what came in.
IN_PLACE_KEEPS_OUTPUT = _names("ReLU relu ELU elu CELU celu SELU selu LeakyReLU leaky_relu Threshold threshold")
# These keep a copy of what came in.
IN_PLACE_KEEPS_A_COPY = _names(
    "ReLU6 relu6 Hardtanh hardtanh SiLU silu Mish mish Hardswish hardswish Hardsigmoid hardsigmoid"
)

# No gradient flows through these.
NO_GRADIENT = _names("""
    eq ne lt le gt ge logical_and logical_or logical_xor logical_not bitwise_and bitwise_or bitwise_xor bitwise_not
    bitwise_left_shift bitwise_right_shift gcd lcm isnan isinf isfinite signbit isneginf isposinf isclose argmax argmin argsort
    all any count_nonzero zeros ones empty rand randn full eye zeros_like ones_like empty_like full_like rand_like
    randn_like arange linspace tensor long int bool detach one_hot bucketize searchsorted isin multinomial
    randint randperm new_zeros new_ones new_full logspace hann_window hamming_window bartlett_window blackman_window
    tril_indices triu_indices fft.fftfreq fft.rfftfreq linalg.matrix_rank
    special.airy_ai special.scaled_modified_bessel_k0 special.scaled_modified_bessel_k1 special.spherical_bessel_j0
    special.chebyshev_polynomial_t special.chebyshev_polynomial_u special.chebyshev_polynomial_v
    special.chebyshev_polynomial_w special.shifted_chebyshev_polynomial_t special.shifted_chebyshev_polynomial_u
    special.shifted_chebyshev_polynomial_v special.shifted_chebyshev_polynomial_w special.hermite_polynomial_h
    special.hermite_polynomial_he special.laguerre_polynomial_l special.legendre_polynomial_p
    """)  # fmt: skip
