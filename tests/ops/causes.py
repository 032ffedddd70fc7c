"""The cause of a refusal, ours and torch's, in four words: `dtype`, `rank`, `size` and `value`.

Ours is said by the diagnostic's code. torch's is read off its message by a table. Many of torch's messages leave open what is
at fault: "Expected 4D input, but got input of size [3, 8]" is about the rank, "shape '[2, 4]' is invalid for input of size 9"
may blame the argument or the input, so a message has one or several causes.

    dtype   numbers of a kind that the op does not take, or of two kinds that do not go together
    rank    a number of dimensions
    size    sizes that differ, do not divide, or are too small
    value   an argument: out of range, or with another that it excludes
"""

from __future__ import annotations

import re

from nnc.compiler.ops.call import Refusal

__all__ = ["CAUSES", "cause", "causes"]

CAUSES = ("dtype", "rank", "size", "value")

# Wrong kinds of argument are found before a rule runs: 0305. What was written and what flows in differ: 0506.
OURS = {
    "NNC0305": "value",
    "NNC0501": "value",
    "NNC0502": "rank",
    "NNC0503": "dtype",
    "NNC0504": "size",
    "NNC0506": "size",
}


def cause(refusal: Refusal) -> str:
    """Why a rule refuses."""
    return OURS[refusal.code]


