"""Names that layers have elsewhere, in Keras, in papers and in the first guess, each with what to write here. Read only when
a name was not found, and before the search for misspellings, which finds `conj` near `Conv`.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["OTHER_NAMES", "elsewhere"]

_GLOBAL = "write `AdaptiveAvgPool2d(1)`, or `mean(x, [2, 3])`"
_TOGETHER = "write `cat([a, b], 1)`"
_ATTENTION = "write `MultiheadAttention(8)(x, x, x)`, or `scaled_dot_product_attention(q, k, v)`"
_NO_REPARAMETRIZATION = "a weight is a parameter as it stands: torch's parametrizations are not part of the language"

_WORDS: dict[str, str] = {
    "dense fullyconnected fc linearlayer": "write `Linear(10)`",
    "batchnormalization batchnormalisation bn": "write `BatchNorm2d`, or `BatchNorm1d` of what is no image",
    "layernormalization ln": "write `LayerNorm`",
    "groupnormalization gn": "write `GroupNorm(8)`",
    "globalaveragepooling2d globalavgpool2d globalavgpool globalaveragepooling gap": _GLOBAL,
    "globalaveragepooling1d globalavgpool1d": "write `AdaptiveAvgPool1d(1)`, or `mean(x, 2)`",
    "globalmaxpooling2d globalmaxpool2d globalmaxpool": "write `AdaptiveMaxPool2d(1)`, or `amax(x, [2, 3])`",
    "conv2dtranspose convtranspose2dlayer deconv deconv2d transposedconv2d": "write `ConvTranspose2d(64, 2, stride=2)`",
    "conv1dtranspose deconv1d": "write `ConvTranspose1d(64, 2, stride=2)`",
    "upsampling2d upsampling": "write `Upsample(scale_factor=2)`",
    "zeropadding2d": "write `ZeroPad2d(1)`",
    "depthwiseconv2d depthwiseconv": "a convolution with as many groups as channels: write `Conv2d(C, 3, groups=C)`",
    "separableconv2d separableconv": "two convolutions: `Conv2d(C, 3, groups=C)`, then `Conv2d(64, 1)`",
    "conv": "write `Conv1d`, `Conv2d` or `Conv3d`",
    "convtranspose": "write `ConvTranspose1d`, `ConvTranspose2d` or `ConvTranspose3d`",
    "conv2dsame": 'write `Conv2d(64, 3, padding="same")`',
    "concat concatenate cat": _TOGETHER,
    "add": "write `a + b`",
    "subtract": "write `a - b`",
    "multiply mul": "write `a * b`",
    "matmul dot": "write `a @ b`",
    "lambda": "write the expression itself: `half: x / 2`",
    "activation": "write the function or the layer: `relu`, `ReLU`",
    "swish": "write `SiLU`, or `silu`",
    "hswish": "write `Hardswish`, or `hardswish`",
    "hsigmoid": "write `Hardsigmoid`, or `hardsigmoid`",
    "gelunew gelutanh quickgelu": 'write `GELU(approximate="tanh")`, or `x * sigmoid(1.702 * x)`',
    "embed": "write `Embedding(1000, 64)`",
    "attention selfattention multiheadattn multiheadselfattention mha dotproductattention": _ATTENTION,
    "transformerblock transformerlayer encoderlayer": "write `TransformerEncoderLayer(8)`",
    "decoderlayer": "write `TransformerDecoderLayer(8)(x, memory)`",
    "positionalencoding positionalembedding": (
        "write `pos: Parameter(randn([T, dim]))`, or a table: `Embedding(512, dim)(arange(T))`"
    ),
    "noop passthrough": "write `Identity`",
    "mse": "write `MSELoss`",
    "bce": "write `BCELoss`, or `BCEWithLogitsLoss`",
    "crossentropy": "write `CrossEntropyLoss`",
    "huber": "write `HuberLoss`",
    "l2loss": "write `MSELoss`",
    "view": "write `reshape(B, -1)`",
    "spectralnorm weightnorm": _NO_REPARAMETRIZATION,
    "bottleneck residualblock resblock basicblock seblock": (
        "a block of your own goes into `blocks:`; zoo:resnet50 shows one (`nnc zoo`)"
    ),
}
OTHER_NAMES: dict[str, str] = {name: words for names, words in _WORDS.items() for name in names.split()}


def elsewhere(name: str, known: Iterable[str]) -> str | None:
    """What to write instead of `name`, where it is another's name for something that is here, or says everything but the
    number of dimensions."""
    plain = name.replace("_", "").lower()
    if plain in OTHER_NAMES:
        return OTHER_NAMES[plain]
    family = [k for k in known if k[:-2].replace("_", "").lower() == plain and k[-2:] in ("1d", "2d", "3d")]
    if family:
        alike = [k for k in family if k[:1].isupper() == name[:1].isupper()] or family
        return f"write {' or '.join(f'`{k}`' for k in alike)}"
    return None
