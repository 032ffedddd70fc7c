"""The form of `train:`.

Only the form stands here: which keys, which kind of value. Which datasets, losses and optimizers there are, and with
which arguments, is `compiler/training`'s to say. To add a key, add a line.
"""

from __future__ import annotations

from nnc.compiler.schema.grammar import Choice, Key, Leaf, Listing, Record, Ref, Table, computable
from nnc.compiler.schema.settings import (
    ANYTHING,
    CALL_TEXT,
    CALL_TYPE,
    FLAG,
    GLOBS,
    NAMES,
    NATURAL,
    POSITIVE,
    TEXT,
    call,
    setting,
)

__all__ = ["LOSS_MAPPING", "PARALLEL", "SPEED", "TRAIN"]

NDIM = setting(
    "an integer ≥ 0, or a list of them",
    {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "array", "minItems": 1}]},
)
PARAMETER_GROUP = Record(
    "a mapping with `match:`, `type:` or `ndim:`",
    {
        "match": Key(GLOBS, 'Globs over parameter names: `["*.bias", "*bn*"]`.'),
        "type": Key(NAMES, "Types of layers, or names of the file's blocks: `[BatchNorm2d, LayerNorm]`."),
        "ndim": Key(
            NDIM,
            "Numbers of dimensions: 1 for biases and the weights of normalization.",
        ),
    },
    rest=ANYTHING,
)
SHARE = setting("a number above 0 and at most 1", {"type": "number", "exclusiveMinimum": 0, "maximum": 1})
LAYER_DECAY = Choice(
    "a factor such as 0.75, or a mapping with `factor:`",
    scalar=SHARE,
    mapping=Record(
        "a mapping with `factor:`",
        {
            "factor": Key(SHARE, "What the rate is multiplied by from each level to the one before."),
            "layers": Key(GLOBS, 'Globs over module names, a level for each that they fit: `["stem", "blocks.*"]`.'),
        },
        required=("factor",),
    ),
)

LOSS = Choice(
    "a loss such as `CrossEntropyLoss()`, a list of them, or a block of layers",
    scalar=CALL_TEXT,
    mapping=Ref("loss"),
    listing=Listing(
        "a list of losses, which are added", Choice("a loss", scalar=CALL_TEXT, mapping=Ref("loss")), least=1
    ),
)

LOSS_MAPPING = Record(
    "a mapping with `type:` or `layers:`",
    {
        **CALL_TYPE,
        "from": Key(NAMES, "Outputs of the network and fields of the data, in the order of the loss's inputs."),
        "factor": Key(setting("a number", {"type": "number"}), "What the loss is multiplied by in a sum."),
        "name": Key(TEXT, "What a term of a sum is called in the log."),
        "layers": Key(
            Ref("body"), "The loss as a block: outputs of the network and fields of the data are its inputs."
        ),
        "outputs": Key(
            Ref("outputs"), "Which of the block's values is the loss, by default the last one; others stand in the log."
        ),
        "reduction": Key(
            setting('"mean" or "sum"', {"enum": ["mean", "sum"]}),
            "Whether the block's value is a mean over the samples, or their sum.",
        ),
    },
    rest=ANYTHING,
)

_OPTIMIZER = call(
    "an optimizer such as `Adam(lr=1e-3)`",
    parameters=Key(GLOBS, "Of several optimizers: what this one is for, as globs over names of parameters or modules."),
    ndim=Key(NDIM, "Of several optimizers: the numbers of dimensions of what this one is for."),
    groups=Key(Listing("a list of parameter groups", PARAMETER_GROUP), "Other settings for some of the parameters."),
    no_decay=Key(
        NAMES, "What has no weight decay: `default` for biases, normalization and embeddings, or globs over names."
    ),
    layer_decay=Key(LAYER_DECAY, "Smaller learning rates for earlier layers."),
)
OPTIMIZER = Choice(
    "an optimizer such as `Adam(lr=1e-3)`, or a list of them that share the parameters",
    scalar=_OPTIMIZER.scalar,
    mapping=_OPTIMIZER.mapping,
    listing=Listing("a list of optimizers", _OPTIMIZER, least=1),
)
SCHEDULER = call(
    "a scheduler such as `OneCycleLR(max_lr=0.01, total_steps=steps)`",
    every=Key(Leaf('"step" or "epoch"', {"enum": ["step", "epoch"]}, code="NNC0804"), "When it steps."),
    monitor=Key(TEXT, "What ReduceLROnPlateau watches: `validation.loss`."),
)
METRIC = call(
    "a metric such as `Accuracy(top_k=1)`",
    **{"from": Key(NAMES, "An output of the network and a field of the data.")},
)
_OPTIONAL_BOUND = computable({"type": ["number", "null"], "exclusiveMinimum": 0})

