"""Data: the same by the batch as item by item, the same in any order and with any number of workers, and bounded for any file."""

from __future__ import annotations

import contextlib
import io
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms import v2

from nnc.compiler.diagnostics import Problems, Source, Span
from nnc.compiler.expr.parser import parse
from nnc.compiler.training.config import BoundCall
from nnc.compiler.training.read.binding import Binder
from nnc.compiler.training.vocabulary import VOCABULARY
from nnc.runtime.data import open_data
from nnc.runtime.data.datasets import Columns, Samples
from nnc.runtime.data.npz import read_npy, read_npz
from nnc.runtime.data.splits import InMemory, Streamed, order_of
from nnc.runtime.data.transforms import Pipeline, build
from nnc.runtime.failure import Failure
from tests.runtime.helpers import DATA, MNIST, TRAIN, read, write_images

CPU = torch.device("cpu")


def call(text: str) -> BoundCall:
    problems = Problems()
    span = Span(Source("spec.yaml", text), 0, len(text))
    expr = parse(text, span, problems)
    bound = expr and Binder(problems).expression(expr, "transform")
    assert bound, [str(p) for p in problems]
    return bound


def pipeline(*texts: str, arrays: bool = False) -> Pipeline:
    return Pipeline([call(t) for t in texts], "image", arrays=arrays)


def colors(count: int = 5, size: int = 9, seed: int = 0) -> torch.Tensor:
    return torch.randint(
        0, 256, (count, 3, size, size + 2), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed)
    )


# -- transforms -----------------------------------------------------------------------------------------------------------------

FIXED = {
    "CenterCrop": ["CenterCrop(5)", "CenterCrop([12, 4])"],
    "Grayscale": ["Grayscale", "Grayscale(3)"],
    "Identity": ["Identity"],
    "Normalize": ["Normalize([0.1, 0.2, 0.3], [0.5, 0.6, 0.7])", "Normalize([0.5], [0.5])"],
    "Pad": ["Pad(2)", 'Pad([1, 2, 3, 4], padding_mode="reflect")', "Pad(1, fill=[9, 8, 7])"],
    "RGB": ["RGB"],
    "Resize": [
        "Resize(5)",
        "Resize([5, 7])",
        'Resize([20, 20], interpolation="nearest")',
        "Resize(5, antialias=False)",
    ],
    "ToDtype": ["ToDtype(float32)", "ToDtype(float32, scale=True)", "ToDtype(int64)"],
    "ToImage": ["ToImage"],
    "ToPureTensor": ["ToPureTensor"],
}
RANDOM = {
    "AugMix": "AugMix",
    "AutoAugment": 'AutoAugment("cifar10")',
    "ColorJitter": "ColorJitter(0.5, 0.5, [0.5, 1.5], 0.1)",
    "ElasticTransform": "ElasticTransform(50.0, 1.0)",
    "GaussianBlur": "GaussianBlur(3)",
    "GaussianNoise": "GaussianNoise(sigma=0.3)",
    "JPEG": "JPEG([20, 60])",
    "RandAugment": "RandAugment",
    "RandomAdjustSharpness": "RandomAdjustSharpness(2.0)",
    "RandomAffine": "RandomAffine(30, translate=[0.1, 0.2], scale=[0.8, 1.2], shear=10)",
    "RandomApply": "RandomApply([RandomHorizontalFlip(1.0), Pad(0)], 0.5)",
    "RandomAutocontrast": "RandomAutocontrast",
    "RandomChannelPermutation": "RandomChannelPermutation",
    "RandomChoice": "RandomChoice([RandomHorizontalFlip, RandomVerticalFlip], p=[0.2, 0.8])",
    "RandomCrop": "RandomCrop(7, padding=2)",
    "RandomEqualize": "RandomEqualize",
    "RandomErasing": "RandomErasing(1.0)",
    "RandomGrayscale": "RandomGrayscale(0.5)",
    "RandomHorizontalFlip": "RandomHorizontalFlip",
    "RandomInvert": "RandomInvert",
    "RandomOrder": "RandomOrder([RandomHorizontalFlip, RandomInvert])",
    "RandomPerspective": "RandomPerspective(0.5, 1.0)",
    "RandomPhotometricDistort": "RandomPhotometricDistort",
    "RandomPosterize": "RandomPosterize(3)",
    "RandomResize": "RandomResize(8, 9)",
    "RandomResizedCrop": "RandomResizedCrop(6)",
    "RandomRotation": "RandomRotation(45)",
    "RandomShortestSize": "RandomShortestSize([8, 8])",
    "RandomSolarize": "RandomSolarize(100)",
    "RandomVerticalFlip": "RandomVerticalFlip",
    "RandomZoomOut": "RandomZoomOut(side_range=[2.0, 2.0], p=1.0)",
    "ScaleJitter": "ScaleJitter([8, 8], [1.5, 1.5])",
    "TrivialAugmentWide": "TrivialAugmentWide",
}


