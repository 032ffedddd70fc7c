"""torchvision's datasets from tiny folders in their own formats: samples are those of torchvision, as tensors."""

from __future__ import annotations

import struct
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from torchvision.transforms.v2 import functional as F

from nnc.compiler.diagnostics import Problems
from nnc.compiler.source import read_text
from nnc.compiler.training.config import DataConfig
from nnc.compiler.training.read.data import read_data
from nnc.runtime.data import Data, open_data
from nnc.runtime.failure import Failure

RANDOM = np.random.default_rng(0)
CPU = torch.device("cpu")


def config_of(text: str) -> DataConfig:
    problems = Problems()
    tree = read_text(textwrap.dedent(text), "spec.yaml", problems)
    assert tree is not None
    config = read_data(tree, problems)
    assert not problems.found, [str(p) for p in problems]
    assert config is not None
    return config


def opened(call: str, base: Path) -> tuple[Data, dict[str, torch.Tensor]]:
    """The data and all of its samples, by field."""
    data = open_data(config_of(f'train: "{call}"\nworkers: 0'), base, ("train",))
    assert data.train is not None
    count = len(data.train)
    return data, dict(next(iter(data.train.batches(torch.arange(count), count, CPU))))


def picture(path: Path, mode: str = "RGB", size: tuple[int, int] = (9, 7), high: int = 256) -> None:
    """A random image; `size` is (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (size[1], size[0], 3) if mode == "RGB" else (size[1], size[0])
    Image.fromarray(RANDOM.integers(0, high, shape).astype(np.uint8)).convert(mode).save(path)


def write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def ubyte(path: Path, array: Any, code: int = 8) -> None:
    """A file of MNIST's format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(head + array.tobytes())


# -- the formats -------------------------------------------------------------------------------------------------------


def voc(root: Path) -> None:
    folder = root / "VOCdevkit" / "VOC2012"
    write(folder / "ImageSets" / "Segmentation" / "train.txt", "a\nb\n")
    for name in "ab":
        picture(folder / "JPEGImages" / f"{name}.jpg")
        mask = Image.fromarray(RANDOM.choice([0, 3, 20, 255], (7, 9)).astype(np.uint8), "P")
        mask.putpalette([i % 256 for i in range(768)])
        (folder / "SegmentationClass").mkdir(exist_ok=True)
        mask.save(folder / "SegmentationClass" / f"{name}.png")


def pets(root: Path) -> None:
    folder = root / "oxford-iiit-pet"
    write(folder / "annotations" / "trainval.txt", "Abyssinian_1 1 1 1\nbeagle_2 2 2 1\n")
    for name in ("Abyssinian_1", "beagle_2"):
        picture(folder / "images" / f"{name}.jpg")
        picture(folder / "annotations" / "trimaps" / f"{name}.png", "L", high=4)


def boundaries(root: Path) -> None:
    from scipy.io import savemat
    from scipy.sparse import csc_matrix

    write(root / "train.txt", "a\n")
    picture(root / "img" / "a.jpg")
    (root / "cls").mkdir()
    edges = np.empty((20, 1), dtype=object)
    for i in range(20):
        edges[i, 0] = csc_matrix(RANDOM.integers(0, 2, (7, 9)).astype(np.float64))
    segmentation = RANDOM.integers(0, 21, (7, 9)).astype(np.uint8)
    savemat(root / "cls" / "a.mat", {"GTcls": {"Segmentation": segmentation, "Boundaries": edges}})


def streets(root: Path) -> None:
    for name in ("x_000000_000019", "x_000001_000019"):
        picture(root / "leftImg8bit" / "train" / "x" / f"{name}_leftImg8bit.png")
        target = root / "gtFine" / "train" / "x"
        picture(target / f"{name}_gtFine_labelIds.png", "L", high=34)
        Image.fromarray(RANDOM.integers(0, 30000, (7, 9)).astype(np.uint16)).save(
            target / f"{name}_gtFine_instanceIds.png"
        )
        picture(target / f"{name}_gtFine_color.png")


