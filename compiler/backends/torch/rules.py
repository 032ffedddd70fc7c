"""How torch spells each op: one line per op, and a test that every op of the catalogue has one.

    nn.Conv2d: Conv2d      a module's class
    F: relu                a function: F.relu(x)
    .: permute             a method of the first argument: x.permute(0, 2, 1)
    +: add                 an operator: a + b

A number after the name says how many arguments stand by position, a module's even where they have torch's default:
`nn.Dropout(0.5)`. Without it those without a default do, at most two for a module: `nn.Conv2d(3, 64, kernel_size=7)`.
`name=other` is torch's other name for it.

`view` is spelled `reshape`: whether memory allows a view depends on strides, which nnc does not track.
A function whose `training` argument is not written follows the module: `training=self.training`.
A constructor (`zeros`, `arange`) in a `forward` makes its tensor on the device of what flows in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["RULES", "Pattern", "Rule"]

Pattern: TypeAlias = tuple["str | Pattern", ...]
Form = Literal["callable", "method", "binary", "unary"]


@dataclass(frozen=True, slots=True)
class Rule:
    """`target` is a dotted name, a method's name or an operator. `positional`: how many arguments stand by position,
    where not by the usual rule. `results`: what torch returns, where that is neither one tensor nor the tuple of the
    op's results. `state`: inputs that torch takes as one argument, a tuple if there are several. `tensors`: settings that
    are written as numbers, and that torch wants as a tensor; `classes`: those that name a layer, and that torch wants as its
    class. `mapping`: torch takes its list of tensors, and gives its results, as a mapping. `copied`: a tensor into whose
    memory torch looks: it must lie there in one piece."""

    form: Form
    target: str
    positional: int | None = None
    results: Pattern | None = None
    state: tuple[str, ...] = ()
    tensors: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    mapping: bool = False
    copied: str = ""


_MODULES: Mapping[str, str] = {
    "nn": """
        AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d
        AlphaDropout:1 AvgPool1d AvgPool2d AvgPool3d BatchNorm1d BatchNorm2d BatchNorm3d Bilinear:3 CELU:1
        ChannelShuffle CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d ConstantPad3d Conv1d
        Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d CosineSimilarity CrossMapLRN2d Dropout1d:1
        Dropout2d:1 Dropout3d:1 Dropout:1 ELU:1 Embedding EmbeddingBag FeatureAlphaDropout:1 Flatten Fold
        FractionalMaxPool2d FractionalMaxPool3d GELU GLU GroupNorm GRU GRUCell Hardshrink Hardsigmoid Hardswish
        Hardtanh Identity InstanceNorm1d InstanceNorm2d InstanceNorm3d LayerNorm LeakyReLU:1 Linear
        LocalResponseNorm LogSigmoid LogSoftmax LPPool1d LPPool2d LPPool3d LSTM LSTMCell MaxPool1d MaxPool2d
        MaxPool3d MaxUnpool1d MaxUnpool2d MaxUnpool3d Mish MultiheadAttention PairwiseDistance PixelShuffle
        PixelUnshuffle PReLU ReflectionPad1d ReflectionPad2d ReflectionPad3d ReLU ReLU6 ReplicationPad1d
        ReplicationPad2d ReplicationPad3d RMSNorm RNN RNNCell RReLU SELU Sigmoid SiLU Softmax Softmax2d Softmin
        Softplus Softshrink Softsign SyncBatchNorm Tanh Tanhshrink Threshold Transformer TransformerDecoderLayer
        TransformerEncoderLayer Unflatten Unfold Upsample UpsamplingBilinear2d UpsamplingNearest2d ZeroPad1d
        ZeroPad2d ZeroPad3d
        AdaptiveLogSoftmaxWithLoss:3 BCELoss BCEWithLogitsLoss CosineEmbeddingLoss CrossEntropyLoss CTCLoss
        GaussianNLLLoss HingeEmbeddingLoss HuberLoss KLDivLoss L1Loss LinearCrossEntropyLoss MarginRankingLoss MSELoss
        MultiLabelMarginLoss MultiLabelSoftMarginLoss MultiMarginLoss NLLLoss PoissonNLLLoss SmoothL1Loss
        SoftMarginLoss TransformerDecoder TransformerEncoder TripletMarginLoss TripletMarginWithDistanceLoss
        """,
    "torchvision.ops": """
        Conv2dNormActivation Conv3dNormActivation DeformConv2d DropBlock2d DropBlock3d FeaturePyramidNetwork
        FrozenBatchNorm2d MLP PSRoIAlign PSRoIPool Permute RoIAlign RoIPool SqueezeExcitation StochasticDepth
        """,
}

_FUNCTIONS: Mapping[str, str] = {
    "F": """
        adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d
        adaptive_max_pool2d adaptive_max_pool3d affine_grid alpha_dropout:2 avg_pool1d avg_pool2d
        avg_pool3d batch_norm bilinear binary_cross_entropy binary_cross_entropy_with_logits celu:2
        conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d
        cosine_embedding_loss cosine_similarity cross_entropy ctc_loss dropout1d:2 dropout2d:2
        dropout3d:2 dropout:2 elu:2 embedding embedding_bag feature_alpha_dropout:2 fold
        fractional_max_pool2d fractional_max_pool3d gaussian_nll_loss gelu glu grid_sample group_norm
        gumbel_softmax hardshrink hardsigmoid hardswish hardtanh hinge_embedding_loss huber_loss
        instance_norm interpolate kl_div l1_loss layer_norm leaky_relu:2 linear linear_cross_entropy
        local_response_norm log_softmax logsigmoid lp_pool1d lp_pool2d lp_pool3d margin_ranking_loss
        max_pool1d max_pool2d max_pool3d max_unpool1d max_unpool2d max_unpool3d mish mse_loss
        multi_margin_loss multilabel_margin_loss multilabel_soft_margin_loss nll_loss normalize one_hot:2
        pad pairwise_distance pdist pixel_shuffle pixel_unshuffle poisson_nll_loss prelu relu relu6
        rms_norm rrelu scaled_dot_product_attention selu silu smooth_l1_loss soft_margin_loss softmax
        softmin softplus softshrink softsign tanhshrink threshold triplet_margin_loss
        triplet_margin_with_distance_loss unfold
        """,
    "torch": """
        abs acos acosh addbmm addcdiv addcmul addmm addmv addr adjoint amax amin aminmax angle arange:3
        argmax argmin argsort asin asinh atan atan2 atanh atleast_1d atleast_2d atleast_3d baddbmm
        bartlett_window bernoulli bitwise_left_shift bitwise_right_shift blackman_window block_diag bmm
        broadcast_tensors broadcast_to bucketize cartesian_prod cat cdist ceil channel_shuffle cholesky_inverse
        cholesky_solve clamp clamp_max clamp_min clip column_stack complex conj copysign corrcoef cos cosh count_nonzero cov
        cross cummax cummin cumprod cumsum cumulative_trapezoid deg2rad det diag diag_embed diagflat
        diagonal diagonal_scatter diff digamma dist dot dsplit dstack einsum empty empty_like erf erfc
        erfinv exp exp2 expm1 eye:2 flatten:2 fliplr flipud float_power floor fmax fmin fmod frac full
        full_like gather gcd hamming_window hann_window heaviside hsplit hstack hypot i0 imag index_add
        index_copy index_fill index_select inner inverse isclose isfinite isin isinf isnan isneginf
        isposinf istft kron kthvalue lcm ldexp lerp lgamma linspace log log10 log1p log2 logaddexp logaddexp2
        logcumsumexp logdet logical_and logical_not logical_or logical_xor logit logspace logsumexp
        matrix_exp matrix_power max:2 maximum meshgrid min:2 minimum mm mode msort multinomial mv
        nan_to_num nanmean nanmedian nanquantile nansum narrow ones ones_like outer poisson polar
        polygamma positive prod quantile rad2deg rand rand_like randint randn randn_like randperm ravel
        real reciprocal renorm roll rot90 round rsqrt scatter scatter_add scatter_reduce searchsorted
        select_scatter sgn sigmoid sign signbit sin sinc sinh slogdet sort sqrt square stack std std_mean stft
        take_along_dim tan tanh tensor tensordot topk trace trapezoid tril tril_indices triu triu_indices
        trunc var var_mean vdot view_as_complex view_as_real vsplit vstack where xlogy zeros zeros_like
        """,
    "torch.fft": """
        fft fft2 fftfreq fftn fftshift hfft ifft ifft2 ifftn ifftshift ihfft irfft irfft2 irfftn rfft rfft2 rfftfreq rfftn
        """,
    "torch.linalg": """
        cholesky cond cross det diagonal eig eigh eigvals eigvalsh householder_product inv lu matrix_exp matrix_norm
        matrix_power matrix_rank multi_dot norm pinv qr slogdet solve solve_triangular svd svdvals vander vecdot
        vector_norm
        """,
    "torch.special": """
        airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 chebyshev_polynomial_t chebyshev_polynomial_u
        chebyshev_polynomial_v chebyshev_polynomial_w entr erfcx gammainc gammaincc hermite_polynomial_h
        hermite_polynomial_he i0e i1 i1e laguerre_polynomial_l legendre_polynomial_p log_ndtr modified_bessel_i0
        modified_bessel_i1 modified_bessel_k0 modified_bessel_k1 multigammaln ndtr ndtri scaled_modified_bessel_k0
        scaled_modified_bessel_k1 shifted_chebyshev_polynomial_t shifted_chebyshev_polynomial_u
        shifted_chebyshev_polynomial_v shifted_chebyshev_polynomial_w spherical_bessel_j0 xlog1py zeta
        """,
    ".": """
        all any bfloat16 bool chunk clone contiguous detach double expand expand_as flip float half int
        long masked_fill mean median movedim new_full new_ones new_zeros norm permute repeat
        repeat_interleave reshape reshape_as select split squeeze:2 std sum swapaxes t tensor_split tile
        to transpose type_as unbind unflatten unsqueeze view=reshape view_as=reshape_as
        """,
    "torchvision.ops": """
        box_area box_convert box_iou clip_boxes_to_image complete_box_iou complete_box_iou_loss deform_conv2d
        distance_box_iou distance_box_iou_loss drop_block2d drop_block3d generalized_box_iou
        generalized_box_iou_loss ps_roi_align ps_roi_pool roi_align roi_pool sigmoid_focal_loss
        stochastic_depth
        """,
}

_BINARY = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "floor_divide": "//", "remainder": "%", "pow": "**", "matmul": "@",
    "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
    "bitwise_and": "&", "bitwise_or": "|", "bitwise_xor": "^",
}  # fmt: skip
_UNARY = {"neg": "-", "bitwise_not": "~"}

_RESULTS: Mapping[str, Pattern] = {
    "LSTM": ("output", ("h_n", "c_n")),
    "MultiheadAttention": ("attn_output", "attn_output_weights"),
}
_TENSORS = {
    **dict.fromkeys(
        (
            "BCELoss",
            "CrossEntropyLoss",
            "LinearCrossEntropyLoss",
            "MultiLabelSoftMarginLoss",
            "MultiMarginLoss",
            "NLLLoss",
        ),
        ("weight",),
    ),
    "BCEWithLogitsLoss": ("weight", "pos_weight"),
}
_CLASSES = {
    **dict.fromkeys(("Conv2dNormActivation", "Conv3dNormActivation", "MLP"), ("norm_layer", "activation_layer")),
    "FeaturePyramidNetwork": ("norm_layer",),
    "SqueezeExcitation": ("activation", "scale_activation"),
}
_MAPPINGS = {"FeaturePyramidNetwork"}
_COPIED = {"view_as_complex": "input"}
_STATES = {"GRU": ("h_0",), "LSTM": ("h_0", "c_0"), "LSTMCell": ("h_0", "c_0"), "RNN": ("h_0",)}


def _rules() -> Iterator[tuple[str, Rule]]:
    for tables in (_MODULES, _FUNCTIONS):
        for space, words in tables.items():
            for word in words.split():
                name, _, positional = word.partition(":")
                name, _, other = name.partition("=")
                target = other or name
                if space.startswith("torch."):
                    name = f"{space.removeprefix('torch.')}.{name}"
                form: Form = "method" if space == "." else "callable"
                dotted = target if space == "." else f"{space}.{target}"
                count = int(positional) if positional else None
                yield (
                    name,
                    Rule(
                        form,
                        dotted,
                        count,
                        results=_RESULTS.get(name),
                        state=_STATES.get(name, ()),
                        tensors=_TENSORS.get(name, ()),
                        classes=_CLASSES.get(name, ()),
                        mapping=name in _MAPPINGS,
                        copied=_COPIED.get(name, ""),
                    ),
                )
    for name, operator in _BINARY.items():
        yield name, Rule("binary", operator)
    for name, operator in _UNARY.items():
        yield name, Rule("unary", operator)
    yield "getitem", Rule("binary", "[]")


RULES: Mapping[str, Rule] = dict(_rules())