def test_the_tables_above_are_complete() -> None:
    random = {n for n, d in VOCABULARY["transform"].items() if "random" in d.traits}
    assert set(RANDOM) == random
    texts = {n for n, d in VOCABULARY["transform"].items() if "text" in d.traits}
    assert {*FIXED, *texts, "ChannelsBeforeTime", "UniformTemporalSubsample"} == set(VOCABULARY["transform"]) - random


def test_frames() -> None:
    """Of (T, C, H, W), by the batch and item by item; the one is not torchvision's."""
    frames, some = torch.randn(2, 9, 3, 4, 6), pipeline("UniformTemporalSubsample(4)")
    assert torch.equal(some.prepare(frames), torch.stack([v2.UniformTemporalSubsample(4)(x) for x in frames]))
    assert torch.equal(some.item(frames[1], 0), v2.UniformTemporalSubsample(4)(frames[1]))
    frames, line = torch.randn(2, 5, 3, 4, 6), pipeline("ChannelsBeforeTime")
    assert torch.equal(line.prepare(frames), frames.permute(0, 2, 1, 3, 4))
    assert torch.equal(line.item(frames[1], 0), frames[1].permute(1, 0, 2, 3))


@pytest.mark.parametrize("text", [t for texts in FIXED.values() for t in texts])
def test_by_the_batch_is_item_by_item(text: str) -> None:
    """And both are what torchvision makes of the item."""
    images = colors().float() / 255 if text.startswith("Normalize") else colors()
    line, theirs = pipeline(text), build(call(text))
    whole = line.prepare(images)
    assert not line.random
    for image, expected in zip(images, whole, strict=True):
        assert torch.equal(line.item(image, 0), expected)
        assert torch.equal(torch.as_tensor(theirs(image)), expected)


def test_an_array_becomes_an_image_as_in_torchvision() -> None:
    random = np.random.default_rng(0)
    for shape in ((4, 9, 7), (4, 9, 7, 3)):
        arrays = random.integers(0, 255, shape).astype(np.uint8)
        ours = pipeline("ToImage", "ToDtype(float32, scale=True)", arrays=True).prepare(torch.from_numpy(arrays))
        theirs = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
        assert torch.equal(ours, torch.stack([torch.as_tensor(theirs(a)) for a in arrays]))


@pytest.mark.parametrize("text", RANDOM.values(), ids=RANDOM)
def test_a_sample_s_augmentation_depends_on_seed_epoch_and_sample_alone(text: str) -> None:
    images = colors(6, 12)
    if "Noise" in text:
        images = images.float() / 255
    line = pipeline(text)
    torch.manual_seed(0)
    before = torch.get_rng_state()
    together = line.finish(line.prepare(images), line.seeds(7, 2, range(6)))
    torch.rand(3)
    for i in (4, 1, 5):
        alone = line.finish(line.prepare(images[i : i + 1]), line.seeds(7, 2, [i]))
        assert torch.equal(alone[0], together[i])
    torch.set_rng_state(before)
    line.finish(line.prepare(images), line.seeds(7, 2, range(6)))
    assert torch.equal(torch.get_rng_state(), before), "the network's randomness is not touched"


