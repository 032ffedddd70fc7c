"""Files in, one result per sample out; what cannot be read, or does not fit, is said with the file's name."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from nnc.compiler.types.dim import size
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType
from nnc.runtime.failure import Failure
from nnc.runtime.prediction.predict import Predictor, Preprocessing
from nnc.runtime.signature import Signature
from tests.runtime.helpers import IMAGES
from tests.runtime.test_data import call


class Brightest(nn.Module):
    """Scores of three classes: the sums of the first three rows."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, 0, :3].sum(-1)


class Sum(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sum(1, keepdim=True)


TRANSFORMS = (call("ToImage"), call("ToDtype(float32)"), call("Normalize([1.0], [2.0])"))


def predictor(**options: Any) -> Predictor:
    preprocessing = Preprocessing({"x": "image"}, {"image": TRANSFORMS}, arrays=True)
    return Predictor(Brightest(), IMAGES, preprocessing, **({"scores": "logits", "classes": ("a", "b", "c")} | options))


def images(count: int = 3) -> np.ndarray[Any, Any]:
    found = np.zeros((count, 8, 8), dtype=np.uint8)
    found[np.arange(count), np.arange(count) % 3] = 1
    return found


def test_an_array_of_many(tmp_path: Path) -> None:
    np.save(tmp_path / "many.npy", images())
    found = list(predictor().files([tmp_path / "many.npy"]))
    assert [(r["sample"], r["class"], r["index"]) for r in found] == [(0, "a", 0), (1, "b", 1), (2, "c", 2)]
    scores = torch.tensor([0.0, -4.0, -4.0])
    assert found[0]["probability"] == pytest.approx(scores.softmax(0)[0].item())
    assert found[0]["input"] == str(tmp_path / "many.npy")


def test_an_array_of_one(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", images()[1])
    assert [r["class"] for r in predictor().files([tmp_path / "one.npy"])] == ["b"]
    assert "sample" not in next(predictor().files([tmp_path / "one.npy"]))


def test_batches_do_not_matter(tmp_path: Path) -> None:
    np.save(tmp_path / "many.npy", images(10))
    whole = list(predictor().files([tmp_path / "many.npy"]))
    parts = list(predictor().files([tmp_path / "many.npy"], batch_size=3))
    assert [{k: v for k, v in r.items() if k != "probability"} for r in whole] == [
        {k: v for k, v in r.items() if k != "probability"} for r in parts
    ]


def test_the_highest_few(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", images()[1])
    (found,) = predictor().files([tmp_path / "one.npy"], top_k=5)
    assert [t["class"] for t in found["top"]] == ["b", "a", "c"]
    assert sum(t["probability"] for t in found["top"]) == pytest.approx(1)


def test_classes_without_names_are_numbers(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", images()[2])
    assert next(predictor(classes=()).files([tmp_path / "one.npy"]))["class"] == "2"


@pytest.mark.parametrize(
    ("scores", "expected"),
    [("logits", 0.5), ("log_probabilities", 2.718281828), ("probabilities", 1.0)],
)
def test_what_scores_are(scores: str, expected: float) -> None:
    ready = Predictor(Sum(), Signature({"x": TensorType((size("B"), 2))}), Preprocessing({}), scores=scores)
    row = torch.tensor([[1.0, 1.0]])
    ready.model.forward = lambda x: x  # the scores themselves
    assert ready.tensors({"x": row})[0]["probability"] == pytest.approx(expected)


def test_two_classes_by_one_score() -> None:
    ready = Predictor(Sum(), Signature({"x": TensorType((size("B"), 2))}), Preprocessing({}), scores="binary_logits")
    no, yes = ready.tensors({"x": torch.tensor([[-1.0, -1.0], [3.0, 0.0]])})
    assert (no["index"], yes["index"]) == (0, 1)
    assert yes["probability"] == pytest.approx(torch.tensor(3.0).sigmoid().item())


def test_a_complex_number_is_the_pair_of_its_parts(tmp_path: Path) -> None:
    class Waves(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.fft.rfft(x.sum((1, 2)).cumsum(-1)).conj()

    np.save(tmp_path / "one.npy", images()[1])
    preprocessing = Preprocessing({"x": "image"}, {"image": TRANSFORMS}, arrays=True)
    (found,) = Predictor(Waves(), IMAGES, preprocessing).files([tmp_path / "one.npy"])
    assert np.shape(found["output"]) == (5, 2)
    assert found["output"][0][1] == 0
    assert any(abs(imaginary) > 0.1 for _, imaginary in found["output"])


def test_values_where_there_are_no_classes(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("a,b\n1,2\n3,4.5\n")
    ready = Predictor(Sum(), Signature({"x": TensorType((size("B"), 2))}), Preprocessing({}))
    assert [r["output"] for r in ready.files([tmp_path / "table.csv"])] == [[3.0], [7.5]]


def test_several_outputs() -> None:
    class Two(nn.Module):
        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"a": x, "b": x.sum(1)}

    ready = Predictor(Two(), Signature({"x": TensorType((size("B"), 2))}, ("a", "b")), Preprocessing({}))
    assert ready.tensors({"x": torch.tensor([[1.0, 2.0]])}) == [{"outputs": {"a": [1.0, 2.0], "b": 3.0}}]


def test_several_inputs(tmp_path: Path) -> None:
    class Both(nn.Module):
        def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
            return left - right

    kind = TensorType((size("B"), 2))
    ready = Predictor(Both(), Signature({"left": kind, "right": kind}), Preprocessing({"right": "r"}))
    np.savez(tmp_path / "a.npz", left=np.array([[3, 4]], dtype=np.float32), r=np.array([[1, 1]], dtype=np.float32))
    assert [r["output"] for r in ready.files([tmp_path / "a.npz"])] == [[2.0, 3.0]]
    np.savez(tmp_path / "b.npz", left=np.array([[3, 4]], dtype=np.float32))
    with pytest.raises(Failure, match="there is no array `right`"):
        list(ready.files([tmp_path / "b.npz"]))
    np.save(tmp_path / "c.npy", np.array([[3, 4]], dtype=np.float32))
    with pytest.raises(Failure, match=r"give them in an \.npz file"):
        list(ready.files([tmp_path / "c.npy"]))


def test_image_files(tmp_path: Path) -> None:
    for number, mode in enumerate(("L", "RGB", "RGBA", "1", "P")):
        picture = Image.fromarray(images()[1] * 255).convert(mode)
        picture.save(tmp_path / f"{number}.png")
        assert next(predictor().files([tmp_path / f"{number}.png"]))["class"] == "b"


def test_integers_as_inputs(tmp_path: Path) -> None:
    kind = TensorType((size("B"), size("T")), DType.int64)
    ready = Predictor(Sum(), Signature({"x": kind}), Preprocessing({}))
    np.save(tmp_path / "words.npy", np.array([3, 4, 5]))
    assert next(ready.files([tmp_path / "words.npy"])) == {"input": str(tmp_path / "words.npy"), "output": [12.0]}


# -- what cannot be read, or does not fit ------------------------------------------------------------------------------


def refused(path: Path) -> str:
    with pytest.raises(Failure) as caught:
        list(predictor().files([path]))
    assert str(path) in str(caught.value)
    return f"{caught.value.code} {caught.value}"


def test_a_wrong_size(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 9, 8), dtype=np.uint8))
    assert "NNC0910" in refused(tmp_path / "a.npy")
    Image.new("L", (8, 9)).save(tmp_path / "a.png")
    assert "dimension 2 is 9, not 8" in refused(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.png", b""),
        ("a.png", b"\x89PNG\r\n\x1a\n\0\0"),
        ("a.jpg", b"text"),
        ("a.npy", b"\x93NUMPY"),
        ("a.npz", b"PK\x03\x04"),
        ("a.csv", b""),
        ("a.csv", b"1,2\n3\n"),
        ("a.csv", b"a,b\nc,d\n"),
        ("a.csv", b"\xff\xfe"),
        ("a.txt", b"1"),
        ("a", b"1"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert refused(tmp_path / name)[:7] in ("NNC0909", "NNC0814", "NNC0910")


@pytest.mark.parametrize("name", ["a.png", "a.npy", "a.npz", "a.csv"])
def test_files_that_are_not_there(tmp_path: Path, name: str) -> None:
    assert "there is no such file" in refused(tmp_path / name)


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    class Canary:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "ran",)

    for name in ("a.pt", "a.pkl", "a.npy", "a.npz", "a.png", "a.csv"):
        (tmp_path / name).write_bytes(pickle.dumps(Canary()))
        refused(tmp_path / name)
    np.save(tmp_path / "b.npy", np.array([Canary()], dtype=object))
    assert "pickled Python objects" in refused(tmp_path / "b.npy")
    assert not (tmp_path / "ran").exists()
    np.load(tmp_path / "b.npy", allow_pickle=True)
    assert (tmp_path / "ran").exists(), "the canary would have sung"


def test_a_picture_that_would_fill_the_memory(tmp_path: Path) -> None:
    """A small file that says that it is 60,000 pixels wide and high."""
    import struct
    import zlib

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    picture = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )
    (tmp_path / "a.png").write_bytes(picture)
    assert "NNC0909" in refused(tmp_path / "a.png")
