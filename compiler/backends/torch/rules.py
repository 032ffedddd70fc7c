"""How torch spells each op: one line per op, and a test that every op of the catalogue has one.

    nn.Conv2d: Conv2d      a module's class
    F: relu                a function: F.relu(x)
    .: permute             a method of the first argument: x.permute(0, 2, 1)
    +: add                 an operator: a + b

A number after the name says how many arguments stand by position. Without it those without a default do, at most two for a
module: `nn.Conv2d(3, 64, kernel_size=7)`. `name=other` is torch's other name for it.

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
    """`target` is a dotted name, a method's name or an operator. `positional`: how many arguments stand by position, where
    not by the usual rule. `results`: how torch nests several results, where not in a flat tuple."""

    form: Form
    target: str
    positional: int | None = None
    results: Pattern | None = None


_MODULES: Mapping[str, str] = {
    "nn": """
        AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d
        AlphaDropout:1 AvgPool1d AvgPool2d AvgPool3d BCELoss BCEWithLogitsLoss BatchNorm1d BatchNorm2d BatchNorm3d Bilinear:3
        CELU:1 CTCLoss ChannelShuffle CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d ConstantPad3d
        Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d CosineEmbeddingLoss CosineSimilarity
        CrossEntropyLoss Dropout:1 Dropout1d:1 Dropout2d:1 Dropout3d:1 ELU:1 Embedding EmbeddingBag FeatureAlphaDropout:1
        Flatten Fold FractionalMaxPool2d FractionalMaxPool3d GELU GLU GRU GRUCell GaussianNLLLoss GroupNorm Hardshrink:1
        Hardsigmoid Hardswish Hardtanh:2 HingeEmbeddingLoss HuberLoss Identity InstanceNorm1d InstanceNorm2d InstanceNorm3d
        KLDivLoss L1Loss LPPool1d LPPool2d LPPool3d LSTM LSTMCell LayerNorm LeakyReLU:1 Linear LocalResponseNorm LogSigmoid
        LogSoftmax MSELoss MarginRankingLoss MaxPool1d MaxPool2d MaxPool3d MaxUnpool1d MaxUnpool2d MaxUnpool3d Mish
        MultiLabelMarginLoss MultiLabelSoftMarginLoss MultiMarginLoss MultiheadAttention NLLLoss PReLU PairwiseDistance
        PixelShuffle PixelUnshuffle PoissonNLLLoss RMSNorm RNN RNNCell RReLU:2 ReLU ReLU6 ReflectionPad1d ReflectionPad2d
        ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d SELU SiLU Sigmoid SmoothL1Loss SoftMarginLoss
        Softmax Softmax2d Softmin Softplus Softshrink:1 Softsign SyncBatchNorm Tanh Tanhshrink Threshold Transformer
        TransformerDecoderLayer TransformerEncoderLayer TripletMarginLoss Unflatten Unfold Upsample UpsamplingBilinear2d
        UpsamplingNearest2d ZeroPad1d ZeroPad2d ZeroPad3d
        """,
    "torchvision.ops": "DropBlock2d DropBlock3d FrozenBatchNorm2d Permute StochasticDepth",
}

_FUNCTIONS: Mapping[str, str] = {
    "F": """
        adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d
        affine_grid alpha_dropout:2 avg_pool1d:2 avg_pool2d:2 avg_pool3d:2 batch_norm binary_cross_entropy
        binary_cross_entropy_with_logits celu:2 conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d
        cosine_similarity cross_entropy dropout:2 dropout1d:2 dropout2d:2 dropout3d:2 elu:2 embedding feature_alpha_dropout:2
        fold gelu glu grid_sample group_norm gumbel_softmax hardshrink:2 hardsigmoid hardswish hardtanh:3 huber_loss
        instance_norm interpolate kl_div l1_loss layer_norm leaky_relu:2 linear local_response_norm log_softmax logsigmoid
        lp_pool1d lp_pool2d max_pool1d:2 max_pool2d:2 max_pool3d:2 mish mse_loss nll_loss normalize one_hot:2 pad
        pairwise_distance pixel_shuffle pixel_unshuffle prelu relu relu6 rms_norm rrelu:3 scaled_dot_product_attention selu
        silu smooth_l1_loss softmax softmin softplus softshrink:2 softsign tanhshrink threshold unfold
        """,
    "torch": """
        abs acos addcdiv addcmul addmm allclose amax amin arange argmax argmin asin atan atan2 baddbmm bernoulli block_diag
        bmm bucketize cat cdist ceil channel_shuffle clamp:3 complex conj cos cosh count_nonzero cross cummax cumprod cumsum
        deg2rad diag diag_embed diagonal diff dot einsum empty empty_like erf erfc exp exp2 expm1 eye fft flatten:2 floor
        fmod full full_like gather hypot imag index_select inner kron lerp linspace log log10 log1p log2 logaddexp
        logical_and logical_not logical_or logical_xor logspace logsumexp masked_select matrix_exp max maximum meshgrid min
        minimum mm multinomial mv narrow normal ones ones_like outer polar positive prod quantile rad2deg rand rand_like randint
        randint_like randn randn_like randperm real reciprocal relu_ roll rot90 round rsqrt scatter scatter_add searchsorted
        sigmoid sign sin sinc sinh sort sqrt square stack std swapdims take take_along_dim tan tanh tensor tensordot topk trace
        tril triu trunc vander var vdot where zeros zeros_like isnan isinf isfinite nan_to_num cosine_similarity_ tril_indices
        triu_indices bitwise_left_shift bitwise_right_shift
        """,
    ".": """
        all any bool chunk clone contiguous detach double expand expand_as flip float half int long masked_fill mean median
        movedim norm permute repeat repeat_interleave reshape split squeeze std sum swapaxes t tensor_split tile to transpose
        type_as unbind unflatten unsqueeze view=reshape
        """,
    "torchvision.ops": "stochastic_depth drop_block2d drop_block3d",
}

_BINARY = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "floor_divide": "//", "remainder": "%", "pow": "**", "matmul": "@",
    "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
    "bitwise_and": "&", "bitwise_or": "|", "bitwise_xor": "^",
}  # fmt: skip
_UNARY = {"neg": "-", "bitwise_not": "~"}

_RESULTS: Mapping[str, Pattern] = {
    "LSTM": ("output", ("h_n", "c_n")),
    "GRU": ("output", "h_n"),
    "RNN": ("output", "h_n"),
    "LSTMCell": ("h", "c"),
    "MultiheadAttention": ("attn_output", "attn_output_weights"),
}


def _rules() -> Iterator[tuple[str, Rule]]:
    for tables, of_modules in ((_MODULES, True), (_FUNCTIONS, False)):
        for space, words in tables.items():
            for word in words.split():
                name, _, positional = word.partition(":")
                name, _, other = name.partition("=")
                target = other or name
                form: Form = "method" if space == "." else "callable"
                dotted = target if space == "." else f"{space}.{target}"
                results = _RESULTS.get(name) if of_modules else None
                yield name, Rule(form, dotted, int(positional) if positional else None, results)
    for name, operator in _BINARY.items():
        yield name, Rule("binary", operator)
    for name, operator in _UNARY.items():
        yield name, Rule("unary", operator)
    yield "getitem", Rule("binary", "[]")


RULES: Mapping[str, Rule] = dict(_rules())