def test_samples_and_epochs_differ() -> None:
    line, image = pipeline("RandomCrop(7, padding=3)"), colors(1, 12)
    same = image.expand(20, -1, -1, -1)
    first = line.finish(same, line.seeds(7, 1, range(20)))
    assert len({x.numpy().tobytes() for x in first}) > 5
    assert not torch.equal(first, line.finish(same, line.seeds(7, 2, range(20))))
    assert not torch.equal(first, line.finish(same, line.seeds(8, 1, range(20))))


def test_what_a_transform_cannot_take_is_said_at_its_place() -> None:
    with pytest.raises(Failure, match=r"spec.yaml:1:1.*Normalize cannot take `image` \[5, 3, 9, 11\] uint8"):
        pipeline("Normalize([0.5], [0.5])").prepare(colors())


def test_different_sizes_are_refused() -> None:
    line = pipeline("RandomRotation(45, expand=True)")
    with pytest.raises(Failure, match="different sizes"):
        line.finish(colors(8, 20), line.seeds(0, 0, range(8)))


# -- splits ---------------------------------------------------------------------------------------------------------------------


def columns(count: int = 10) -> Columns:
    return Columns({"image": colors(count), "label": torch.arange(count)}, None)


def test_room_decides_when_transforms_run_but_not_what_they_give() -> None:
    lines = [pipeline("ToDtype(float32, scale=True)", "Resize(5)", "RandomHorizontalFlip", "Pad(1)")]
    order = order_of(10, 3, 1, shuffle=True)
    results = []
    for room in (0, 1 << 30):
        split = InMemory(columns(), lines, room=room)
        results.append([b["image"] for b in split.batches(order, 4, CPU, seed=3, epoch=1)])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_streamed_and_in_memory_are_the_same() -> None:
    lines = [pipeline("RandomCrop(8, padding=2)", "ToDtype(float32, scale=True)")]
    whole = columns()

    class Items:
        def __len__(self) -> int:
            return 10

        def __getitem__(self, index: int) -> Any:
            return Image.fromarray(whole.fields["image"][index].permute(1, 2, 0).numpy()), index

    indices = torch.tensor([1, 2, 3, 5, 8, 9])
    memory = InMemory(whole, lines, indices)
    order = order_of(6, 5, 2, shuffle=True)
    expected = list(memory.batches(order, 4, CPU, seed=5, epoch=2))
    for workers in (0, 2):
        streamed = Streamed(Samples(Items(), ("image", "label"), None), lines, indices, workers)
        found = list(streamed.batches(order, 4, CPU, seed=5, epoch=2))
        assert all(torch.equal(a[f], b[f]) for a, b in zip(found, expected, strict=True) for f in ("image", "label"))


@given(st.integers(1, 40), st.integers(1, 9), st.integers(0, 6))
def test_from_any_batch_on(count: int, size: int, start: int) -> None:
    split = InMemory(columns(count), ())
    order = order_of(count, 1, 1, shuffle=True)
    whole = [b["label"] for b in split.batches(order, size, CPU)]
    assert torch.equal(torch.cat(whole), order)
    rest = [b["label"] for b in split.batches(order, size, CPU, start=start)]
    assert all(torch.equal(a, b) for a, b in zip(whole[start:], rest, strict=True))


def test_orders_are_permutations_that_differ_by_epoch_and_seed() -> None:
    orders = [order_of(50, seed, epoch, shuffle=True) for seed in (0, 1) for epoch in (1, 2, 3)]
    assert len({tuple(o.tolist()) for o in orders}) == 6
    assert all(sorted(o.tolist()) == list(range(50)) for o in orders)
    assert order_of(50, 0, 1, shuffle=False).tolist() == list(range(50))


