"""torchvision's datasets: opened by their names, and their samples as tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nnc.compiler.training.config import BoundCall
from nnc.compiler.training.vocabulary.dataset_parts import DEFAULT_PARTS, parts_of
from nnc.compiler.training.vocabulary.registry import CallDef
from nnc.runtime.data.npz import read_npy
from nnc.runtime.data.transforms import image_batch
from nnc.runtime.failure import Failure, reason_of
from nnc.runtime.saving.ordinary import ordinary

__all__ = ["VisionSamples", "class_names", "column_tensors", "open_vision", "part_tensor"]

RGB = 3  # torchvision.io.ImageReadMode.RGB
FILES = ("samples", "imgs", "_samples")  # where torchvision keeps pairs of a file and a class number


@dataclass(frozen=True)
class VisionSamples:
    """A dataset of torchvision as flat tuples of tensors, one for each of its `parts`; nested targets are unpacked."""

    dataset: Any
    parts: Mapping[str, str]
    own_labels: bool  # whether what it knows about all samples is the last part

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, ...]:
        values = list(_flat(self.dataset[index]))[: len(self.parts)]
        missing = next((n for n, v in zip(self.parts, values, strict=True) if v is None or isinstance(v, str)), None)
        if missing is not None:
            raise ValueError(f"it has no {missing}")
        return tuple(part_tensor(v, k) for v, k in zip(values, self.parts.values(), strict=True))

    @property
    def samples(self) -> list[tuple[str, int]] | None:
        """Each sample's file, for messages, where the dataset has a list of them."""
        for attribute in (*FILES, "_image_files", "_images", "images", "_image_list"):
            found = getattr(self.dataset, attribute, None)
            if isinstance(found, list) and len(found) == len(self):
                files = [f[0] if isinstance(f, list | tuple) and f else f for f in found]
                if all(isinstance(f, str | Path) for f in files):
                    return [(str(f), i) for i, f in enumerate(files)]
        return None

    @property
    def targets(self) -> list[int] | None:
        """Class numbers of all samples, where they are known without reading any."""
        if not self.own_labels:
            return None
        for attribute in ("targets", "_labels", "labels", "y", *FILES):
            known = getattr(self.dataset, attribute, None)
            if isinstance(known, list | tuple) and len(known) == len(self):
                numbers = [k[1] if isinstance(k, tuple) and len(k) == 2 else k for k in known]
                if all(isinstance(n, int) for n in numbers):
                    return numbers
        return None


def _flat(value: Any) -> Sequence[Any]:
    """`(image, (category, mask))` as three values."""
    if not isinstance(value, tuple | list):
        return (value,)
    return [v for part in value for v in (part if isinstance(part, tuple | list) else (part,))]


def part_tensor(value: Any, kind: str) -> torch.Tensor:
    """One part of a sample as a tensor: images (C, H, W), masks (H, W), class numbers int64."""
    if isinstance(value, int | float | torch.Tensor | np.generic):
        return torch.as_tensor(value)
    array = np.array(value)
    if array.dtype == np.uint16:
        array = array.astype(np.int32)  # torch has no arithmetic for it
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype == np.float64:
        array = array.astype(np.float32)  # what a network computes with
    if kind != "image":
        return torch.from_numpy(np.ascontiguousarray(array))
    return image_batch(torch.from_numpy(np.ascontiguousarray(array))[None])[0]


def open_vision(call: BoundCall, found: CallDef, arguments: Mapping[str, Any], base: Path, *, download: bool) -> Any:
    """The dataset of that name, which the vocabulary has allowed. MNIST's old `processed/*.pt` and ImageNet's index are read by
    torch with weights_only, CIFAR's pickles only after torchvision has compared their digests with those it knows. Raises
    `Failure`."""
    import torchvision

    given = {k: list(v) if isinstance(v, tuple) and k != "image_size" else v for k, v in arguments.items()}
    if found.argument("download") is not None:
        given["download"] = download and given.get("download", found.argument("download").default)  # type: ignore[union-attr]
    if call.name == "ImageFolder":
        given["loader"] = _rgb
    if call.name == "DatasetFolder":
        given["loader"] = _read
        given["extensions"] = tuple(e.lower() for e in given["extensions"])
    if call.name == "PhotoTour":
        given["transform"] = _with_channel
    if "unpacks" in found.traits:
        _refuse_unpacking(call, given, base)
    try:
        dataset = getattr(torchvision.datasets, call.name)(**given)
    except Exception as error:
        notes = _advice(found, given, error)
        raise Failure("NNC0814", call.span, f"{call.name} cannot be opened: {reason_of(error)}", notes=notes) from error
    if len(dataset) == 0:
        raise Failure("NNC0814", call.span, f"{call.name} is empty")
    return dataset