def flow(root: Path) -> None:
    for split in ("training", "testing"):
        for end in ("10", "11"):
            picture(root / "KittiFlow" / split / "image_2" / f"000000_{end}.png")
    target = root / "KittiFlow" / "training" / "flow_occ" / "000000_10.png"
    target.parent.mkdir(parents=True)
    torchvision.io.write_file(str(target), png16(RANDOM.integers(0, 2**16, (7, 9, 3)).astype(np.uint16)))


def png16(array: Any) -> torch.Tensor:
    """A PNG of 16 bits and three channels, which Pillow does not write."""
    import zlib

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width, _ = array.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    head = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)


def chairs(root: Path) -> None:
    folder = root / "FlyingChairs"
    write(folder / "FlyingChairs_train_val.txt", "1\n2\n")
    for number in ("00001", "00002"):
        for which in ("img1", "img2"):
            picture(folder / "data" / f"{number}_{which}.ppm")
        values = RANDOM.normal(size=(7, 9, 2)).astype(np.float32)
        head = struct.pack("<fii", 202021.25, 9, 7)
        (folder / "data" / f"{number}_flow.flo").write_bytes(head + values.tobytes())


def carla(root: Path) -> None:
    for scene in ("s1", "s2"):
        folder = root / "carla-highres" / "trainingF" / scene
        for side in "01":
            picture(folder / f"im{side}.png")
            values = RANDOM.random((7, 9)).astype(np.float32)
            (folder / f"disp{side}GT.pfm").write_bytes(b"Pf\n9 7\n-1.0\n" + values.tobytes())


def kitti_stereo(root: Path) -> None:
    for folder in ("image_2", "image_3", "disp_occ_0", "disp_occ_1"):
        path = root / "Kitti2015" / "training" / folder / "000000_10.png"
        picture(path)
        if folder.startswith("disp"):
            Image.fromarray(RANDOM.integers(0, 2**16, (7, 9)).astype(np.uint16)).save(path)


def moving(root: Path) -> None:
    (root / "MovingMNIST").mkdir(parents=True)
    np.save(root / "MovingMNIST" / "mnist_test_seq.npy", RANDOM.integers(0, 256, (20, 3, 64, 64)).astype(np.uint8))


def mnist(name: str) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        raw = root / name / "raw"
        digits, numbers = RANDOM.integers(0, 256, (4, 28, 28)).astype(np.uint8), np.arange(4, dtype=np.uint8)
        if name == "QMNIST":
            ubyte(raw / "qmnist-train-images-idx3-ubyte", digits)
            ubyte(raw / "qmnist-train-labels-idx2-int", np.arange(32).reshape(4, 8).astype(">i4"), 12)
            return
        stem = "emnist-letters-" if name == "EMNIST" else ""
        for part in (f"{stem}train", f"{stem}test" if stem else "t10k"):
            ubyte(raw / f"{part}-images-idx3-ubyte", digits)
            ubyte(raw / f"{part}-labels-idx1-ubyte", numbers)

    return make


def semeion(root: Path) -> None:
    rows = np.concatenate([RANDOM.integers(0, 2, (5, 256)), np.eye(10)[[3, 1, 4, 1, 5]]], 1)
    root.mkdir(parents=True)
    np.savetxt(root / "semeion.data", rows)


def svhn(root: Path) -> None:
    from scipy.io import savemat

    root.mkdir(parents=True)
    images = RANDOM.integers(0, 256, (32, 32, 3, 4)).astype(np.uint8)
    savemat(root / "train_32x32.mat", {"X": images, "y": np.array([[1], [10], [3], [9]])})


def stl(root: Path) -> None:
    folder = root / "stl10_binary"
    folder.mkdir(parents=True)
    (folder / "train_X.bin").write_bytes(RANDOM.integers(0, 256, 2 * 3 * 96 * 96).astype(np.uint8).tobytes())
    (folder / "train_y.bin").write_bytes(bytes([1, 10]))
    (folder / "class_names.txt").write_text("\n".join(f"c{i}" for i in range(10)))