def test_validation_is_split_off_by_seed(tmp_path: Path) -> None:
    write_images(tmp_path / "train.npz", 50)

    def parts(text: str) -> tuple[set[int], set[int]]:
        data = open_data(read(text + TRAIN)[0], tmp_path)
        assert isinstance(data.train, InMemory)
        assert isinstance(data.validation, InMemory)
        return set(data.train.indices.tolist()), set(data.validation.indices.tolist())

    train, held = parts(DATA)
    assert len(held) == 12
    assert train | held == set(range(50))
    assert not train & held
    assert parts(DATA) == (train, held)
    assert parts(DATA.replace("validation: 12", "validation: 0.24"))[1] == held
    assert parts(DATA.replace("validation: 12", "validation: 12\n      seed: 1"))[1] != held


def test_too_much_validation_is_refused(tmp_path: Path) -> None:
    write_images(tmp_path / "train.npz", 12)
    with pytest.raises(Failure, match="both parts need some"):
        open_data(read(DATA + TRAIN)[0], tmp_path)


def test_a_broken_image_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "pictures" / "cat"
    folder.mkdir(parents=True)
    for i in range(3):
        Image.new("RGB", (8, 8)).save(folder / f"{i}.png")
    (folder / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    text = "    data: {train: 'ImageFolder(\"pictures\")', workers: 0}\n"
    data = open_data(read(text + TRAIN.replace("metrics: [Accuracy]", ""))[0], tmp_path)
    assert data.train is not None
    assert data.classes == ("cat",)
    with pytest.raises(Failure, match=r"1\.png.*cannot be read"):
        list(data.train.batches(torch.arange(3), 3, CPU))


def test_images_of_different_sizes_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "pictures" / "cat"
    folder.mkdir(parents=True)
    for i in range(3):
        Image.new("RGB", (8 + i, 8)).save(folder / f"{i}.png")
    text = "    data: {train: 'ImageFolder(\"pictures\")', workers: 0}\n"
    data = open_data(read(text + TRAIN)[0], tmp_path)
    assert data.train is not None
    with pytest.raises(Failure, match="different sizes"):
        list(data.train.batches(torch.arange(3), 3, CPU))


def test_a_dataset_that_is_not_there(tmp_path: Path) -> None:
    config, _ = read("    data: {train: 'MNIST(\"nowhere\")'}\n" + TRAIN)
    with pytest.raises(Failure, match="MNIST cannot be opened") as caught:
        open_data(config, tmp_path)
    assert caught.value.diagnostics[0].notes == ("add download=True to fetch it",)


@pytest.mark.skipif(not MNIST.exists(), reason="needs ../shared/data/mnist-10k")
def test_mnist_is_torchvision_s() -> None:
    import torchvision

    config, _ = read(f"    data: {{train: 'MNIST(\"{MNIST}\")', test: 'MNIST(\"{MNIST}\", train=False)'}}\n" + TRAIN)
    data = open_data(config, Path(), ("train", "test"))
    assert data.train is not None
    assert data.test is not None
    assert (len(data.train), len(data.test)) == (8000, 2000)
    theirs = torchvision.datasets.MNIST(MNIST, train=True)
    batch = next(iter(data.train.batches(torch.tensor([0, 4321]), 2, CPU)))
    for i, index in enumerate((0, 4321)):
        image, label = theirs[index]
        assert torch.equal(batch["image"][i], torch.as_tensor(v2.functional.to_image(image)))
        assert batch["label"][i] == label
    assert data.classes is not None
    assert data.classes[7] == "7 - seven"


# -- files --------------------------------------------------------------------------------------------------------------------


def npz(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path


def npy(array: Any) -> bytes:
    content = io.BytesIO()
    np.save(content, array, allow_pickle=True)
    return content.getvalue()


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.uint8).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(6, dtype=">f4"),
        np.array([1, 65535], dtype=np.uint16),
        np.array([1, 2**32 - 1], dtype=np.uint32),
        np.array([True, False]),
        np.array([1 + 2j]),
        np.zeros((0, 3)),
        np.array([1.5, -2], dtype=np.float16),
    ],
    ids=lambda a: f"{a.dtype.str}{a.shape}",
)
def test_arrays_are_read_as_numpy_reads_them(tmp_path: Path, array: Any) -> None:
    (tmp_path / "a.npy").write_bytes(npy(array))
    np.savez_compressed(tmp_path / "a.npz", a=array)
    for found in (read_npz(tmp_path / "a.npz")["a"], read_npy(tmp_path / "a.npy")):
        assert np.array_equal(found.numpy(), array)
        assert found.numpy().flags.writeable


