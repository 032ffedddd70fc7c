"""Which dtype autocast computes an op in, by device: torch's lists (aten/src/ATen/autocast_mode.h), as data.

What is in neither list computes in the dtype of what comes in.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["FULL", "LOW"]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


LOW = _names("""
    Linear linear Bilinear bilinear Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d conv1d conv2d
    conv3d conv_transpose1d conv_transpose2d conv_transpose3d conv_tbc matmul mm bmm addmm baddbmm addbmm einsum mv addmv addr
    RNN LSTM GRU RNNCell LSTMCell GRUCell scaled_dot_product_attention linalg.vecdot linalg.multi_dot
    """)  # fmt: skip
"""In bfloat16 or float16, parameters and inputs cast to it."""

_LOSSES = """
    MSELoss mse_loss L1Loss l1_loss SmoothL1Loss smooth_l1_loss HuberLoss huber_loss KLDivLoss kl_div NLLLoss nll_loss
    PoissonNLLLoss poisson_nll_loss CrossEntropyLoss cross_entropy BCEWithLogitsLoss binary_cross_entropy_with_logits
    SoftMarginLoss soft_margin_loss HingeEmbeddingLoss hinge_embedding_loss CosineEmbeddingLoss cosine_embedding_loss
    MultiMarginLoss multi_margin_loss MultiLabelMarginLoss multilabel_margin_loss MarginRankingLoss margin_ranking_loss
    TripletMarginLoss triplet_margin_loss CTCLoss ctc_loss
    """  # fmt: skip

FULL: Mapping[str, frozenset[str]] = {
    "cuda": _names(f"""
        LayerNorm layer_norm GroupNorm group_norm Softmax softmax LogSoftmax log_softmax Softmin softmin Softmax2d Softplus
        softplus norm normalize sum prod cumsum cumprod exp expm1 log log10 log2 log1p pow reciprocal rsqrt acos asin cosh
        sinh tan erfinv logsumexp renorm cosine_similarity CosineSimilarity pdist cdist dist Upsample UpsamplingNearest2d
        UpsamplingBilinear2d interpolate linalg.norm linalg.vector_norm linalg.matrix_norm {_LOSSES}
        """),
    "cpu": _names(f"""
        AvgPool3d avg_pool3d grid_sample prod quantile nanquantile cdist ReplicationPad1d ReplicationPad2d ReplicationPad3d
        renorm logcumsumexp fft.fft fft.ifft fft.rfft fft.irfft fft.hfft fft.ihfft fft.fft2 fft.ifft2 fft.rfft2 fft.irfft2
        fft.fftn fft.ifftn fft.rfftn fft.irfftn stft view_as_complex polar inverse cholesky_solve cholesky_inverse linalg.cond
        linalg.inv linalg.cholesky linalg.qr linalg.svd linalg.svdvals linalg.eig linalg.eigvals linalg.eigh linalg.eigvalsh
        linalg.solve linalg.matrix_rank linalg.householder_product {_LOSSES}
        """),
}  # fmt: skip
"""In float32: what comes in is cast to it."""
