"""Joint transforms: one draw for several fields, as torchvision's tv_tensors have it; the same by the batch, item by item, in any
order and with any number of workers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import tv_tensors
from torchvision.transforms import v2

from nnc.compiler.training.vocabulary import VOCABULARY
from nnc.runtime.data import open_data
from nnc.runtime.data.datasets import Columns, Samples
from nnc.runtime.data.splits import InMemory, Streamed, order_of
from nnc.runtime.data.transforms import Chain, build, chains_of
from nnc.runtime.data.vision import VisionSamples
from nnc.runtime.failure import Failure
from nnc.runtime.training.seed import derive
from tests.runtime.test_data import RANDOM, call, colors
from tests.runtime.test_torchvision_datasets import config_of, voc

CPU = torch.device("cpu")
KINDS = {"image": "image", "mask": "mask"}
BOTH = ("image", "mask")
JOINT = {
    n: t
    for n, t in RANDOM.items()
    if "alone" not in VOCABULARY["transform"][n].traits and "Noise" not in n and n not in ("JPEG", "RandomErasing")
}


def masks(count: int = 6, size: int = 12, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 21, (count, size, size + 2), generator=torch.Generator().manual_seed(seed)).to(torch.uint8)


def joint(*texts: str) -> Chain:
    return Chain([(BOTH, call(t)) for t in texts], KINDS)


def by_torchvision(texts: list[str], image: torch.Tensor, mask: torch.Tensor, seed: int) -> tuple[Any, Any]:
    """What torchvision's transforms make of a pair."""
    torch.manual_seed(seed)
    pair = tv_tensors.Image(image), tv_tensors.Mask(mask)
    for text in texts:
        pair = build(call(text))(*pair)
    return torch.as_tensor(pair[0]), torch.as_tensor(pair[1]).to(torch.int64)


@pytest.mark.parametrize("text", JOINT.values(), ids=JOINT)
@pytest.mark.filterwarnings("ignore")
def test_both_get_the_draw_that_torchvision_gives_them(text: str) -> None:
    images, targets = colors(4, 12), masks(4)
    chain = joint(text)
    seeds = chain.seeds(7, 2, range(4))
    assert seeds == [derive(7, "augment", 2, i, "image, mask") for i in range(4)]
    found = chain.finished({"image": images, "mask": targets}, seeds)
    for i, seed in enumerate(seeds):
        image, mask = by_torchvision([text], images[i], targets[i], seed)
        assert torch.equal(found["image"][i], image)
        assert torch.equal(found["mask"][i], mask)
    assert found["mask"].dtype == torch.int64
    assert set(found["mask"].unique().tolist()) <= set(range(21)), "no class between two others"


FIXED = ["Resize([5, 7])", "CenterCrop(5)", "CenterCrop([20, 4])", "Pad(2)", 'Pad([1, 2, 3, 4], padding_mode="reflect")',
         "Grayscale", "RGB", "ToImage", "ToDtype(float32, scale=True)"]  # fmt: skip


@pytest.mark.parametrize("text", FIXED)
def test_by_the_batch_is_item_by_item(text: str) -> None:
    images, targets = colors(4, 12), masks(4)
    chain = joint(text)
    assert not chain.random
    whole = {f: chain.prepared(f, x) for f, x in {"image": images, "mask": targets}.items()}
    for i in range(4):
        image, mask = by_torchvision([text], images[i], targets[i], 0)
        alone = chain.apply({"image": images[i], "mask": targets[i]}, 0)
        for found in (alone, {f: x[i] for f, x in whole.items()}):
            assert torch.equal(found["image"], image)
            assert torch.equal(found["mask"], mask)


def test_flips_go_together_and_colors_do_not() -> None:
    """An image whose red is its mask: they agree after any augmentation that moves pixels."""
    targets = masks(20)
    images = targets[:, None].expand(-1, 3, -1, -1).contiguous()
    chain = Chain(
        [(BOTH, call("RandomHorizontalFlip")), (BOTH, call("RandomCrop(8)")), (("image",), call("RandomInvert(0.5)"))],
        KINDS,
    )
    found = chain.finished({"image": images, "mask": targets}, chain.seeds(0, 1, range(20)))
    red, inverted = found["image"][:, 0].long(), 255 - found["image"][:, 0].long()
    same = [torch.equal(r, m) or torch.equal(i, m) for r, i, m in zip(red, inverted, found["mask"], strict=True)]
    assert all(same)
    assert 0 < sum(torch.equal(r, m) for r, m in zip(red, found["mask"], strict=True)) < 20, (
        "some were inverted, some not"
    )


def test_what_is_filled_in_by_kind() -> None:
    chain = Chain([(BOTH, call("RandomCrop(20, padding=8, fill={'image': 7, 'mask': 255})"))], KINDS)
    found = chain.finished({"image": torch.zeros(3, 3, 4, 4), "mask": torch.zeros(3, 4, 4)}, [1, 2, 3])
    assert set(found["image"].unique().tolist()) == {0, 7}
    assert set(found["mask"].unique().tolist()) == {0, 255}


