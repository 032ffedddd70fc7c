"""Data, training, evaluation, prediction and saving: what a compiled model does.

    data/              `data:` -> batches of tensors: datasets, transforms, splits, checks against the network's inputs
    train.py           the loop; loss.py, optimize.py, metrics.py: what it is made of; state.py: what a checkpoint holds
    training.py        what changes while a network is trained; update.py: a step of the optimizer; steps.py: several steps for
                       each batch; carry.py: state from batch to batch; unfreezing.py, averaging.py; several.py: optimizers as one
    evaluate.py        loss and metrics of a split; predict.py: samples in, results out
    checkpoint.py      folders that appear whole or not at all, with a manifest
    artifact.py        one file that loads anywhere; header.py: what it says of itself, read without torch
    runs.py            what the folders of runs tell
    project.py         a spec with its `data:` and `train:`, compiled
    commands.py        `nnc data`, `nnc train`, `nnc eval`, `nnc predict` without the command line
    report.py          what a run tells: progress bar, lines, log
    failure.py, files.py, seed.py, device.py, packing.py, interrupt.py, signature.py    small tools

Nothing here unpickles or imports a name that a file chose. `failure`, `files`, `header`, `report` and `runs` import
no torch.
"""
