"""NNC08: data and training."""

from __future__ import annotations

from nnc.compiler.codes.code import Code

__all__ = ["CODES"]

CODES: tuple[Code, ...] = (
    Code(
        "NNC0801",
        "unknown-training-name",
        "No optimizer, scheduler, loss, metric, dataset or transform has this name.",
        "`data:` and `train:` name classes of torch.optim, torch.optim.lr_scheduler, torch.nn, torchvision.datasets "
        "and "
        "torchvision.transforms.v2, and only those that nnc knows the signature of: a file cannot make nnc import "
        "anything else.",
        "train: {loss: CrossEntropyLoss, optimizer: Adm, epochs: 5}",
        "train: {loss: CrossEntropyLoss, optimizer: Adam, epochs: 5}",
    ),
    Code(
        "NNC0802",
        "unknown-training-argument",
        "The optimizer, scheduler, loss, dataset or transform has no such argument.",
        "Arguments bear torch's own names.",
        'train: {loss: CrossEntropyLoss, optimizer: "Adam(learning_rate=0.1)", epochs: 5}',
        'train: {loss: CrossEntropyLoss, optimizer: "Adam(lr=0.1)", epochs: 5}',
    ),
    Code(
        "NNC0803",
        "missing-training-argument",
        "An argument without a default was not given.",
        "What torch's constructor requires must be written.",
        "scheduler: StepLR",
        "scheduler: StepLR(30)",
    ),
    Code(
        "NNC0804",
        "wrong-training-value",
        "A value is not of the kind, or not in the range, that is wanted.",
        "The ranges are those that torch's constructors accept, so a value that passes here does not fail later.",
        "optimizer: SGD(lr=-1)",
        "optimizer: SGD(lr=1)",
    ),
    Code(
        "NNC0805",
        "given-twice",
        "An argument, a name or a metric is given twice.",
        "Of two values for the same thing, nnc does not choose one silently.",
        "optimizer: SGD(0.1, lr=0.2)",
        "optimizer: SGD(lr=0.2)",
    ),
    Code(
        "NNC0806",
        "unknown-section-key",
        "`data:` or `train:` has no such key.",
        "A misspelled key would otherwise be a setting that silently does nothing.",
        "train: {loss: CrossEntropyLoss, optimizer: Adam, epoch: 5}",
        "train: {loss: CrossEntropyLoss, optimizer: Adam, epochs: 5}",
    ),
    Code(
        "NNC0807",
        "missing-section-key",
        "`data:` or `train:` lacks a key that has no default.",
        "`data:` needs `train`; `train:` needs `loss`, `optimizer` and `epochs`, or `steps` and `epochs`; a parameter "
        "group needs `match`, `type` or `ndim`, and a setting.",
        "train: {loss: CrossEntropyLoss, optimizer: Adam}",
        "train: {loss: CrossEntropyLoss, optimizer: Adam, epochs: 5}",
    ),
    Code(
        "NNC0808",
        "wrong-section-form",
        "A value in `data:` or `train:` has the wrong form.",
        "A dataset, loss, optimizer … is written as a call, `Adam(lr=1e-3)`, or as a mapping, `{type: Adam, lr: "
        "1e-3}`. A call with "
        "a comma inside [ ] or { } must be quoted: YAML splits it there.",
        "metrics: Accuracy",
        "metrics: [Accuracy]",
    ),
    Code(
        "NNC0809",
        "refused-training-argument",
        "torch has this argument, and a spec cannot give it.",
        "Some arguments are given by nnc itself (the parameters of an optimizer), some are Python functions, some are "
        "deprecated. "
        "The message says which, and what to write instead.",
        'data: {train: "MNIST("data", transform=1)"}',
        'data: {train: "MNIST("data")", transforms: {image: [ToImage]}}',
    ),
    Code(
        "NNC0810",
        "unknown-quantity",
        "A field, an output or a monitored quantity of this name does not exist, or there are too many or too few of "
        "them.",
        "Losses and metrics take outputs of the network and fields of the data, by name. What can be monitored is what "
        "the log "
        "has: `train.loss`, and with validation data `validation.loss` and the metrics.",
        "monitor: validation.acuracy",
        "monitor: validation.accuracy",
    ),
    Code(
        "NNC0811",
        "conflicting-settings",
        "Settings that are right one by one do not go together.",
        "Most are torch's own rules between arguments: Nesterov momentum needs a momentum, N schedulers have N - 1 "
        "milestones, Muon is for matrices. Others are of several steps or of carried state: a step reuses what one before it "
        "computed, a carried output has the type of its input.",
        "optimizer: SGD(lr=0.1, nesterov=True)",
        "optimizer: SGD(lr=0.1, momentum=0.9, nesterov=True)",
    ),
    Code(
        "NNC0812",
        "random-in-evaluation",
        "A random transform would also change the data of validation, test and prediction.",
        "Augmentation belongs to training. Give a field two lists: `{train: […], eval: […]}`.",
        "transforms: {image: [RandomHorizontalFlip, ToImage]}",
        "transforms: {image: {train: [RandomHorizontalFlip, ToImage], eval: [ToImage]}}",
    ),
    Code(
        "NNC0813",
        "data-does-not-fit",
        "The data does not fit the network's inputs, or its loss.",
        "Before the first step, the first batch is held against the inputs: rank, sizes, dtype, and what the network "
        "requires of "
        "its free dimensions.",
    ),
    Code(
        "NNC0814",
        "dataset-unreadable",
        "A dataset is not there, or is not what it should be.",
        "Paths are relative to the folder of the spec. Datasets are read without pickle, and within the memory of the "
        "machine.",
    ),
    Code(
        "NNC0815",
        "wrong-labels",
        "A class number in the data is outside the classes that the network tells apart.",
        "Class numbers count from 0, and the network has one score per class. On a GPU torch would stop with an "
        "assertion that "
        "names no label.",
    ),
    Code(
        "NNC0816",
        "group-matches-nothing",
        "A pattern fits nothing in the network.",
        "Its settings would silently do nothing; so would a step, or an epoch of `unfreeze:`, that never comes, and "
        "parameters that no step names would stay as they are. Patterns are globs over the names that the state_dict has.",
    ),
    Code(
        "NNC0817",
        "path-leaves-folder",
        "A download would write outside the folder of the spec.",
        "A spec may come from anyone, so it may read any folder but download only below its own.",
        'data: {train: "MNIST("/data", download=True)"}',
        'data: {train: "MNIST("data", download=True)"}',
    ),
    Code(
        "NNC0818",
        "no-such-device",
        "The device is not there.",
        "`--device` takes auto, cpu, cuda, cuda:0 … and mps; auto takes the first that is there of cuda, mps, cpu.",
    ),
    Code(
        "NNC0819",
        "unknown-training-value",
        "An expression in `data:` or `train:` cannot be computed.",
        "Expressions there know the spec's arguments, `epochs` and `batch_size`, and for schedulers `steps` and "
        "`steps_per_epoch`.",
        "optimizer: Adam(lr=rate)",
        "optimizer: Adam(lr=1e-3)",
    ),
    Code(
        "NNC0820",
        "no-loss",
        "A block that should be a loss is none: it gives more than one number, or would have parameters of its own.",
        "A loss is one number. `mean(x)` and `sum(x)` reduce a tensor, and torch.nn's losses have `reduction`. What is to be "
        "trained belongs into the network, which can give it out.",
    ),
    Code(
        "NNC0821",
        "too-many-training-arguments",
        "More arguments are given by position than there are.",
        "Positions are torch's, up to the first argument that a spec cannot give; the others have names.",
        "optimizer: SGD(0.1, 0.9, 0, 0, True, False)",
        "optimizer: SGD(0.1, 0.9, nesterov=True)",
    ),
    Code(
        "NNC0822",
        "training-refused",
        "torch refuses to train with these settings.",
        "The message is torch's own. It depends on the network or the data, so that a check of the file alone cannot "
        "know it.",
    ),
    Code(
        "NNC0823",
        "broken-sample",
        "A sample of the data cannot be read or transformed, or has another size than the others.",
        "The message names the sample. Images of different sizes need a transform that makes them equal, such as "
        "Resize([224, 224]).",
    ),
    Code(
        "NNC0824",
        "nothing-to-train-with",
        "The spec has no `data:` or no `train:` section, or the section lacks what this command needs.",
        "`nnc train` needs both sections, `nnc eval` needs `test` in `data:`, or `validation`.",
    ),
    Code(
        "NNC0825",
        "not-finite",
        "A loss or a gradient is no number, or infinite.",
        "Training on would spoil every weight. The steps before were fine, and the last checkpoint is intact. Causes are "
        "most often a learning rate that is too high, a division by zero or the logarithm of zero in the network, or "
        "such values in the data. `non_finite: skip` leaves the step out, `rollback` also goes back to the weights of "
        "the last checkpoint; both give up where it happens again and again. `ignore` trains on.",
    ),
    Code(
        "NNC0826",
        "vocabulary-too-large",
        "The data have more different tokens than the network has rows for.",
        "An Embedding has one row for each number that may flow in. The vocabulary is counted when the training data are opened: "
        "the message says how many entries it has. Give the network as many rows (with an argument of the spec, so that `--set` "
        "can change it), or keep fewer tokens with `max_size=` or `min_frequency=`.",
        "args: {vocabulary: 30}\ntransforms: {name: [Characters]}",
        "args: {vocabulary: 30}\ntransforms: {name: [Characters(max_size=vocabulary)]}",
    ),
    Code(
        "NNC0850",
        "out-of-memory",
        "A step of training needs more memory than there is.",
        "Most of it are activations that the backward pass needs, and these grow with the batch. The message names the layer "
        "that asked for more than was left; the layers before it hold the rest. Smaller batches with `accumulate` make the same "
        "steps, `speed: {checkpointing: true}` keeps fewer activations, `precision: bf16` halves them.",
        "train: {batch_size: 4096}",
        "train: {batch_size: 512, accumulate: 8}",
    ),
)