def _advice(found: CallDef, given: Mapping[str, Any], error: Exception) -> tuple[str, ...]:
    missing = next((e for e in (error, error.__cause__, error.__context__) if isinstance(e, ModuleNotFoundError)), None)
    if missing is not None and missing.name:
        package = missing.name.partition(".")[0]
        return (f"torchvision reads it with {package}: pip install {package}",)
    if "download=True" in str(error) and found.argument("download") is not None and not given.get("download"):
        return ("add download=True to fetch it",)
    return ()


# What torchvision makes in the folder of a dataset, when it is not there yet.
UNPACKED: Mapping[str, Callable[[Mapping[str, Any]], tuple[str, ...]]] = {
    "Cityscapes": lambda a: tuple(
        f"{kind}/{a.get('split', 'train')}"
        for kind in ("leftImg8bit", "gtFine" if a.get("mode", "fine") == "fine" else "gtCoarse")
    ),
    "ImageNet": lambda a: ("meta.bin", a.get("split", "train")),
    "INaturalist": lambda a: (a.get("version", "2021_train"),),
    "PhotoTour": lambda a: (f"{a['name']}.pt",),
}


def _refuse_unpacking(call: BoundCall, given: Mapping[str, Any], base: Path) -> None:
    """A spec that one was given must not write anywhere but below its own folder, archives that lie there included."""
    root = Path(given["root"])
    missing = next((n for n in UNPACKED[call.name](given) if not (root / n).exists()), None)
    if missing is not None and not root.resolve().is_relative_to(base.resolve()):
        raise Failure(
            "NNC0814", call.span, f"{call.name} has no {missing} in {root}, and making it would write there",
            notes=("unpack it with torchvision once, or put it below the folder of the spec",),
        )  # fmt: skip


def _read(path: str) -> Any:
    """A file of a `DatasetFolder`: an array, or an image as Pillow has it."""
    if path.lower().endswith(".npy"):
        return read_npy(Path(path))
    from PIL import Image

    with Image.open(ordinary(Path(path))) as image:
        return image.convert("RGB") if image.mode not in ("L", "RGB") else image.copy()


def _rgb(path: str) -> Any:
    """An image as torchvision's own loader reads it: with Pillow. A JPEG is decoded straight into a tensor, which gives the
    same pixels in half the time; Pillow has looked at its size before, and says what is wrong with one that is damaged."""
    from PIL import Image, UnidentifiedImageError

    data = ordinary(Path(path)).read_bytes()
    try:
        opened = Image.open(BytesIO(data))
    except UnidentifiedImageError:  # Pillow would name the buffer, by its address
        raise UnidentifiedImageError("cannot identify image file") from None
    with opened as image:
        decode = _jpeg_decoder()
        if decode is not None and image.format == "JPEG" and image.mode in ("L", "RGB"):
            with suppress(RuntimeError):
                return decode(torch.frombuffer(bytearray(data), dtype=torch.uint8), RGB, False)
        return image.convert("RGB")


@cache
def _jpeg_decoder() -> Callable[..., torch.Tensor] | None:
    """torchvision's, as long as it has one: since 0.29 it says that it will not always."""
    try:
        import torchvision.io  # noqa: F401  # makes the operator known

        found: Callable[..., torch.Tensor] = torch.ops.image.decode_jpeg
    except (ImportError, AttributeError):
        return None
    return found


def _with_channel(patch: torch.Tensor) -> torch.Tensor:
    return patch[None]


def column_tensors(dataset: Any, parts: Mapping[str, str]) -> list[torch.Tensor]:
    """What a dataset keeps in memory: images (N, C, H, W) or frames (N, T, C, H, W), and class numbers (N,)."""
    data = torch.as_tensor(np.asarray(dataset.data))
    channels_first = type(dataset).__name__ in ("STL10", "SVHN", "MovingMNIST")
    columns = [data if channels_first else image_batch(data)]
    if len(parts) > 1:
        labels = torch.as_tensor(np.asarray(dataset.targets if hasattr(dataset, "targets") else dataset.labels))
        columns.append((labels if labels.ndim == 1 else labels[:, 0]).to(torch.int64))  # QMNIST has more than the class
    return columns


def class_names(call: BoundCall, found: CallDef, dataset: Any) -> tuple[str, ...] | None:
    """Names of the classes of the last part, where the dataset knows them."""
    parts = parts_of(found, call.arguments) or DEFAULT_PARTS
    last = list(parts)[-1]
    if last == "attributes":
        return tuple(n for n in dataset.attr_names if n)
    attributes = {"label": ("classes", "categories", "all_categories", "_characters"), "binary_label": ("bin_classes",)}
    if call.name == "LFWPeople":
        return tuple(dataset.class_to_idx)
    for attribute in attributes.get(last, ()):
        names = getattr(dataset, attribute, None)
        if isinstance(names, list | tuple) and names:
            return tuple(str(n[0]) if isinstance(n, tuple) else str(n) for n in names)
    return None
