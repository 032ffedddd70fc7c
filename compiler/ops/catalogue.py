"""The table of contents: which file of this folder declares which ops. `CATALOGUE["Conv2d"]` reads `convolution.py` when
it is first asked for; knowing that there is a `Conv2d` costs nothing."""

from __future__ import annotations

from nnc.compiler.ops.registry import Catalogue

__all__ = ["ALIASES", "CATALOGUE", "CONTENTS"]

CONTENTS = {
    "linear": """
        Linear Bilinear Identity linear bilinear
        """,
    "convolution": """
        Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d
        """,
    "convolution_functions": """
        conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d conv_tbc
        """,
    "folding": """
        Unfold unfold Fold fold
        """,
    "pooling": """
        MaxPool1d MaxPool2d MaxPool3d AvgPool1d AvgPool2d AvgPool3d AdaptiveAvgPool1d AdaptiveAvgPool2d
        AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d max_pool1d max_pool2d
        max_pool3d avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d
        adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d
        """,
    "special_pooling": """
        LPPool1d LPPool2d LPPool3d lp_pool1d lp_pool2d lp_pool3d FractionalMaxPool2d FractionalMaxPool3d
        fractional_max_pool2d fractional_max_pool3d
        """,
    "unpooling": """
        MaxUnpool1d MaxUnpool2d MaxUnpool3d max_unpool1d max_unpool2d max_unpool3d
        """,
    "normalization": """
        BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm InstanceNorm1d InstanceNorm2d InstanceNorm3d
        GroupNorm LocalResponseNorm CrossMapLRN2d LayerNorm RMSNorm
        """,
    "normalization_functions": """
        layer_norm rms_norm group_norm normalize local_response_norm batch_norm instance_norm
        """,
    "activation": """
        ReLU relu ReLU6 relu6 Sigmoid sigmoid Tanh tanh GELU gelu SiLU silu Mish mish ELU elu CELU celu SELU
        selu LeakyReLU leaky_relu RReLU rrelu Hardswish hardswish Hardsigmoid hardsigmoid Softplus softplus
        Softsign softsign LogSigmoid logsigmoid Tanhshrink tanhshrink Softshrink softshrink Hardshrink
        hardshrink Threshold threshold Hardtanh hardtanh PReLU prelu GLU glu
        """,
    "softmax": """
        Softmax LogSoftmax Softmin Softmax2d softmax log_softmax softmin gumbel_softmax
        """,
    "dropout": """
        Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout dropout dropout1d dropout2d
        dropout3d alpha_dropout feature_alpha_dropout
        """,
    "embedding": """
        Embedding EmbeddingBag embedding_bag embedding one_hot
        """,
    "recurrent": """
        RNN LSTM GRU RNNCell LSTMCell GRUCell
        """,
    "attention": """
        MultiheadAttention scaled_dot_product_attention
        """,
    "transformer": """
        TransformerEncoderLayer TransformerDecoderLayer Transformer TransformerEncoder TransformerDecoder
        """,
    "upsampling": """
        Upsample UpsamplingNearest2d UpsamplingBilinear2d interpolate PixelShuffle pixel_shuffle
        PixelUnshuffle pixel_unshuffle ChannelShuffle channel_shuffle
        """,
    "sampling": """
        grid_sample affine_grid
        """,
    "padding": """
        ZeroPad1d ZeroPad2d ZeroPad3d ConstantPad1d ConstantPad2d ConstantPad3d ReflectionPad1d
        ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d CircularPad1d
        CircularPad2d CircularPad3d pad
        """,
    "vision": """
        StochasticDepth stochastic_depth Permute FrozenBatchNorm2d DropBlock2d DropBlock3d drop_block2d
        drop_block3d DeformConv2d deform_conv2d
        """,
    "shape": """
        Flatten flatten Unflatten unflatten reshape view squeeze unsqueeze permute transpose swapaxes t
        movedim flip roll contiguous expand expand_as repeat tile repeat_interleave
        """,
    "joining": """
        cat stack chunk split tensor_split unbind
        """,
    "indexing": """
        getitem gather index_select take_along_dim narrow select scatter scatter_add diagonal where
        masked_fill tril triu
        """,
    "arithmetic": """
        add sub mul div floor_divide remainder fmod pow maximum minimum atan2 lerp addcmul
        """,
    "comparison": """
        eq ne lt le gt ge logical_and logical_or logical_xor logical_not bitwise_and bitwise_or bitwise_xor
        bitwise_not
        """,
    "elementwise": """
        neg abs sign square floor ceil round exp expm1 log log1p log2 sqrt rsqrt reciprocal sin cos atan erf
        clamp clip
        """,
    "special": """
        tan asin acos sinh cosh asinh acosh atanh exp2 log10 sinc erfc erfinv lgamma digamma deg2rad rad2deg
        logit trunc frac nan_to_num isnan isinf isfinite fmax fmin hypot logaddexp sgn signbit positive
        isneginf isposinf isclose copysign heaviside ldexp logaddexp2 xlogy float_power i0 polygamma gcd lcm
        bitwise_left_shift bitwise_right_shift addcdiv clamp_min clamp_max
        """,
    "reduction": """
        sum mean prod std var norm logsumexp amax amin max min median argmax argmin topk sort argsort all any
        cumsum cumprod logcumsumexp cummax cummin kthvalue count_nonzero diff
        """,
    "product": """
        matmul mm bmm addmm baddbmm dot outer einsum
        """,
    "constructor": """
        zeros ones empty rand randn full eye zeros_like ones_like empty_like full_like rand_like randn_like
        arange linspace tensor
        """,
    "conversion": """
        to type_as float double half bfloat16 long int bool detach clone
        """,
    "distance": """
        CosineSimilarity cosine_similarity PairwiseDistance pairwise_distance cdist pdist
        """,
    "losses": """
        MSELoss L1Loss SmoothL1Loss HuberLoss BCELoss BCEWithLogitsLoss KLDivLoss PoissonNLLLoss
        GaussianNLLLoss SoftMarginLoss HingeEmbeddingLoss CrossEntropyLoss NLLLoss LinearCrossEntropyLoss
        MultiMarginLoss MultiLabelMarginLoss MultiLabelSoftMarginLoss AdaptiveLogSoftmaxWithLoss
        MarginRankingLoss CosineEmbeddingLoss TripletMarginLoss TripletMarginWithDistanceLoss CTCLoss
        """,
    "loss_functions": """
        mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy binary_cross_entropy_with_logits
        kl_div poisson_nll_loss gaussian_nll_loss soft_margin_loss hinge_embedding_loss cross_entropy nll_loss
        linear_cross_entropy multi_margin_loss multilabel_margin_loss multilabel_soft_margin_loss
        margin_ranking_loss cosine_embedding_loss triplet_margin_loss triplet_margin_with_distance_loss
        ctc_loss
        """,
    "detection": """
        RoIAlign RoIPool PSRoIAlign PSRoIPool roi_align roi_pool ps_roi_align ps_roi_pool box_area box_convert
        clip_boxes_to_image box_iou generalized_box_iou distance_box_iou complete_box_iou sigmoid_focal_loss
        generalized_box_iou_loss distance_box_iou_loss complete_box_iou_loss
        """,
    "vision_blocks": """
        Conv2dNormActivation Conv3dNormActivation MLP SqueezeExcitation FeaturePyramidNetwork
        """,
    "stacking": """
        atleast_1d atleast_2d atleast_3d hstack vstack dstack column_stack hsplit vsplit dsplit
        broadcast_tensors meshgrid cartesian_prod block_diag fliplr flipud rot90 ravel reshape_as view_as
        broadcast_to
        """,
    "matrices": """
        mv addmv addr addbmm inner tensordot kron cross diag diagflat diag_embed trace det logdet slogdet
        inverse matrix_exp matrix_power cov corrcoef vdot adjoint
        """,
    "statistics": """
        nansum nanmean nanmedian quantile nanquantile mode msort aminmax bucketize searchsorted isin std_mean
        var_mean dist renorm trapezoid cumulative_trapezoid
        """,
    "updating": """
        index_add index_copy index_fill scatter_reduce select_scatter diagonal_scatter
        """,
    "creating": """
        bernoulli poisson multinomial randint randperm new_zeros new_ones new_full logspace hann_window
        hamming_window bartlett_window blackman_window tril_indices triu_indices
        """,
    "complex_numbers": """
        complex polar real imag conj angle view_as_real view_as_complex
        """,
    "fourier": """
        fft.fft fft.ifft fft.rfft fft.irfft fft.hfft fft.ihfft fft.fft2 fft.ifft2 fft.rfft2 fft.irfft2 fft.fftn
        fft.ifftn fft.rfftn fft.irfftn fft.fftfreq fft.rfftfreq fft.fftshift fft.ifftshift
        """,
    "spectrogram": """
        stft istft
        """,
    "special_functions": """
        special.xlog1py special.zeta special.gammainc special.gammaincc special.multigammaln special.entr
        special.erfcx special.bessel_j0 special.bessel_j1 special.bessel_y0 special.bessel_y1 special.i0e
        special.i1 special.i1e special.modified_bessel_i0 special.modified_bessel_i1
        special.modified_bessel_k0 special.modified_bessel_k1 special.ndtr special.ndtri special.log_ndtr
        special.airy_ai special.scaled_modified_bessel_k0 special.scaled_modified_bessel_k1
        special.spherical_bessel_j0 special.chebyshev_polynomial_t special.chebyshev_polynomial_u
        special.chebyshev_polynomial_v special.chebyshev_polynomial_w special.shifted_chebyshev_polynomial_t
        special.shifted_chebyshev_polynomial_u special.shifted_chebyshev_polynomial_v
        special.shifted_chebyshev_polynomial_w special.hermite_polynomial_h special.hermite_polynomial_he
        special.laguerre_polynomial_l special.legendre_polynomial_p
        """,
    "norms": """
        linalg.vector_norm linalg.matrix_norm linalg.norm linalg.cond
        """,
    "linalg": """
        linalg.det linalg.slogdet linalg.inv linalg.pinv linalg.matrix_rank linalg.matrix_exp linalg.matrix_power
        linalg.diagonal linalg.solve linalg.solve_triangular cholesky_solve cholesky_inverse linalg.cross
        linalg.vecdot linalg.vander linalg.multi_dot linalg.householder_product
        """,
    "factorizations": """
        linalg.cholesky linalg.qr linalg.svd linalg.svdvals linalg.eig linalg.eigvals linalg.eigh linalg.eigvalsh
        linalg.lu
        """,
}

