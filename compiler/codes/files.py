"""NNC09: files and artifacts."""

from __future__ import annotations

from nnc.compiler.codes.code import Code

__all__ = ["CODES"]

CODES: tuple[Code, ...] = (
    Code(
        "NNC0901",
        "checkpoint-damaged",
        "No checkpoint of the run is whole.",
        "Every file of a checkpoint is compared with the SHA-256 in its manifest; a damaged one is passed over for the "
        "one before.",
    ),
    Code(
        "NNC0902",
        "run-differs",
        "The run was begun with other settings.",
        "A resumed run continues exactly what was begun, on the same data. Only the number of epochs may change.",
    ),
    Code(
        "NNC0903",
        "cannot-write",
        "A file or folder cannot be written.",
        "Files are written under a temporary name and renamed when they are complete: what was saved before is intact.",
    ),
    Code(
        "NNC0904",
        "artifact-damaged",
        "A saved model is not what was written.",
        "The file carries the SHA-256 of its own bytes.",
    ),
    Code(
        "NNC0905",
        "not-an-artifact",
        "The file is no model that nnc saved, or one of a newer nnc.",
        "`nnc compile` and `nnc train` write models; a plain safetensors file has weights but no spec.",
    ),
    Code(
        "NNC0906",
        "run-in-use",
        "Another process trains in this folder.",
        "Two processes in one folder would overwrite each other's checkpoints.",
    ),
    Code(
        "NNC0907",
        "no-such-run",
        "There is no run in this folder.",
        "`nnc train` writes a run's folder; `nnc eval` and `--resume` take it.",
    ),
    Code(
        "NNC0908",
        "run-exists",
        "The folder holds a run already.",
        "A new run does not overwrite an old one: resume it, or choose another folder.",
    ),
    Code(
        "NNC0909",
        "input-unreadable",
        "An input of a prediction cannot be read.",
        "Inputs are images, .npy, .npz and .csv files. Pickled files are refused: opening one can run anything.",
    ),
    Code(
        "NNC0910",
        "input-does-not-fit",
        "An input of a prediction does not fit the network.",
        "The transforms saved with the model are applied first; what comes out must have the network's rank, sizes and "
        "dtype.",
    ),
    Code(
        "NNC0911",
        "package-missing",
        "What was asked for needs a package that is not installed.",
        "Pictures, TensorBoard and ONNX are extras: nnc is installed without them, and says which line of pip brings them.",
    ),
    Code(
        "NNC0912",
        "cannot-export",
        "The network cannot be written in this form.",
        "torch.export and torch.onnx follow a network with example inputs; what they cannot follow, or have no operator for, is "
        "refused. Free sizes stay free where torch can show that they may: `--size H=224,W=224` fixes them.",
    ),
    Code(
        "NNC0913",
        "export-differs",
        "What was exported does not compute what the network does.",
        "Every program is run again and held against the network, at several sizes, before its file gets its name: nothing was "
        "written.",
    ),
    Code(
        "NNC0920",
        "weights-unreadable",
        "The file of `weights:` holds no weights that can be read.",
        "Safetensors files and checkpoints of tensors are read, and never as code: a pickle that needs more than tensors "
        "and plain data is refused. A state_dict is found at the top of a checkpoint, or under the usual keys.",
    ),
    Code(
        "NNC0921",
        "weights-do-not-fit",
        "The weights are another network's.",
        "By default every tensor of the network must be in the file, in its shape, and the file must hold nothing else. "
        "With `strict: false` what fits is loaded and the rest reported; `rename:` replaces prefixes of names.",
    ),
    Code(
        "NNC0922",
        "pretrained-weights",
        "torchvision's weights cannot be used here.",
        "They belong to one of torchvision's models, which is found by the network's name (that of the variant, such as "
        "`resnet50`) or is written out: `ResNet50_Weights.IMAGENET1K_V2`. They are downloaded once, and their hash is "
        "checked.",
    ),
)