_BELOW_ONE = computable({"type": "number", "minimum": 0, "exclusiveMaximum": 1})
EMA = Choice(
    "a decay below 1 such as 0.999, or a mapping with `decay:`",
    scalar=Leaf("a number ≥ 0 and < 1", _BELOW_ONE, code="NNC0804"),
    mapping=Record(
        "a mapping with `decay:`",
        {
            "decay": Key(Leaf("a number ≥ 0 and < 1", _BELOW_ONE, code="NNC0804"), "The share of the average kept."),
            "start": Key(NATURAL, "Steps before averaging begins."),
            "every": Key(POSITIVE, "Steps from one averaging to the next."),
        },
    ),
)
SWA = Choice(
    "the epoch (≥ 1) in which averaging begins, or a mapping with `start:`",
    scalar=POSITIVE,
    mapping=Record(
        "a mapping with `start:`",
        {
            "start": Key(POSITIVE, "The epoch in which averaging begins."),
            "lr": Key(Leaf("a number above 0", _OPTIONAL_BOUND, code="NNC0804"), "What the learning rate becomes."),
            "anneal_epochs": Key(NATURAL, "Epochs that it takes to become so."),
            "anneal_strategy": Key(
                Leaf('"cos" or "linear"', {"enum": ["cos", "linear"]}, code="NNC0804"), "On which way."
            ),
        },
        required=("start",),
    ),
)
EARLY_STOPPING = Choice(
    "a number of epochs ≥ 1, or a mapping with `patience:`",
    scalar=setting("an integer ≥ 1", {"type": ["integer", "null"], "minimum": 1}),
    mapping=Record(
        "a mapping with `patience:`",
        {
            "patience": Key(POSITIVE, "Epochs to wait for something better."),
            "min_delta": Key(
                setting("a number ≥ 0", {"type": "number", "minimum": 0}), "By how much it must be better to count."
            ),
        },
        required=("patience",),
    ),
)

_MAYBE_FLAG = setting("true or false", {"type": ["boolean", "null"]})
_COMPILE_MODE = {"enum": ["default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs"]}
SPEED = Choice(
    '"auto", "plain", or a mapping such as `{compile: true}`',
    scalar=setting('"auto" or "plain"', {"enum": ["auto", "plain", None]}),
    mapping=Record(
        "a mapping such as `{compile: true}`",
        {
            "channels_last": Key(_MAYBE_FLAG, "Whether images lie in memory channels last (NHWC)."),
            "compile": Key(
                Choice(
                    "true, false, a mode of torch.compile, or a mapping",
                    scalar=setting(
                        'true, false, "default", "reduce-overhead", "max-autotune" or "max-autotune-no-cudagraphs"',
                        {"anyOf": [{"type": ["boolean", "null"]}, _COMPILE_MODE]},
                    ),
                    mapping=Record(
                        "a mapping with arguments of torch.compile",
                        {
                            "mode": Key(setting("a mode of torch.compile", _COMPILE_MODE), "torch.compile's mode."),
                            "fullgraph": Key(FLAG, "Whether it is an error if the network cannot be compiled as one."),
                            "dynamic": Key(_MAYBE_FLAG, "Whether sizes stay free; null lets torch find out."),
                        },
                    ),
                ),
                "torch.compile for the training steps.",
            ),
            "checkpointing": Key(
                Choice(
                    "true, or globs over layers and blocks",
                    scalar=Leaf("true, false or a glob", {"type": ["boolean", "string", "null"], "minLength": 1}),
                    listing=GLOBS.listing,
                ),
                "Layers or blocks whose activations are computed again in the backward pass instead of kept; true: all blocks.",
            ),
            "optimizer": Key(
                setting('"fused", "foreach" or "loop"', {"enum": ["fused", "foreach", "loop", None]}),
                "torch.optim's implementation: one kernel, one per operation, or one per parameter.",
            ),
            "cuda_graphs": Key(
                _MAYBE_FLAG, "Whether forward and backward of full batches are replayed as CUDA graphs."
            ),
            "deterministic": Key(_MAYBE_FLAG, "Whether a GPU takes algorithms that give the same bits in every run."),
            "cudnn_benchmark": Key(_MAYBE_FLAG, "Whether cuDNN tries which algorithm is the fastest."),
        },
        owner="`speed:`",
        code="NNC0806",
    ),
)

