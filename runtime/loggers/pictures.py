"""What a network makes of some samples, as one picture: images with the class that they were taken for, or beside the image
that came out."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from nnc.compiler.training.config import TrainConfig
from nnc.compiler.training.vocabulary import VOCABULARY
from nnc.runtime.plots.figure import drawing, label, render
from nnc.runtime.training.loss import named_outputs

__all__ = ["Guesses", "grid_of", "guesses_of", "image_field", "picture_of"]

COLUMNS = 8
RIGHT, WRONG = "#1a7f37", "#cf222e"
Pixels = npt.NDArray[np.uint8]


def image_field(batch: Mapping[str, Any], inputs: Sequence[str]) -> str | None:
    """The first of the network's inputs that holds images (N, C, H, W) of one or three channels."""
    return next((f for f in inputs if _shows(batch.get(f))), None)


def _shows(tensor: Any) -> bool:
    return (
        isinstance(tensor, torch.Tensor) and tensor.ndim == 4 and tensor.shape[1] in (1, 3) and not tensor.is_complex()
    )


def grid_of(images: torch.Tensor) -> Pixels:
    """Images (N, C, H, W), each spread over all grays, as one (H, W, 3)."""
    from torchvision.utils import make_grid

    spread = make_grid(images.detach().float().cpu(), nrow=COLUMNS, normalize=True, scale_each=True, pad_value=1.0)
    pixels: Pixels = spread.mul(255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    return pixels


@dataclass(frozen=True)
class Guesses:
    """`images` (N, C, H, W) that went in; `words` and whether each is right, of networks that name a class; else `rows` of
    images that belong to them, by name: what came out, and what was wanted."""

    images: torch.Tensor
    words: tuple[tuple[str, bool], ...] = ()
    rows: Mapping[str, torch.Tensor] | None = None


def guesses_of(
    config: TrainConfig, outputs: Any, names: Sequence[str], batch: Mapping[str, torch.Tensor], field: str,
    classes: Sequence[str] | None,
) -> Guesses | None:  # fmt: skip
    """What the loss compares, where that can be shown."""
    named, first = named_outputs(outputs, names), config.loss.first
    images = batch[field]
    source = first.source[:2] if first is not None else (names[0],)
    made = named.get(source[0])
    wanted = batch.get(source[1]) if len(source) > 1 else None
    traits: frozenset[str] = VOCABULARY["loss"][first.call.name].traits if first is not None else frozenset()
    if made is None:
        return None
    if "classes" in traits and wanted is not None and made.ndim == 2 and wanted.ndim == 1:
        return Guesses(images, _words(made.argmax(1), wanted, classes))
    if "binary_logits" in traits and wanted is not None and made.numel() == wanted.numel() == len(images):
        return Guesses(images, _words((made.reshape(-1) > 0).long(), wanted.reshape(-1).round().long(), classes))
    if made.ndim != 4:
        return None
    if _shows(made):
        rows = {"out": made}
    else:
        rows = {"out": _colored(made.argmax(1), made.shape[1])}
        if wanted is not None and wanted.ndim == 3:
            rows["wanted"] = _colored(wanted, made.shape[1])
    return Guesses(images, rows=rows)


def _words(guess: torch.Tensor, wanted: torch.Tensor, classes: Sequence[str] | None) -> tuple[tuple[str, bool], ...]:
    def name(number: int) -> str:
        return classes[number] if classes is not None and 0 <= number < len(classes) else str(number)

    pairs = zip(guess.tolist(), wanted.tolist(), strict=True)
    return tuple((name(g) if g == w else f"{name(g)}, is {name(w)}", g == w) for g, w in pairs)


def _colored(numbers: torch.Tensor, count: int) -> torch.Tensor:
    """Class numbers (N, H, W) as grays (N, 1, H, W)."""
    return (numbers.float().clamp(0, count - 1) / max(count - 1, 1)).unsqueeze(1)


def picture_of(guesses: Guesses) -> Pixels:
    """As one picture (H, W, 3)."""
    from matplotlib.figure import Figure
    from PIL import Image

    kinds = {"in": guesses.images, **(guesses.rows or {})}
    count = len(guesses.images)
    columns = min(count, COLUMNS)
    blocks = -(-count // columns)
    with drawing():
        figure = Figure(figsize=(1.3 * columns, 1.5 * blocks * len(kinds)), layout="constrained")
        grid = figure.subplots(blocks * len(kinds), columns, squeeze=False)
        for axes in grid.flat:
            axes.axis("off")
        for order, (kind, images) in enumerate(kinds.items()):
            for i in range(count):
                axes = grid[i // columns * len(kinds) + order][i % columns]
                _show(axes, images[i])
                if guesses.words:
                    word, right = guesses.words[i]
                    axes.set_title(label(word, 18), fontsize=8, fontweight="normal", color=RIGHT if right else WRONG)
                elif len(kinds) > 1 and i % columns == 0:
                    axes.set_title(kind, fontsize=8, fontweight="normal", loc="left")
        content = render(figure, "png")
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def _show(axes: Any, image: torch.Tensor) -> None:
    """One image (C, H, W), spread over all grays."""
    values = image.detach().float().cpu().nan_to_num()
    low, high = float(values.min()), float(values.max())
    spread = ((values - low) / max(high - low, 1e-12)).permute(1, 2, 0).numpy()
    axes.imshow(spread[:, :, 0] if spread.shape[2] == 1 else spread, cmap="gray", vmin=0, vmax=1)