def celebrities(root: Path) -> None:
    folder = root / "celeba"
    for name in ("1.jpg", "2.jpg"):
        picture(folder / "img_align_celeba" / name)
    write(folder / "list_eval_partition.txt", "1.jpg 0\n2.jpg 0\n")
    write(folder / "identity_CelebA.txt", "1.jpg 7\n2.jpg 9\n")
    for name, columns in (("bbox", 4), ("landmarks_align", 10), ("attr", 40)):
        values = [" ".join(str(v) for v in RANDOM.choice([-1, 1], columns)) for _ in range(2)]
        head = " ".join(f"n{i}" for i in range(columns))
        write(folder / f"list_{name}_celeba.txt", f"2\n{head} \n1.jpg {values[0]}\n2.jpg {values[1]}\n")


def faces(root: Path) -> None:
    folder = root / "lfw-py"
    for name, number in (("Ann", 1), ("Ann", 2), ("Bo", 1)):
        picture(folder / "lfw_funneled" / name / f"{name}_{number:04d}.jpg")
    write(folder / "lfw-names.txt", "Ann\t2\nBo\t1\n")
    write(folder / "peopleDevTrain.txt", "2\nAnn\t2\nBo\t1\n")
    write(folder / "pairsDevTrain.txt", "1\nAnn\t1\t2\nAnn\t1\tBo\t1\n")


def characters(root: Path) -> None:
    for character in ("c1", "c2"):
        picture(root / "omniglot-py" / "images_background" / "Greek" / character / "1.png", "1")


def species(root: Path) -> None:
    for number, genus in enumerate(("a", "b")):
        picture(root / "2021_valid" / f"{number:05d}_k_p_c_o_f_{genus}_s" / "1.jpg")


def folders(root: Path) -> None:
    for name in ("cat", "dog"):
        picture(root / name / "1.png")


def spectra(root: Path) -> None:
    for name in ("cat", "dog"):
        (root / name).mkdir(parents=True)
        np.save(root / name / "1.npy", RANDOM.normal(size=(5, 3)).astype(np.float32))


def textures(root: Path) -> None:
    picture(root / "dtd" / "dtd" / "images" / "dotted" / "d_1.jpg")
    write(root / "dtd" / "dtd" / "labels" / "train1.txt", "dotted/d_1.jpg\n")


FOLDERS: dict[str, Callable[[Path], None]] = {
    "VOCSegmentation('{}')": voc,
    "OxfordIIITPet('{}')": pets,
    "OxfordIIITPet('{}', target_types='binary-category')": pets,
    "OxfordIIITPet('{}', target_types=['category', 'segmentation'])": pets,
    "SBDataset('{}')": boundaries,
    "SBDataset('{}', mode='segmentation')": boundaries,
    "Cityscapes('{}', target_type='semantic')": streets,
    "Cityscapes('{}', target_type=['instance', 'color'])": streets,
    "KittiFlow('{}')": flow,
    "KittiFlow('{}', split='test')": flow,
    "FlyingChairs('{}')": chairs,
    "CarlaStereo('{}')": carla,
    "Kitti2015Stereo('{}')": kitti_stereo,
    "MovingMNIST('{}')": moving,
    "MovingMNIST('{}', split='test', split_ratio=15)": moving,
    "MNIST('{}')": mnist("MNIST"),
    "KMNIST('{}')": mnist("KMNIST"),
    "QMNIST('{}')": mnist("QMNIST"),
    "EMNIST('{}', 'letters')": mnist("EMNIST"),
    "SEMEION('{}')": semeion,
    "SVHN('{}')": svhn,
    "STL10('{}')": stl,
    "CelebA('{}')": celebrities,
    "CelebA('{}', target_type=['identity', 'landmarks'])": celebrities,
    "LFWPeople('{}', split='train')": faces,
    "LFWPairs('{}', split='train')": faces,
    "Omniglot('{}')": characters,
    "INaturalist('{}', '2021_valid', ['full', 'genus'])": species,
    "ImageFolder('{}')": folders,
    "DatasetFolder('{}', extensions=['.npy'])": spectra,
    "DTD('{}')": textures,
    "FakeData(3, [3, 8, 6])": lambda root: None,
}