# Other names that torch has for the same thing; a lazy class becomes the plain one when its input is seen.
ALIASES = {
    "LazyBatchNorm1d": "BatchNorm1d",
    "LazyBatchNorm2d": "BatchNorm2d",
    "LazyBatchNorm3d": "BatchNorm3d",
    "LazyConv1d": "Conv1d",
    "LazyConv2d": "Conv2d",
    "LazyConv3d": "Conv3d",
    "LazyConvTranspose1d": "ConvTranspose1d",
    "LazyConvTranspose2d": "ConvTranspose2d",
    "LazyConvTranspose3d": "ConvTranspose3d",
    "LazyInstanceNorm1d": "InstanceNorm1d",
    "LazyInstanceNorm2d": "InstanceNorm2d",
    "LazyInstanceNorm3d": "InstanceNorm3d",
    "LazyLinear": "Linear",
    "NLLLoss2d": "NLLLoss",
    "absolute": "abs",
    "arccos": "acos",
    "arccosh": "acosh",
    "arcsin": "asin",
    "arcsinh": "asinh",
    "arctan": "atan",
    "arctan2": "atan2",
    "arctanh": "atanh",
    "concat": "cat",
    "concatenate": "cat",
    "divide": "div",
    "fix": "trunc",
    "greater": "gt",
    "greater_equal": "ge",
    "less": "lt",
    "linalg.matmul": "matmul",
    "less_equal": "le",
    "moveaxis": "movedim",
    "multiply": "mul",
    "negative": "neg",
    "not_equal": "ne",
    "row_stack": "vstack",
    "special.digamma": "digamma",
    "special.erf": "erf",
    "special.erfc": "erfc",
    "special.erfinv": "erfinv",
    "special.exp2": "exp2",
    "special.expit": "sigmoid",
    "special.expm1": "expm1",
    "special.gammaln": "lgamma",
    "special.i0": "i0",
    "special.log1p": "log1p",
    "special.log_softmax": "log_softmax",
    "special.logit": "logit",
    "special.logsumexp": "logsumexp",
    "special.polygamma": "polygamma",
    "special.psi": "digamma",
    "special.round": "round",
    "special.sinc": "sinc",
    "special.softmax": "softmax",
    "special.xlogy": "xlogy",
    "subtract": "sub",
    "swapdims": "swapaxes",
    "true_divide": "div",
}

CATALOGUE = Catalogue(aliases=ALIASES, contents=CONTENTS)