def test_a_list_of_its_own_for_a_mask() -> None:
    """The nearest pixel for `Resize`; `ToDtype` is for its numbers, and `ToImage` gives it a channel."""
    mask = masks(2)
    chain = Chain([(("mask",), call(t)) for t in ("Resize([5, 5])", "ToImage", "ToDtype(float32)")], KINDS)
    found = chain.prepared("mask", mask)
    assert found.shape == (2, 1, 5, 5)
    assert found.dtype == torch.float32
    expected = v2.functional.resize(tv_tensors.Mask(mask), [5, 5])
    assert torch.equal(found[:, 0], torch.as_tensor(expected).float())


def test_a_flow_is_cut_with_its_images() -> None:
    flow = torch.arange(2 * 12 * 14, dtype=torch.float32).reshape(1, 2, 12, 14)
    chain = Chain([(("image", "flow"), call("RandomCrop(6)"))], {"image": "image", "flow": "flow"})
    found = chain.finished({"image": flow, "flow": flow}, [5])
    assert torch.equal(found["image"], found["flow"])
    assert found["flow"].shape == (1, 2, 6, 6)


def test_sizes_that_differ_are_said_at_the_place() -> None:
    with pytest.raises(
        Failure, match=r"spec.yaml:1:1.*RandomCrop cannot take `image` \[3, 12, 14\] uint8 and `mask` \[9, 11\]"
    ):
        joint("RandomCrop(5)").finished({"image": colors(1, 12), "mask": masks(1, 9)}, [0])


def test_stages_go_in_the_order_of_the_file() -> None:
    config = config_of(
        """
        train: VOCSegmentation('d')
        transforms:
          image: ["ToDtype(float32, scale=True)"]
          image, mask: {train: [RandomHorizontalFlip(1.0)], eval: []}
          mask: [ToImage]
        """
    )
    (chain,) = chains_of(config.stages, config.kinds, "train")
    assert chain.fields == BOTH
    image, mask = colors(1, 12), masks(1)
    ready = {f: chain.prepared(f, x) for f, x in {"image": image, "mask": mask}.items()}
    found = chain.finished(ready, [0])
    assert torch.equal(found["image"], v2.functional.to_dtype(image, torch.float32, scale=True).flip(-1))
    assert torch.equal(found["mask"], mask.long().flip(-1)[:, None])


def test_streamed_and_in_memory_are_the_same() -> None:
    images, targets = colors(10, 12), masks(10)
    chains = [Chain([(BOTH, call(t)) for t in ("RandomResizedCrop(8)", "RandomHorizontalFlip")], KINDS)]

    class Items:
        def __len__(self) -> int:
            return 10

        def __getitem__(self, index: int) -> Any:
            return Image.fromarray(images[index].permute(1, 2, 0).numpy()), Image.fromarray(targets[index].numpy())

    indices = torch.tensor([1, 2, 3, 5, 8, 9])
    order = order_of(6, 5, 2, shuffle=True)
    memory = InMemory(Columns({"image": images, "mask": targets}, None), chains, indices)
    expected = list(memory.batches(order, 4, CPU, seed=5, epoch=2))
    samples = Samples(VisionSamples(Items(), KINDS, own_labels=False), BOTH, None)
    for workers in (0, 2):
        found = list(Streamed(samples, chains, indices, workers).batches(order, 4, CPU, seed=5, epoch=2))
        assert all(torch.equal(a[f], b[f]) for a, b in zip(found, expected, strict=True) for f in BOTH)


def test_processes_that_are_no_forks_get_the_same() -> None:
    import pickle

    chain = joint("RandomResizedCrop(8)", "RandomHorizontalFlip", "Resize([5, 5])")
    again: Chain = pickle.loads(pickle.dumps(chain))  # noqa: S301  # our own bytes
    batch, seeds = {"image": colors(3, 12), "mask": masks(3)}, chain.seeds(1, 1, range(3))
    assert again.seeds(1, 1, range(3)) == seeds
    for field, whole in chain.finished(batch, seeds).items():
        assert torch.equal(again.finished(batch, seeds)[field], whole)