@pytest.fixture(autouse=True)
def accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The digests that torchvision knows are those of the real files."""
    for name in ("celeba", "fer2013", "lfw", "omniglot", "semeion", "stl10", "svhn"):
        monkeypatch.setattr(getattr(torchvision.datasets, name), "check_integrity", lambda *_, **__: True)


def expected(sample: Any) -> list[torch.Tensor]:
    """A sample of torchvision as tensors, by torchvision's own functions."""
    parts = (
        [p for v in sample for p in (v if isinstance(v, tuple) else (v,))] if isinstance(sample, tuple) else [sample]
    )
    found = []
    for part in parts:
        if part is None:
            continue
        if isinstance(part, Image.Image) and (part.mode == "RGB" or (part.mode == "L" and not found)):
            found.append(F.pil_to_tensor(part))
        elif isinstance(part, Image.Image):
            mask = torch.from_numpy(np.array(part).astype(np.int64))
            found.append(mask.to(torch.uint8)[None] if part.mode == "1" else mask)
        elif isinstance(part, np.ndarray):
            found.append(torch.from_numpy(part.astype(np.float32 if part.dtype == np.float64 else part.dtype)))
        else:
            found.append(torch.as_tensor(part))
    return found


@pytest.mark.parametrize("call", FOLDERS, ids=lambda c: c.replace("'{}'", "").replace("'", ""))
def test_samples_are_torchvision_s(call: str, tmp_path: Path) -> None:
    FOLDERS[call](tmp_path / "data")
    _, found = opened(call.format("data"), tmp_path)
    theirs = made_by_torchvision(call, tmp_path / "data")
    for i in range(len(theirs)):
        sample = expected(theirs[i])
        assert len(sample) == len(found)
        for field, (name, column) in zip(sample, found.items(), strict=True):
            assert torch.equal(column[i], field), (name, column[i].dtype, field.dtype)
            assert column.dtype == field.dtype, name


def made_by_torchvision(call: str, root: Path) -> Any:
    import ast

    from nnc.runtime.data.npz import read_npy

    tree = ast.parse(call.format(root), mode="eval").body
    assert isinstance(tree, ast.Call)
    assert isinstance(tree.func, ast.Name)
    positional = [ast.literal_eval(a) for a in tree.args]
    named = {str(k.arg): ast.literal_eval(k.value) for k in tree.keywords}
    if tree.func.id == "SEMEION":
        named["download"] = False
    if tree.func.id == "DatasetFolder":
        named |= {"loader": lambda p: read_npy(Path(p)), "extensions": (".npy",)}
    return getattr(torchvision.datasets, tree.func.id)(*positional, **named)


@pytest.mark.parametrize(
    ("call", "classes"),
    [
        ("OxfordIIITPet('{}')", ("Abyssinian", "Beagle")),
        ("OxfordIIITPet('{}', target_types='binary-category')", ("Cat", "Dog")),
        ("OxfordIIITPet('{}', target_types=['category', 'segmentation'])", None),
        ("LFWPeople('{}', split='train')", ("Ann", "Bo")),
        ("ImageFolder('{}')", ("cat", "dog")),
        ("VOCSegmentation('{}')", None),
        ("STL10('{}')", tuple(f"c{i}" for i in range(10))),
    ],
)
def test_names_of_classes(call: str, classes: tuple[str, ...] | None, tmp_path: Path) -> None:
    FOLDERS[call](tmp_path / "data")
    assert opened(call.format("data"), tmp_path)[0].classes == classes


