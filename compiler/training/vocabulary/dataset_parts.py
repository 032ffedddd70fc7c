"""What one sample of a dataset holds, part by part, and what can be done with each kind of part.

    image      (C, H, W)              frames      (T, C, H, W)
    mask       (H, W), numbers of classes, or true and false
    flow       (2, H, W), how far each pixel moves          disparity   (1, H, W)
    label      a class number         values      a list of numbers, such as attributes

A dataset of torchvision knows its parts; of files of one's own `fields: {photo: image, truth: mask}` says it, or the field's
name, where it is that of a kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nnc.compiler.training.vocabulary.registry import CallDef, Parts, declare

__all__ = [
    "DEFAULT_PARTS", "FIELD_KINDS", "FIXED_VALUES", "PICTURES", "dataset", "kinds_of", "parts_of", "parts_of_targets",
]  # fmt: skip

FIELD_KINDS = ("image", "mask", "frames", "flow", "disparity", "label", "values", "text")
PICTURES = frozenset({"image", "mask", "frames"})  # what any transform of torchvision moves rightly
FIXED_VALUES = frozenset({"flow", "disparity"})  # numbers that say where pixels are: these may be cut, and no more
DEFAULT_PARTS: Mapping[str, str] = {"image": "image", "label": "label"}

OMITTED = {
    "transform": "write the transforms under `transforms:`",
    "target_transform": "write the transforms under `transforms:`",
    "transforms": "write the transforms under `transforms:`",
    "loader": "it is a Python function; images are read with Pillow, .npy files as arrays",
    "is_valid_file": "it is a Python function",
}


def dataset(
    *traits: str, parts: Parts | None = None, omitted: Mapping[str, str] | None = None
) -> Callable[[Callable[..., None]], CallDef]:
    """A dataset's signature. `parts` are the names and kinds of what a sample holds, or a function of the arguments."""
    return declare("dataset", omitted={**OMITTED, **(omitted or {})}, traits=traits, parts=parts)


def parts_of(found: CallDef, arguments: Mapping[str, Any]) -> Mapping[str, str] | None:
    """Names and kinds of what a sample holds; None where the file of one's own says it."""
    if not callable(found.parts):
        return found.parts
    return found.parts({a.name: arguments.get(a.name, a.default) for a in found.arguments})


def parts_of_targets(argument: str, kinds: Mapping[str, tuple[str, str]]) -> Parts:
    """An image, and the targets that an argument names, one or several: by target the name and kind of its part."""

    def parts(arguments: Mapping[str, Any]) -> Mapping[str, str]:
        written = arguments[argument]
        chosen: Sequence[str] = (written,) if isinstance(written, str) else written
        return {"image": "image"} | dict(kinds[c] for c in chosen)

    return parts


def kinds_of(fields: Sequence[str], declared: Mapping[str, str], parts: Mapping[str, str] | None) -> dict[str, str]:
    """What is known of the fields: as declared, else as the dataset has them, else by their own name."""
    known = {f: f for f in fields if f in FIELD_KINDS}
    if parts is not None and len(parts) == len(fields):
        known |= dict(zip(fields, parts.values(), strict=True))
    return known | dict(declared)