STEP = Record(
    "a mapping with `parameters:`, `loss:` and `optimizer:`",
    {
        "parameters": Key(GLOBS, "What the step trains: globs over names of parameters or modules."),
        "loss": Key(LOSS, "Its loss; the step computes what this needs of the network, and nothing else."),
        "optimizer": Key(OPTIMIZER, "Its optimizer."),
        "scheduler": Key(SCHEDULER, "The optimizer's scheduler."),
        "every": Key(POSITIVE, "The step is taken with every so many batches."),
        "reuse": Key(NAMES, "Outputs that it takes as an earlier step of the same batch computed them."),
    },
    required=("parameters", "loss", "optimizer"),
)
CARRIED = Choice(
    "an output of the network, or a mapping with `from:`",
    scalar=TEXT,
    mapping=Record(
        "a mapping with `from:`",
        {
            "from": Key(TEXT, "The output that comes back as this input."),
            "start": Key(setting("a number", {"type": "number"}), "What an epoch begins with; 0 unless said."),
        },
        required=("from",),
    ),
)

UNFREEZE = Record(
    "a mapping with `match:` and `epoch:`",
    {
        "match": Key(GLOBS, "Globs over names of frozen parameters or modules."),
        "epoch": Key(POSITIVE, "The epoch from whose beginning on they are trained."),
        "statistics": Key(
            FLAG, "Whether normalization layers among them renew their running statistics too; true unless said."
        ),
    },
    required=("match", "epoch"),
    rest=ANYTHING,
)

_NUMBER = setting('"float32", "bf16" or "fp16"', {"enum": ["float32", "bf16", "fp16", None]})
PARALLEL = Choice(
    '"ddp", "fsdp", or a mapping with `type:`',
    scalar=setting('"ddp" or "fsdp"', {"enum": ["ddp", "fsdp", None]}),
    mapping=Record(
        "a mapping with `type:`",
        {
            "type": Key(
                setting('"ddp" or "fsdp"', {"enum": ["ddp", "fsdp"]}),
                "`ddp`: every process has the whole network; `fsdp`: a part of every parameter.",
            ),
            "sync_batchnorm": Key(FLAG, "Whether batch statistics are those of all processes' samples (GPUs)."),
            "timeout": Key(POSITIVE, "Seconds to wait for the other processes."),
            "background_saves": Key(
                _MAYBE_FLAG, "Whether training goes on while a checkpoint is written; by default on GPUs."
            ),
            "bucket_cap_mb": Key(POSITIVE, "ddp: MiB of gradients that are sent together."),
            "static_graph": Key(FLAG, "ddp: whether every step uses the same parameters in the same order."),
            "units": Key(GLOBS, "fsdp: the modules that are gathered one at a time; by default the network's blocks."),
            "reshard_after_forward": Key(
                _MAYBE_FLAG, "fsdp: whether a unit's parameters are given back until the backward pass needs them."
            ),
            "cpu_offload": Key(FLAG, "fsdp: whether parameters, gradients and optimizer wait in the CPU's memory."),
            "param_dtype": Key(_NUMBER, "fsdp: number format in which parameters are gathered and used."),
            "reduce_dtype": Key(_NUMBER, "fsdp: number format in which gradients are summed."),
            "tensor": Key(
                Choice(
                    "a number of processes, or a mapping with `size:`",
                    scalar=setting("an integer ≥ 1", {"type": ["integer", "null"], "minimum": 1}),
                    mapping=Record(
                        "a mapping with `size:`",
                        {
                            "size": Key(POSITIVE, "How many neighboring processes divide a part among them."),
                            "match": Key(GLOBS, "Modules whose parts are divided; by default all."),
                        },
                        required=("size",),
                    ),
                ),
                "fsdp: processes that compute each feed-forward part together.",
            ),
        },
        required=("type",),
    ),
)

