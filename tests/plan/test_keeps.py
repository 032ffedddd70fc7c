"""What autograd keeps of each op, against torch: the bytes that it saves for the backward pass on the CPU."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from nnc.compiler.ops.apply import apply
from nnc.compiler.ops.call import Refusal
from nnc.compiler.ops.catalogue import CATALOGUE
from nnc.compiler.plan import keeps
from nnc.compiler.plan.composites import COMPOSITES
from nnc.compiler.types.tensor import TensorType
from tests.ops.cases import case
from tests.plan.kept import Kept, measured, planned

TABLES = [keeps.KEEPS, keeps.VIEWS, keeps.PARTS, keeps.EXPANDED, keeps.NO_GRADIENT, COMPOSITES]
NIGHTLY = settings.get_current_profile_name() == "nightly"

# Their derivatives are of many small steps, or depend on numbers that the plan does not look at: the plan is of the right size
# for them, no more. Losses stand at the end of a network, once; boxes are few.
FACTORED = {
    n for n in CATALOGUE if n.startswith("linalg.")
}  # what a kernel of LAPACK keeps beside its result is its own affair
ROUGH = set("""
    Conv1d Conv2d Conv3d conv3d InstanceNorm1d InstanceNorm2d
    InstanceNorm3d instance_norm LocalResponseNorm layer_norm normalize EmbeddingBag embedding_bag
    RNN LSTM GRU RNNCell LSTMCell GRUCell MultiheadAttention scaled_dot_product_attention TransformerEncoderLayer
    TransformerDecoderLayer TransformerEncoder TransformerDecoder Transformer take_along_dim pow float_power max min matmul
    CosineSimilarity cosine_similarity PairwiseDistance pairwise_distance cdist matrix_power nanmedian quantile nanquantile
    trapezoid cumulative_trapezoid complex angle einsum Dropout1d Dropout2d Dropout3d FeatureAlphaDropout dropout1d dropout2d
    dropout3d feature_alpha_dropout LPPool1d LPPool2d LPPool3d lp_pool1d lp_pool2d lp_pool3d DeformConv2d deform_conv2d
    box_area box_convert clip_boxes_to_image box_iou generalized_box_iou distance_box_iou complete_box_iou sigmoid_focal_loss
    generalized_box_iou_loss distance_box_iou_loss complete_box_iou_loss renorm tensordot std var std_mean var_mean median
    Dropout dropout AlphaDropout alpha_dropout gumbel_softmax polar addcmul addcdiv local_response_norm
    DropBlock2d DropBlock3d drop_block2d drop_block3d det logdet slogdet cov corrcoef dist norm ldexp
    cholesky_inverse cholesky_solve fft.fft fft.ifft fft.rfft fft.ihfft fft.fft2 fft.ifft2 fft.rfft2 fft.fftn fft.ifftn
    fft.rfftn stft istft
    """.split()) | {n for n, op in CATALOGUE.items() if op.family == "loss" or n in FACTORED}  # fmt: skip  # noqa: SIM905  # quoted, the names would fill a page

USUAL = """
    Linear Conv2d ConvTranspose2d MaxPool2d AvgPool2d AdaptiveAvgPool2d BatchNorm2d
    LayerNorm GroupNorm RMSNorm ReLU relu GELU SiLU
    Sigmoid Hardswish Softmax softmax Embedding flatten reshape transpose permute chunk getitem cat stack add mul sub div
    matmul bmm mean sum interpolate Upsample PixelShuffle pad Conv2dNormActivation SqueezeExcitation MLP PReLU where
    masked_fill exp tanh expand
    """.split()  # noqa: SIM905
CHECKED = [n for n in CATALOGUE if n not in ROUGH] if NIGHTLY else [n for n in USUAL if n not in ROUGH]


def test_every_op_has_an_entry() -> None:
    lacking = [n for n in CATALOGUE if not any(n in table for table in TABLES)]
    assert lacking == []
    assert {n for table in TABLES for n in table} <= set(CATALOGUE), "an entry for an op that does not exist"


@pytest.mark.parametrize("name", CHECKED)
def test_keeps_what_torch_keeps(name: str) -> None:
    op = CATALOGUE[name]

    @settings(
        max_examples=20 if NIGHTLY else 4,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    @given(st.data())
    def check(data: st.DataObject) -> None:
        arguments = data.draw(case(op))
        try:
            assume(not apply(op, arguments).call.training_demands)
        except Refusal:
            assume(False)
        if op.family == "normalization":
            assume(
                all(1 not in t.shape for t in arguments.values() if isinstance(t, TensorType))
            )  # a row of one number
        try:
            found = measured(op, arguments)
        except RuntimeError:  # these numbers have no gradient
            assume(False)
        assert _alike(planned(op, arguments), found), f"{name}({arguments})"

    check()


def _alike(plan: Kept, found: Kept) -> bool:
    """A few numbers do not count: statistics, single bytes of masks of single numbers."""
    return plan.learns == found.learns and abs(plan.bytes - found.bytes) <= max(0.1 * found.bytes, 64)


def test_the_test_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnc.compiler.plan.rules.KEEPS", {**keeps.KEEPS, "GELU": "input output"})
    with pytest.raises(AssertionError, match="GELU"):
        test_keeps_what_torch_keeps("GELU")