def test_arrays_of_ones_own(tmp_path: Path) -> None:
    """Images (N, H, W, C) and masks (N, H, W) of an .npz, told apart by `fields:`."""
    random = np.random.default_rng(0)
    images, truth = (
        random.integers(0, 256, (6, 9, 11, 3)).astype(np.uint8),
        random.integers(0, 5, (6, 9, 11)).astype(np.uint8),
    )
    np.savez(tmp_path / "cells.npz", photo=images, truth=truth)
    config = config_of(
        """
        fields: {photo: image, truth: mask}
        train: Npz("cells.npz")
        transforms:
          photo, truth:
            train: [ToImage, RandomVerticalFlip(1.0), "Resize([5, 6])"]
            eval: [ToImage, "Resize([5, 6])"]
        """
    )
    train = open_data(config, tmp_path, ("train",)).train
    assert train is not None
    batch = next(iter(train.batches(torch.arange(6), 6, CPU)))
    resize = v2.Resize([5, 6])
    photo = resize(torch.from_numpy(images[:, ::-1].copy()).permute(0, 3, 1, 2))
    assert torch.equal(batch["photo"], photo)
    assert torch.equal(
        batch["truth"], torch.as_tensor(resize(tv_tensors.Mask(torch.from_numpy(truth[:, ::-1].copy())))).long()
    )


def test_masks_that_a_table_names(tmp_path: Path) -> None:
    """A mask in a palette's colors is numbers of classes, and an image is what Pillow shows."""
    picture = Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4), "P")
    picture.putpalette([255 - i % 256 for i in range(768)])
    for name in ("a.png", "b.png"):
        picture.save(tmp_path / name)
    (tmp_path / "t.csv").write_text("photo,truth\na.png,b.png\n")
    config = config_of(
        """
        fields: {photo: image, truth: mask}
        train: Csv("t.csv", images=["photo", "truth"])
        transforms: {"photo, truth": {train: [RandomHorizontalFlip(1.0)], eval: []}}
        workers: 0
        """
    )
    train = open_data(config, tmp_path, ("train",)).train
    assert train is not None
    (batch,) = train.batches(torch.arange(1), 1, CPU)
    assert batch["truth"].tolist() == [[[3, 2, 1, 0], [7, 6, 5, 4], [11, 10, 9, 8]]]
    assert batch["photo"].shape == (1, 3, 3, 4)


def test_masks_of_arrays_with_a_channel() -> None:
    mask = masks(3)
    both = Chain([(BOTH, call("ToImage"))], KINDS, arrays=True)
    assert torch.equal(both.prepared("mask", mask[..., None]), mask.long())
    alone = Chain([(("mask",), call("ToImage"))], KINDS, arrays=True)
    assert torch.equal(alone.prepared("mask", mask[..., None]), mask.long()[:, None])
    assert torch.equal(alone.prepared("mask", mask), mask.long()[:, None])


def test_classes_of_pixels_are_counted(tmp_path: Path) -> None:
    """For `weight: balanced`: masks of any sizes, without what does not count."""
    from nnc.compiler.training.vocabulary.losses import BALANCED
    from nnc.runtime.training.balance import balance
    from tests.runtime.helpers import TRAIN, read

    voc(tmp_path / "data")
    small = Image.fromarray(np.full((3, 4), 20, dtype=np.uint8))
    small.save(tmp_path / "data" / "VOCdevkit" / "VOC2012" / "SegmentationClass" / "b.png")
    loss = f'loss: CrossEntropyLoss(weight="{BALANCED}", ignore_index=255)'
    text = "    data: {train: 'VOCSegmentation(\"data\")', workers: 0}\n" + TRAIN.replace(
        "loss: CrossEntropyLoss", loss
    )
    data, train = read(text.replace("metrics: [Accuracy]", ""))
    split = open_data(data, tmp_path, ("train",)).train
    assert split is not None
    weights = balance(train, split, {"output": 21})["loss.weight"]
    folder = tmp_path / "data" / "VOCdevkit" / "VOC2012" / "SegmentationClass"
    pixels = np.concatenate([np.asarray(Image.open(folder / f"{n}.png")).ravel() for n in "ab"])
    pixels = pixels[pixels != 255]
    for number in (0, 3, 20):
        assert weights[number] == pytest.approx(len(pixels) / (21 * (pixels == number).sum()))
    assert weights[1] == 1


def test_voc_is_trained_on(tmp_path: Path) -> None:
    """From the files to the loss: masks are class numbers, 255 does not count."""
    from nnc.runtime.commands import run_training

    voc(tmp_path / "data")
    spec = tmp_path / "voc.yaml"
    spec.write_text(
        """
nnc: 1
name: voc
inputs: {image: [B, 3, H, W]}
layers: ["Conv2d(21, 1)"]
data:
  train: VOCSegmentation("data")
  test: VOCSegmentation("data")
  workers: 0
  transforms:
    image, mask:
      train:
        - {type: RandomCrop, size: 8, pad_if_needed: true, fill: {image: 0, mask: 255}}
        - RandomHorizontalFlip
      eval: []
    image: ["ToDtype(float32, scale=True)"]
train:
  loss: CrossEntropyLoss(ignore_index=255)
  optimizer: SGD(lr=0.1)
  epochs: 1
""",
        encoding="utf-8",
    )
    trained = run_training(spec, folder=tmp_path / "run", device="cpu")
    assert 0 < trained.result.quantities["train.loss"] < 10