def test_labels_without_reading_images(tmp_path: Path) -> None:
    """Class numbers for `weight: balanced`: known, of the right part, and of masks read."""
    pets(tmp_path / "data")
    for name in ("Abyssinian_1", "beagle_2"):
        (tmp_path / "data" / "oxford-iiit-pet" / "images" / f"{name}.jpg").write_bytes(b"broken")
    train = open_data(config_of("train: OxfordIIITPet('data')\nworkers: 0"), tmp_path, ("train",)).train
    assert train is not None
    assert train.labels("label").tolist() == [0, 1]


def test_a_target_that_is_not_there_is_said(tmp_path: Path) -> None:
    write(tmp_path / "data" / "fer2013" / "test.csv", "pixels\n" + '"' + " ".join(["0"] * 2304) + '"\n')
    with pytest.raises(Failure, match="it has no label"):
        opened("FER2013('data', split='test')", tmp_path)


def test_nothing_is_unpacked_outside_of_the_folder(tmp_path: Path) -> None:
    """ImageNet's archives lie somewhere else: torchvision would unpack them there."""
    outside, spec = tmp_path / "outside", tmp_path / "spec"
    outside.mkdir()
    spec.mkdir()
    for call in ("ImageNet", "INaturalist", "Cityscapes"):
        with pytest.raises(Failure, match="making it would write there"):
            opened(f"{call}('{outside}')", spec)
    with pytest.raises(Failure, match="making it would write there"):
        opened(f"INaturalist('{outside / 'new'}')", spec)
    assert set(tmp_path.iterdir()) == {outside, spec}
    assert not list(outside.iterdir())


def test_pickled_arrays_are_not_opened(tmp_path: Path) -> None:
    class Canary:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "ran",)

    (tmp_path / "data" / "cat").mkdir(parents=True)
    np.save(tmp_path / "data" / "cat" / "1.npy", np.array([Canary()], dtype=object))
    with pytest.raises(Failure, match="pickled Python objects"):
        opened("DatasetFolder('data', extensions=['.npy'])", tmp_path)
    assert not (tmp_path / "ran").exists()


def test_attributes_from_the_files_to_predictions(tmp_path: Path) -> None:
    """Labels that do not exclude each other: trained on, counted, and named in a prediction."""
    from nnc.runtime.commands import open_spec_data, run_prediction, run_training
    from nnc.runtime.data.describe import describe

    celebrities(tmp_path / "data")
    spec = tmp_path / "faces.yaml"
    spec.write_text(
        """
nnc: 1
name: faces
inputs: {image: [B, 3, H, W]}
layers: {pool: AdaptiveAvgPool2d(1), flat: flatten(1), fc: Linear(40)}
data:
  train: CelebA("data")
  workers: 0
  transforms: {image: ["ToDtype(float32, scale=True)"], attributes: ["ToDtype(float32)"]}
train: {loss: BCEWithLogitsLoss, optimizer: SGD(lr=0.1), epochs: 1}
""",
        encoding="utf-8",
    )
    (facts,) = describe(open_spec_data(spec))
    assert facts.classes is not None
    assert list(facts.classes) == [f"n{i}" for i in range(40)]
    trained = run_training(spec, folder=tmp_path / "run", device="cpu")
    assert trained.artifact is not None
    picture(tmp_path / "new.png")
    (found,) = run_prediction(trained.artifact, [tmp_path / "new.png"], device="cpu")
    assert set(found["labels"]) == {n for n, p in found["probabilities"].items() if p >= 0.5}
    assert len(found["probabilities"]) == 40


@pytest.mark.parametrize("name", ["SVHN", "SBDataset"])
def test_a_package_that_a_dataset_needs_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for module in ("scipy", "scipy.io"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr("torchvision.datasets.SVHN._check_integrity", lambda self: True)
    with pytest.raises(Failure, match=f"{name} cannot be opened") as caught:
        opened(f"{name}('.')", tmp_path)
    assert caught.value.diagnostics[0].notes == ("torchvision reads it with scipy: pip install scipy",)