MIXTURE = call(
    "CutMix or MixUp",
    p=Key(setting("a number from 0 to 1", {"type": "number", "minimum": 0, "maximum": 1}), "The share of the batches."),
    **{"from": Key(NAMES, "The field of the images, and that of the labels.")},
)
TENSORBOARD = Record(
    "a mapping such as `{histograms: false}`",
    {
        "images": Key(NATURAL, "How many samples and predictions are shown."),
        "histograms": Key(FLAG, "Whether histograms of weights and gradients are written after every epoch."),
        "graph": Key(FLAG, "Whether the network's graph is."),
        "every": Key(POSITIVE, "Steps from one value of the loss to the next."),
    },
)
LOG = Choice(
    '"tensorboard", or a mapping such as `{tensorboard: {histograms: false}}`',
    scalar=Leaf('"tensorboard"', {"enum": ["tensorboard", None]}, code="NNC0804"),
    listing=Listing("a list such as `[tensorboard]`", Leaf('"tensorboard"', {"enum": ["tensorboard"]}, code="NNC0804")),
    mapping=Record(
        "a mapping with `tensorboard:`",
        {
            "tensorboard": Key(
                Choice("a mapping", scalar=Leaf("null", {"type": "null"}), mapping=TENSORBOARD), "TensorBoard."
            )
        },
    ),
)
TRAIN = Record(
    "a mapping with `loss:`, `optimizer:` and `epochs:`",
    {
        "loss": Key(LOSS, "torch.nn's loss, or a block that computes one."),
        "optimizer": Key(OPTIMIZER, "torch.optim's optimizer."),
        "scheduler": Key(
            SCHEDULER, "torch.optim.lr_scheduler's; `steps`, `epochs` and `steps_per_epoch` are known in it."
        ),
        "metrics": Key(
            Choice(
                "a list of metrics, or a mapping from a name to a metric",
                listing=Listing("a list of metrics", METRIC),
                mapping=Table("a mapping from a name to a metric", METRIC),
            ),
            "What is measured beside the loss.",
        ),
        "mix": Key(
            Choice(
                "CutMix or MixUp, or a list of them",
                scalar=CALL_TEXT,
                listing=Listing("a list of CutMix and MixUp", MIXTURE, least=1),
                mapping=MIXTURE.mapping,
            ),
            "Mixes the images of a training batch, and their labels.",
        ),
        "monitor": Key(TEXT, "The quantity that chooses the best checkpoint: `validation.accuracy`."),
        "epochs": Key(POSITIVE, "How often training goes through the data."),
        "batch_size": Key(POSITIVE, "Samples per step."),
        "accumulate": Key(POSITIVE, "Batches whose gradients make one step."),
        "drop_last": Key(FLAG, "Leave out a last batch that is not full."),
        "shuffle": Key(FLAG, "Another order in every epoch, by `seed:`."),
        "precision": Key(
            setting('"float32", "tf32", "bf16" or "fp16"', {"enum": ["float32", "tf32", "bf16", "fp16"]}),
            "Number format of the forward pass.",
        ),
        "speed": Key(SPEED, "How steps are made fast; by default what suits the device and costs no bit."),
        "device": Key(
            setting(
                '"auto", "cpu", "cuda", "cuda:1" or "mps"',
                {"type": "string", "pattern": r"^(auto|cpu|mps|cuda(:[0-9]{1,3})?)$"},
            ),
            "Where training runs; `--device` overrides it.",
        ),
        "parallel": Key(PARALLEL, "How several processes train: `ddp`, or `fsdp`, which shards the parameters."),
        "log": Key(LOG, "What is written of a run beside log.jsonl and log.csv."),
        "seed": Key(NATURAL, "Decides initial weights, order and augmentation."),
        "clip_grad_norm": Key(
            Leaf("a number above 0", _OPTIONAL_BOUND, code="NNC0804"),
            "Upper bound of the gradient's norm (torch.nn.utils.clip_grad_norm_).",
        ),
        "clip_grad_value": Key(
            Leaf("a number above 0", _OPTIONAL_BOUND, code="NNC0804"),
            "Upper bound of every gradient's value (torch.nn.utils.clip_grad_value_).",
        ),
        "ema": Key(EMA, "An exponential average of the weights, validated and saved in their place."),
        "swa": Key(
            SWA, "The average of the weights at the end of the last epochs, validated and saved in their place."
        ),
        "early_stopping": Key(EARLY_STOPPING, "End when `monitor` has not become better for so many epochs."),
        "non_finite": Key(
            setting('"stop", "skip", "rollback" or "ignore"', {"enum": ["stop", "skip", "rollback", "ignore"]}),
            "What is done about a loss or a gradient that is no number.",
        ),
        "unfreeze": Key(
            Choice(
                "a mapping with `match:` and `epoch:`, or a list of them",
                mapping=UNFREEZE,
                listing=Listing("a list of mappings with `match:` and `epoch:`", UNFREEZE, least=1),
            ),
            "Parts of what `freeze:` names, trained from some epoch on.",
        ),
        "steps": Key(
            Table("a mapping from names to steps", STEP),
            "Several steps for each batch, each with a loss and an optimizer of its own: a GAN's.",
        ),
        "carry": Key(
            Table("a mapping from inputs of the network to outputs of it", CARRIED),
            "Inputs that are the network's own outputs of the batch before: truncated back-propagation through time.",
        ),
        "checkpoint_every": Key(
            setting("an integer ≥ 1", {"type": ["integer", "null"], "minimum": 1}),
            "Steps between checkpoints, beside the one after every epoch.",
        ),
    },
    owner="`train:`",
    code="NNC0806",
)