# Read from the top: the first row of which a pattern is found in a message says it.
THEIRS: tuple[tuple[str, ...], ...] = (
    ("dtype size value", r"'target' is out of range"),  # other numbers read as int64
    ("rank value", r"to be None or 1D", r"expected total dims", r"vector/scalar"),
    ("dtype value", r"Boolean beta"),
    ("rank size", r"expected a matrix", r"vector \+ matrix @ vector"),
    ("rank value", r"tensordot expects dims"),
    (
        "value",
        r"to be different",
        r"must be different",
        r"must be a 2-tuple",
        r"must be in (the )?range",
        r"ignore_ind",
    ),
    ("rank", r"Input must be >= \d-d", r"prob_dist must be", r"expected a matrix", r"must have \d dims"),
    ("rank value", r"vector \+ matrix"),
    ("rank", r"should have dimension 1 or 0"),
    ("value", r"cannot sample n_sample"),
    ("rank size", r"same shape as the input", r"one `x` value"),
    ("size", r"is not == dim"),
    ("size value", r"number of data points"),
    ("rank value", r"transform at least one axis", r"`shifts` required", r"Got shape with"),
    ("value", r"FFT dims must be unique", r"dim and shape arguments"),
    ("dtype", r"expects a real", r"doesn't handle types"),
    ("value", r"invalid norm type", r"at least 2 tensors", r"argument `driver=`", r"without pivoting"),
    ("value", r"Order \S+ not supported", r"return_complex parameter be given"),
    ("value", r"stft\(.*: expected (0 < win|0 < hop|hop)"),
    ("size value", r"stft\(.*: expected (0 < n_fft|the frequency|the size of the frequency)"),
    ("rank size", r"stft\(.*: (expected a 1D window|Invalid window)"),
    ("rank", r"stft\(.*: expected (a 1D or|a tensor with)"),
    ("dtype", r"stft\(.*: expected a tensor of"),
    ("size value", r"window overlap add min"),
    ("value", r"align_to_window should only"),
    ("size value", r"reduction dim to be specified for input\.numel\(\) == 0"),
    ("size value", r"N must be greater", r"greater than or equal to (input|tau)\.shape"),
    ("dtype rank value", r"offsets has to be a 1D", r"if input is 2D, then"),
    ("dtype value", r"out of bounds for bool"),
    ("value", r"total rotation dims", r"'from' to be less", r"expected maxnorm"),
    ("value", r"invalid chunking_method", r"invalid acc_policy", r"batch_chunk_size must be"),
    ("dtype", r"[eE]xpected (a long|both inputs)", r"Unsupported input type"),
    ("dtype size", r"torch_call_dispatcher"),
    ("dtype", r"without overflow", r"did not match (Bool|Float|Double|Long|Int|Byte|Char|Short)", r"half tensor input"),
    (
        "size value",
        r"defined either",
        r"must divide the number",
        r"incorrect number of RNN",
        r"unflatten got an unexpected",
        r"label range",
        r"embedding dimension of",
        r"dimensions are invalid",
        r"not be zero",
    ),
    ("rank size value", r"tuple index out of range", r"too many indices", r"out of DATA bounds", r"affine transforms"),
    # kinds of numbers
    (
        "dtype",
        r"not implemented for",
        r"[Cc]omplex",
        r"[Bb]ool(ean)? (input|tensor)",
        r"does not support",
        r"can't be cast",
    ),
    ("dtype value", r"dtype="),
    (
        "dtype",
        r"dtype",
        r"(scalar|same) type",
        r"[Tt]ype promoting",
        r"type \w+Tensor",
        r"floating",
        r"[Ii]ntegral",
        r"be type int",
    ),
    ("dtype", r"(weight|bias) type"),
    # an argument, by itself or with another
    ("rank value", r"^\w+: Dimension (out of range|specified)", r"reduction dim", r"diagonal dimensions"),
    ("rank value", r"must have \d or \d elements", r"same number of spatial dimensions", r"integer value or a list"),
    ("rank size value", r"normalized_shape to be at least", r"[Pp]adding size", r"Padding length", r"repeat dims"),
    ("rank size value", r"number of sizes provided"),
    ("size value", r"Kernel size can't", r"pad should be", r"invalid output_size", r"be (even|non-negative)"),
    (
        "size value",
        r"greater than \d,",
        r"divisible by (num_heads|groups|num_groups)",
        r"invalid combination",
        r"d_model",
    ),
    ("size value", r"missing \d required"),
    ("value", r"At least one of", r"only one of", r"requires? specifying", r"half of", r"output padding must"),
    ("value", r"must be between", r"greater than", r"multiple times", r"appears more than once", r"repeated dim"),
    ("value", r"start_dim", r"is_causal", r"per_sample_weights", r"must be defined", r"odd", r"nonzero", r"not zero"),
    (
        "value",
        r"Zero",
        r"by zero",
        r"step sign",
        r"Lower bound",
        r"max_val",
        r"min_val",
        r"align_corners",
        r"not iterable",
    ),
    ("value", r"either both", r"in value argument", r"to be defined", r"must align", r"strided convolutions"),
    ("value", r"not part of any ellipsis"),
    # numbers of dimensions
    ("rank size value", r"number of (spatial )?dimensions", r"subscripts in the equation", r"be the same dimension"),
    ("rank size value", r"has to be a \dD"),
    ("rank size", r"\d-?D\b", r"-dim(ensional)? tensor", r"\d dimension", r"ndim", r"dimensionality", r"no dimensions"),
    ("rank size", r"must be a matrix", r"three dimensions", r"non-empty", r"to_padded_tensor", r"be concatenated"),
    ("rank size", r"dimensional", r"dimension should be at least", r"or more dimensions", r"should contain"),
    # sizes
    ("rank size value", r"size", r"shape", r"divisible", r"match", r"length", r"multiple", r"smaller", r"larger"),
    ("rank size value", r"too (small|large)", r"columns", r"deform_conv2d"),
    ("size value", r"out of (range|bounds)", r"within num_embeddings", r"exceed", r"[Nn]egative", r"greater or equal"),
    (
        "size value",
        r"wrapping",
        r"num_classes",
        r"batch",
        r"(memory|primitive) descriptor",
        r"positive",
        r"non-zero value",
        r"equal input and",
        r"must be >",
    ),
    # and other words for arguments
    (
        "value",
        r"between 0 and 1",
        r"in range \[0, 1\]",
        r"only p ==",
        r"not (a )?valid",
        r"label range",
        r"must be either",
    ),
    ("value", r"duplicate", r"output subscript", r"exactly (two|three) elements", r"mode", r"must be \w+, not"),
    ("rank size value", r"(not enough|too many) values to unpack", r"supposed to be a vector"),
    ("value", r"^(TypeError|AttributeError|KeyError|OverflowError): "),
)


def causes(error: str) -> frozenset[str]:
    """What torch's message may blame. Raises LookupError for one that the table does not know."""
    for found, *patterns in THEIRS:
        if re.search("|".join(patterns), error):
            return frozenset(found.split())
    raise LookupError(f"what does torch blame? THEIRS in tests/ops/causes.py does not know: {error}")
