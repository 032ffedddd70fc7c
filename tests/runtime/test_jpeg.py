"""JPEG files are decoded without Pillow, to the same pixels, and refused where Pillow refuses them."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nnc.runtime.data import vision
from nnc.runtime.data.vision import _rgb, part_tensor


def jpeg(height: int, width: int, mode: str = "RGB", **options: object) -> bytes:
    coarse = np.random.default_rng(height).integers(
        0, 256, (max(1, height // 4), max(1, width // 4), 3), dtype=np.uint8
    )
    buffer = BytesIO()
    Image.fromarray(coarse).resize((width, height)).convert(mode).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def by_pillow(data: bytes) -> torch.Tensor | None:
    try:
        with Image.open(BytesIO(data)) as image:
            return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
    except (OSError, SyntaxError, ValueError):
        return None


def by_us(data: bytes, folder: Path) -> torch.Tensor | None:
    (folder / "image.jpg").write_bytes(data)
    try:
        return part_tensor(_rgb(str(folder / "image.jpg")), "image")
    except (OSError, SyntaxError, ValueError):
        return None


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("quality", [30, 75, 100])
@pytest.mark.parametrize(("height", "width"), [(64, 64), (37, 53), (1, 1), (255, 17)])
def test_the_same_pixels(tmp_path: Path, mode: str, quality: int, height: int, width: int) -> None:
    for subsampling in (0, 1, 2):
        for progressive in (False, True):
            data = jpeg(height, width, mode, quality=quality, subsampling=subsampling, progressive=progressive)
            assert torch.equal(by_us(data, tmp_path), by_pillow(data))


def test_damaged_files(tmp_path: Path) -> None:
    whole = jpeg(80, 96, quality=85)
    random = np.random.default_rng(0)
    outcomes = set()
    for _ in range(60):
        data = bytearray(whole)
        data[int(random.integers(len(data)))] ^= 1 << int(random.integers(8))
        for damaged in (bytes(data), whole[: int(random.integers(2, len(whole)))]):
            ours, theirs = by_us(damaged, tmp_path), by_pillow(damaged)
            assert (ours is None) == (theirs is None)
            assert ours is None or torch.equal(ours, theirs)
            outcomes.add(ours is None)
    assert outcomes == {True, False}


def test_without_torchvision_s_decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = jpeg(40, 30, quality=80)
    assert isinstance(_rgb_of(data, tmp_path), torch.Tensor)
    monkeypatch.setattr(vision, "_jpeg_decoder", lambda: None)
    assert isinstance(_rgb_of(data, tmp_path), Image.Image)
    assert torch.equal(by_us(data, tmp_path), by_pillow(data))


def _rgb_of(data: bytes, folder: Path) -> object:
    (folder / "image.jpg").write_bytes(data)
    return _rgb(str(folder / "image.jpg"))
