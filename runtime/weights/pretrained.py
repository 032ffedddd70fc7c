"""torchvision's trained weights, through its own enums, downloads and hash checks, with what belongs to them: the
preprocessing of images and the names of the classes."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import nn

from nnc.compiler.backends.torch.build import origin
from nnc.compiler.suggest import closest
from nnc.compiler.weights import GivenWeights
from nnc.runtime.failure import Failure, reason_of
from nnc.runtime.saving.usage import Usage

__all__ = ["find_pretrained", "pretrained_tensors", "usage_of"]


def find_pretrained(weights: GivenWeights, name: str) -> tuple[str, Any]:
    """torchvision's name of the model, and the member of its enum of weights. `name` is the network's, which is used
    where the weights do not say whose they are. Raises `Failure`."""
    from torchvision import models

    enum, _, member = weights.source.rpartition(".")
    known = models.list_models()
    if enum:
        owner = next((m for m in known if models.get_model_weights(m).__name__ == enum), None)
        if owner is None:
            names = [models.get_model_weights(m).__name__ for m in known]
            raise _unknown(weights, f"torchvision has no weights {enum}", enum, names)
    else:
        owner = name if name in known else None
        if owner is None:
            message = f"torchvision has no model `{name}`, so {member} says too little"
            notes = ("say whose they are: `ResNet50_Weights.IMAGENET1K_V2`",)
            raise Failure("NNC0922", weights.span, message, notes=notes)
    members = models.get_model_weights(owner)
    if member not in members.__members__:
        raise _unknown(weights, f"`{owner}` has no weights {member}", member, list(members.__members__))
    return owner, members[member]


def _unknown(weights: GivenWeights, message: str, word: str, known: list[str]) -> Failure:
    best = closest(word, known)
    notes = (f"did you mean {best}?",) if best else (f"there are {', '.join(known[:8]) or 'none'}",)
    return Failure("NNC0922", weights.span, message, notes=notes)


def pretrained_tensors(model: nn.Module, weights: GivenWeights, owner: str, member: Any) -> dict[str, torch.Tensor]:
    """The tensors, under the names of torchvision's own model with these weights. Raises `Failure`."""
    from torchvision import models

    try:
        with warnings.catch_warnings(), torch.device("cpu"):
            warnings.simplefilter("ignore", FutureWarning)
            reference = models.get_model(owner, weights=member, progress=False)
    except Exception as error:  # a download fails in many ways: no network, no space, a file that was cut
        reason = reason_of(error)[:200]
        raise Failure("NNC0922", weights.span, f"torchvision cannot load {member!r}: {reason}") from None
    source = origin(model)
    scales = True if source is None else source.graph.arguments.get("transform_input", True)
    if getattr(reference, "transform_input", False) and not scales:
        message = f"{member!r} were trained on images that the network itself scales"
        raise Failure("NNC0922", weights.span, message, notes=("set `transform_input: true` in `args:`",))
    return dict(reference.state_dict())


def usage_of(member: Any, name: str, *, classes: bool) -> Usage:
    """How images go into a network that has these weights; `name` is its input. With `classes`, what comes out is theirs
    too. A video is frames (T, C, H, W)."""
    from torchvision.transforms._presets import ImageClassification, SemanticSegmentation, VideoClassification

    transforms = member.transforms()
    names = tuple(member.meta.get("categories", ())) if classes else ()
    if not isinstance(transforms, ImageClassification | SemanticSegmentation | VideoClassification):
        return Usage(names)
    calls: list[dict[str, Any]] = []
    if transforms.resize_size is not None:
        resize = {"type": "Resize", "size": list(transforms.resize_size)}
        smooth = getattr(transforms, "antialias", False)  # frames of a video are resized without
        calls.append(resize | {"interpolation": transforms.interpolation.value, "antialias": smooth})
    if not isinstance(transforms, SemanticSegmentation):
        calls.append({"type": "CenterCrop", "size": list(transforms.crop_size)})
    calls.append({"type": "ToDtype", "dtype": "float32", "scale": True})
    calls.append({"type": "Normalize", "mean": list(transforms.mean), "std": list(transforms.std)})
    if isinstance(transforms, VideoClassification):
        calls.append({"type": "ChannelsBeforeTime"})
    preprocessing = {"feeding": {name: name}, "transforms": {name: calls}, "arrays": False}
    scores = "logits" if names and not isinstance(transforms, SemanticSegmentation) else ""
    return Usage(names, scores, preprocessing)
