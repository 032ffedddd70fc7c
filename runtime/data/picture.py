"""Samples as one picture: images, masks in colors, arrays as curves or heat maps, texts; under each what other fields hold."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from nnc.runtime.data.vocabulary import Vocabulary

__all__ = ["Look", "color_of", "draw_samples", "text_of"]

CELL = 112  # pixels that the longer edge of a panel has at least
MOST = 336  # and at most
GAP = 6
LINE = 13  # height of a line of text
INK, PAPER, CURVE = (30, 30, 30), (255, 255, 255), (31, 119, 180)


@dataclass(frozen=True)
class Look:
    """What is known of the fields: the `kinds` of some, the names of the last one's `classes`, the `vocabularies` of texts."""

    fields: tuple[str, ...]
    kinds: Mapping[str, str] = field(default_factory=dict)
    classes: tuple[str, ...] | None = None
    vocabularies: Mapping[str, Vocabulary] = field(default_factory=dict)


def color_of(index: int) -> tuple[int, int, int]:
    """The color of a class in a mask: black for 0, gray for 255, and for the others hues far apart."""
    if index == 0 or index == 255:
        return (0, 0, 0) if index == 0 else (128, 128, 128)
    import colorsys

    r, g, b = colorsys.hsv_to_rgb(index * 0.61803398875 % 1, 0.65, 0.95)  # the golden ratio spreads them
    return round(r * 255), round(g * 255), round(b * 255)


def text_of(tokens: torch.Tensor, vocabulary: Vocabulary) -> str:
    """Tokens (T,) as a text again: words with spaces between them, characters without; no padding."""
    words = [vocabulary.tokens[i] for i in tokens.tolist() if 0 <= i < len(vocabulary)]
    kept = [w for w in words if w != "<pad>"]
    alone = all(len(t) == 1 for t in vocabulary.ordinary[:100])
    return ("" if alone else " ").join(kept)