class Canary:
    """Unpickled, it leaves a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def header(shape: str, dtype: str = "<f4") -> bytes:
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


HOSTILE = {
    "not there": None,
    "empty": b"",
    "text": b"hello",
    "a pickle": pickle.dumps([1, 2]),
    "an array alone": npy(np.zeros(3)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_files_that_are_no_npz(tmp_path: Path, name: str) -> None:
    path, content = tmp_path / "a.npz", HOSTILE[name]
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Failure) as caught:
        read_npz(path)
    assert caught.value.code == "NNC0814"
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (npy(np.array([{"a": 1}], dtype=object)), "pickled Python objects"),
        (npy(np.array(["text"])), "tensors hold numbers"),
        (npy(np.array(["2020-01-01"], dtype="M8[D]")), "tensors hold numbers"),
        (npy(np.zeros(3, dtype=[("a", "f4")])), "tensors hold numbers"),
        (header("(1000000000000,)"), "shorter than its header says"),
        (header("(3,)") + b"12345678", "shorter than its header says"),
        (header("(-3,)"), "shorter than its header says|no readable"),
        (header("(2, 0, 4) + __import__('os').system('true')"), "no readable"),
        (header("(3,)", "|O") + pickle.dumps([1]), "pickled Python objects"),
        (b"\x93NUMPY\x09\x00" + b"\x00" * 50, "unknown format|no readable"),
        (b"", "no readable"),
    ],
)
def test_arrays_that_lie(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(Failure, match=message) as caught:
        read_npz(npz(tmp_path / "a.npz", a=content))
    assert caught.value.code == "NNC0814"


def test_a_pickled_array_is_not_opened(tmp_path: Path) -> None:
    canary = tmp_path / "ran"
    path = npz(tmp_path / "a.npz", a=npy(np.array([Canary(canary)], dtype=object)))
    with pytest.raises(Failure, match="pickled Python objects"):
        read_npz(path)
    assert not canary.exists()
    np.load(path, allow_pickle=True)["a"]
    assert canary.exists(), "the canary would have sung"


def test_more_than_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = npz(tmp_path / "a.npz", a=npy(np.zeros(10_000)))
    monkeypatch.setattr("nnc.runtime.data.npz.memory_limit", lambda: 1000)
    with pytest.raises(Failure, match="more than half of this machine's memory"):
        read_npz(path)


def test_unequal_lengths_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "train.npz", image=np.zeros((5, 8, 8)), label=np.zeros(4))
    with pytest.raises(Failure, match="image has 5, label has 4"):
        open_data(read(DATA + TRAIN)[0], tmp_path)


@given(st.data())
def test_damaged_files_are_refused_or_read(data: st.DataObject) -> None:
    """Any damage to an .npz file ends in a `Failure` or in arrays, never in another exception."""
    import tempfile

    content = io.BytesIO()
    np.savez_compressed(content, image=np.arange(300, dtype=np.uint8).reshape(3, 10, 10), label=np.arange(3))
    raw = bytearray(content.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] = data.draw(st.integers(0, 255))
    raw = raw[: data.draw(st.integers(0, len(raw)))] if data.draw(st.booleans()) else raw
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.npz"
        path.write_bytes(raw)
        with contextlib.suppress(Failure):
            read_npz(path)