def draw_samples(rows: Sequence[Sequence[Mapping[str, torch.Tensor]]], look: Look) -> bytes:
    """A PNG of samples in rows: of each its panels side by side, and its caption. `rows` hold samples by field."""
    from PIL import Image

    cells = [[_cell(sample, look) for sample in row] for row in rows]
    width = max(c.width for row in cells for c in row)
    heights = [max(c.height for c in row) for row in cells]
    columns = max(map(len, cells))
    sheet = Image.new("RGB", (GAP + columns * (width + GAP), GAP + sum(h + GAP for h in heights)), PAPER)
    top = GAP
    for row, height in zip(cells, heights, strict=True):
        for number, cell in enumerate(row):
            sheet.paste(cell, (GAP + number * (width + GAP), top))
        top += height + GAP
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _cell(sample: Mapping[str, torch.Tensor], look: Look) -> Any:
    from PIL import Image, ImageDraw

    panels, words = [], []
    for name in look.fields:
        if name in look.vocabularies:
            panels.append(_text_panel(text_of(sample[name], look.vocabularies[name])))
        elif (panel := _panel(sample[name], look.kinds.get(name))) is not None:
            panels.append(panel)
        else:
            words.append(_said(name, sample[name], look))
    width = max(CELL, sum(p.width for p in panels) + GAP * max(0, len(panels) - 1))
    lines = [line for word in words for line in textwrap.wrap(word, max(8, width // 6))[:2]]
    top = max((p.height for p in panels), default=0)
    cell = Image.new("RGB", (width, top + LINE * len(lines)), PAPER)
    left = 0
    for panel in panels:
        cell.paste(panel, (left, 0))
        left += panel.width + GAP
    pen = ImageDraw.Draw(cell)
    for number, line in enumerate(lines):
        pen.text((0, top + number * LINE), _ascii(line), fill=INK)
    return cell


def _panel(value: torch.Tensor, kind: str | None) -> Any:
    """A field as a picture; None for what a few words say better."""
    if value.is_complex() or value.numel() == 0:
        return None
    if kind == "mask" or (value.ndim == 2 and value.dtype == torch.bool):
        return _mask_panel(value)
    if kind == "frames" or value.ndim == 4:
        value = value[0]
    if value.ndim == 3 and value.shape[0] in (1, 3):
        return _scaled(_gray_range(value).permute(1, 2, 0).expand(-1, -1, 3))
    if value.ndim == 3:
        value = value[0].float() if kind != "flow" else value.float().norm(dim=0)
    if value.ndim == 2 and min(value.shape) > 1:
        return _scaled(_gray_range(value[None]).permute(1, 2, 0).expand(-1, -1, 3))
    flat = value.flatten()
    return _curve(flat) if flat.numel() > 8 else None


def _gray_range(value: torch.Tensor) -> torch.Tensor:
    """Numbers as bytes, from the smallest to the largest."""
    value = torch.nan_to_num(value.float(), posinf=0.0, neginf=0.0)
    low, high = value.min(), value.max()
    return ((value - low) / (high - low).clamp(min=1e-12) * 255).round().to(torch.uint8)


def _mask_panel(mask: torch.Tensor) -> Any:
    flat = mask.reshape(mask.shape[-2:]) if mask.ndim == 3 and mask.shape[0] == 1 else mask
    if flat.ndim != 2:
        return None
    colors = torch.zeros(*flat.shape, 3, dtype=torch.uint8)
    for index in torch.unique(flat.long()).tolist():
        colors[flat.long() == index] = torch.tensor(color_of(index), dtype=torch.uint8)
    return _scaled(colors)


def _scaled(pixels: torch.Tensor) -> Any:
    """(H, W, 3) as a picture: small ones by whole pixels, large ones made smaller."""
    from PIL import Image

    picture = Image.fromarray(pixels.contiguous().numpy())
    longest = max(picture.size)
    if longest > MOST:
        share = MOST / longest
        size = (max(1, round(picture.width * share)), max(1, round(picture.height * share)))
        return picture.resize(size, Image.Resampling.BILINEAR)
    times = math.ceil(CELL / longest)
    return picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)


def _curve(values: torch.Tensor) -> Any:
    """Numbers one after the other (F,), from the smallest to the largest."""
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (CELL * 2, CELL), PAPER)
    numbers = torch.nan_to_num(values.float(), posinf=0.0, neginf=0.0)
    low, high = float(numbers.min()), float(numbers.max())
    step = max(1, len(numbers) // (4 * CELL))
    numbers = numbers[::step]
    xs = torch.linspace(2, 2 * CELL - 3, len(numbers)).tolist()
    ys = (CELL - 3 - (numbers - low) / max(high - low, 1e-12) * (CELL - 6)).tolist()
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 0, 2 * CELL - 1, CELL - 1), outline=(200, 200, 200))
    pen.line(list(zip(xs, ys, strict=True)), fill=CURVE, width=1)
    return picture


def _text_panel(text: str) -> Any:
    from PIL import Image, ImageDraw

    lines = textwrap.wrap(_ascii(text), 36)[:8] or ["(empty)"]
    picture = Image.new("RGB", (CELL * 2, LINE * len(lines) + 4), (245, 245, 245))
    for number, line in enumerate(lines):
        ImageDraw.Draw(picture).text((3, 2 + number * LINE), line, fill=INK)
    return picture


def _said(name: str, value: torch.Tensor, look: Look) -> str:
    """A few numbers in words: the class by its name, labels that are set, else the numbers."""
    last, names = name == look.fields[-1], look.classes or ()
    if value.ndim == 0 and not value.is_floating_point() and not value.is_complex():
        number = int(value)
        return names[number] if last and 0 <= number < len(names) else f"{name} {number}"
    if value.ndim == 1 and last and len(names) == len(value):
        return ", ".join(n for n, v in zip(names, value.tolist(), strict=True) if v) or "none"
    numbers = [value.item()] if value.ndim == 0 else value.flatten()[:8].tolist()
    return f"{name} " + ", ".join(f"{n:.4g}" if isinstance(n, float) else str(n) for n in numbers)


def _ascii(text: str) -> str:
    """Pillow's own letters are Latin ones: others become question marks."""
    return "".join(c if c.isprintable() and ord(c) < 256 else "?" for c in text)
