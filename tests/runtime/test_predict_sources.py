"""Where samples of a prediction come from: folders, tables, arrays, lines of JSON, standard input; in order, in batches over
files, and with the name of what is broken."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from nnc.compiler.types.dim import size
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType
from nnc.runtime.failure import Failure
from nnc.runtime.prediction.inputs import Block, Place
from nnc.runtime.prediction.predict import Predictor, Preprocessing, _together
from nnc.runtime.signature import Signature
from tests.runtime.test_predict import Sum, images, predictor

NUMBERS = Signature({"x": TensorType((size("B"), 2))})


def sums(**preprocessing: Any) -> Predictor:
    return Predictor(Sum(), NUMBERS, Preprocessing({"x": "x"}, **preprocessing))


class Sizes(nn.Module):
    """Remembers how many samples went through it together."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[int] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen.append(len(x))
        return x.flatten(1).float().mean(1, keepdim=True)


PICTURES = Signature({"x": TensorType((size("B"), 3, size("H"), size("W")), DType.uint8)})


def gray(path: Path, value: int, side: int = 4) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (side, side), (value, value, value)).save(path)


# -- folders -----------------------------------------------------------------------------------------------------------


def test_a_folder_is_read_by_name_whatever_is_inside(tmp_path: Path) -> None:
    for value, name in enumerate(("b/2.png", "a.jpg", "b/1.png", "c/d/3.PNG")):
        gray(tmp_path / "in" / name, value * 10)
    (tmp_path / "in" / "notes.txt").write_text("not an image")
    (tmp_path / "in" / "b" / "data.csv").write_text("1,2")
    ready = Predictor(Sizes(), PICTURES, Preprocessing({}))
    found = list(ready.files([tmp_path / "in"]))
    names = [str(Path(r["input"]).relative_to(tmp_path / "in")) for r in found]
    assert names == ["a.jpg", "b/1.png", "b/2.png", "c/d/3.PNG"]
    assert [round(r["output"][0]) for r in found] == [10, 20, 0, 30]
    assert ready.model.seen == [4], "one batch over all files"


def test_batches_go_over_files_and_keep_their_order(tmp_path: Path) -> None:
    for i in range(25):
        gray(tmp_path / f"{i:02d}.png", i * 10)
    for batch_size, expected in ((64, [25]), (10, [10, 10, 5]), (1, [1] * 25)):
        ready = Predictor(Sizes(), PICTURES, Preprocessing({}))
        found = list(ready.files([tmp_path], batch_size=batch_size))
        assert [round(r["output"][0]) for r in found] == [i * 10 for i in range(25)]
        assert ready.model.seen == expected


def test_images_of_other_sizes_go_apart(tmp_path: Path) -> None:
    for i, side in enumerate((4, 4, 6, 4)):
        gray(tmp_path / f"{i}.png", 10 * i, side)
    ready = Predictor(Sizes(), PICTURES, Preprocessing({}))
    assert [round(r["output"][0]) for r in ready.files([tmp_path])] == [0, 10, 20, 30]
    assert ready.model.seen == [2, 1, 1]


def test_a_folder_without_images(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1")
    with pytest.raises(Failure, match="there are no images in this folder"):
        list(predictor().files([tmp_path]))


def test_images_are_not_read_far_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded: of a large folder only as much is open as a few batches take."""
    from nnc.runtime.prediction import inputs as predict_inputs

    for i in range(60):
        gray(tmp_path / f"{i:02d}.png", i)
    opened = []
    whole = predict_inputs.read_image
    monkeypatch.setattr(predict_inputs, "read_image", lambda path, mode: (opened.append(path), whole(path, mode))[1])
    results = Predictor(Sizes(), PICTURES, Preprocessing({})).files([tmp_path], batch_size=4)
    next(results)
    assert len(opened) <= 20
    assert len(list(results)) == 59


@given(st.lists(st.tuples(st.integers(1, 7), st.integers(1, 2), st.booleans()), max_size=12), st.integers(1, 5))
def test_blocks_are_joined_and_cut_without_loss(parts: list[tuple[int, int, bool]], most: int) -> None:
    found: list[Block | Failure] = []
    for number, (count, width, broken) in enumerate(parts):
        places = [Place(str(number), i) for i in range(count)]
        found.append(
            Failure("NNC0909", str(number), "broken")
            if broken
            else Block(places, {"x": torch.full((count, width), number)})
        )
    before = [(p, n.tensors["x"][i].tolist()) for n in found if isinstance(n, Block) for i, p in enumerate(n.places)]
    together = list(_together(found, most))
    after = [(p, b.tensors["x"][i].tolist()) for b in together if isinstance(b, Block) for i, p in enumerate(b.places)]
    assert after == before
    assert all(len(b) <= most for b in together if isinstance(b, Block))
    assert [b for b in together if isinstance(b, Failure)] == [b for b in found if isinstance(b, Failure)]


# -- tables ------------------------------------------------------------------------------------------------------------


def test_columns_by_name(tmp_path: Path) -> None:
    """Those that it was trained on, in their order, whatever else the table has."""
    (tmp_path / "t.csv").write_text("name,b,a\nfirst,10,1\nsecond,20,2\n")
    ready = sums(columns={"x": ("a", "b")})
    assert [(r["sample"], r["output"]) for r in ready.files([tmp_path / "t.csv"])] == [(0, [11.0]), (1, [22.0])]
    (tmp_path / "u.csv").write_text("c,b\n1,10\n")
    for other in (ready, Predictor(Both(), TWO, Preprocessing({}, columns={"left": ("a",), "right": ("b",)}))):
        with pytest.raises(Failure, match="the table has no columns called a, b"):
            list(other.files([tmp_path / "u.csv"]))
    (tmp_path / "v.csv").write_text("1,10\n2,20\n")
    assert [r["output"] for r in ready.files([tmp_path / "v.csv"])] == [[11.0], [22.0]], "without names, side by side"


class Both(nn.Module):
    def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        return left * 10 + right


TWO = Signature({"left": TensorType((size("B"), 1)), "right": TensorType((size("B"), 1))})


def test_several_inputs_from_columns(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    (tmp_path / "t.csv").write_text("right,left\n[1],2\n".replace("[1]", "1") + "3,4\n")
    pyarrow.parquet.write_table(
        pyarrow.table({"left": [[2.0], [4.0]], "right": [[1.0], [3.0]]}), tmp_path / "t.parquet"
    )
    ready = Predictor(Both(), TWO, Preprocessing({}))
    assert [r["output"] for r in ready.files([tmp_path / "t.parquet"])] == [[21.0], [43.0]]
    flat = Signature({"left": TensorType((size("B"),)), "right": TensorType((size("B"),))})
    assert [r["output"] for r in Predictor(Both(), flat, Preprocessing({})).files([tmp_path / "t.csv"])] == [21.0, 43.0]


def test_texts_of_a_table_are_what_they_were_in_training(tmp_path: Path) -> None:
    kind = Signature({"left": TensorType((size("B"),), DType.int64), "right": TensorType((size("B"),))})
    ready = Predictor(Both(), kind, Preprocessing({}, categories={"left": ("cat", "dog")}))
    (tmp_path / "t.csv").write_text("left,right\ndog,1\ncat,2\ncow,3\n")
    broken: list[Failure] = []
    found = list(ready.files([tmp_path / "t.csv"], passed_over=broken.append))
    assert [(r["sample"], r["output"]) for r in found] == [(0, 11.0), (1, 2.0)]
    assert len(broken) == 1
    assert "t.csv, line 4" in str(broken[0])
    assert "`left` is 'cow', which no training sample has" in str(broken[0])


def test_images_of_a_table_lie_below_its_folder(tmp_path: Path) -> None:
    gray(tmp_path / "p" / "1.png", 50)
    gray(tmp_path / "p" / "2.png", 70)
    (tmp_path / "t.csv").write_text("file,more\np/1.png,x\np/none.png,x\np/2.png,y\n")
    ready = Predictor(Sizes(), PICTURES, Preprocessing({"x": "photo"}, columns={"photo": ("file",)}, images=("photo",)))
    broken: list[Failure] = []
    found = list(ready.files([tmp_path / "t.csv"], passed_over=broken.append))
    assert [round(r["output"][0]) for r in found] == [50, 70]
    assert "p/none.png: there is no such file" in str(broken[0])


def test_a_first_line_that_may_be_a_sample_is_not_guessed(tmp_path: Path) -> None:
    """Names of files without a heading: the first would be lost."""
    (tmp_path / "t.csv").write_text("a.png\nb.png\n")
    with pytest.raises(Failure, match="the table has no columns called x"):
        list(Predictor(Sizes(), PICTURES, Preprocessing({})).files([tmp_path / "t.csv"]))


def test_cells_without_a_number(tmp_path: Path) -> None:
    import decimal

    import pyarrow
    import pyarrow.parquet

    (tmp_path / "t.csv").write_text("1,2\nnan,1\n3,4\n")
    rows = [[decimal.Decimal("1.50"), decimal.Decimal("2.00")], [None, decimal.Decimal("1.00")]]
    pyarrow.parquet.write_table(pyarrow.table({"x": rows}), tmp_path / "t.parquet")
    broken: list[Failure] = []
    found = list(sums().files([tmp_path / "t.csv", tmp_path / "t.parquet"], passed_over=broken.append))
    assert [r["output"] for r in found] == [[3.0], [7.0], [3.5]]
    assert ["t.csv, line 2" in str(broken[0]), "t.parquet, sample 1" in str(broken[1])] == [True, True]


def test_arrays_of_safetensors(tmp_path: Path) -> None:
    save_file({"x": torch.tensor([[1.0, 2.0], [3.0, 4.0]])}, tmp_path / "a.safetensors")
    assert [r["output"] for r in sums().files([tmp_path / "a.safetensors"])] == [[3.0], [7.0]]


# -- lines of JSON, standard input -------------------------------------------------------------------------------------


def from_stdin(ready: Predictor, text: str | bytes, **options: Any) -> list[dict[str, Any]]:
    content = text.encode() if isinstance(text, str) else text
    return list(ready.files(["-"], stdin=io.BytesIO(content), **options))


def test_lines_of_json(tmp_path: Path) -> None:
    lines = ['{"x": [1, 2], "id": "one"}', "", "[3, 4.5]", '{"x": [5, 6], "other": null}']
    found = from_stdin(sums(), "\n".join(lines))
    assert found == [
        {"input": "<stdin>", "sample": 0, "id": "one", "output": [3.0]},
        {"input": "<stdin>", "sample": 1, "output": [7.5]},
        {"input": "<stdin>", "sample": 2, "output": [11.0]},
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    assert [r["output"] for r in sums().files([tmp_path / "a.jsonl"])] == [[3.0], [7.5], [11.0]]


def test_names_of_files_on_standard_input(tmp_path: Path) -> None:
    np.save(tmp_path / "many.npy", images())
    Image.fromarray(images()[1] * 255).save(tmp_path / "one.png")
    found = from_stdin(predictor(), f"{tmp_path / 'one.png'}\n{tmp_path / 'many.npy'}\n")
    assert [r["class"] for r in found] == ["b", "a", "b", "c"]


def test_folders_on_standard_input(tmp_path: Path) -> None:
    for i in range(2):
        gray(tmp_path / "in" / f"{i}.png", 10 * i)
    found = from_stdin(
        Predictor(Sizes(), PICTURES, Preprocessing({})), f"{tmp_path / 'in'}\n{tmp_path / 'in' / '1.png'}\n"
    )
    assert [round(r["output"][0]) for r in found] == [0, 10, 10]


def test_images_named_in_json(tmp_path: Path) -> None:
    Image.fromarray(images()[2] * 255).save(tmp_path / "c.png")
    (tmp_path / "a.jsonl").write_text('{"image": "c.png"}\n{"x": "c.png"}\n"c.png"\n')
    assert [r["class"] for r in predictor().files([tmp_path / "a.jsonl"])] == ["c"] * 3


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "it is no JSON"),
        ('{"y": 1}', "there is no `x`"),
        ('{"x": [1, 2, 3]}', r"dimension 1 is 3, not 2"),
        ('{"x": [1, [2]]}', "`x` is no number, and no list of numbers of equal length"),
        ('{"x": null}', "`x` is no number"),
        ('{"x": {"a": 1}}', "`x` is no number"),
        ('{"x": "a"}', "`x` is no number"),
        ("[" * 100_000, "it is no JSON"),
        ('{"x": [1, 1e999999]}', ""),
    ],
)
def test_a_broken_line_is_named_and_the_others_go_on(line: str, reason: str) -> None:
    broken: list[Failure] = []
    text = f'{{"x": [1, 2]}}\n{line}\n{{"x": [5, 6]}}\n'
    found = from_stdin(sums(), text, passed_over=broken.append)
    assert [r["output"] for r in found if r["output"] != [float("inf")]] == [[3.0], [11.0]]
    if reason:
        assert len(broken) == 1
        assert "<stdin>, line 2" in str(broken[0])
        assert reason in str(broken[0])
        with pytest.raises(Failure, match="line 2"):
            from_stdin(sums(), text)


def test_standard_input_that_is_empty_or_no_text() -> None:
    with pytest.raises(Failure, match="standard input is empty"):
        from_stdin(sums(), "")
    with pytest.raises(Failure, match="it is not UTF-8"):
        from_stdin(sums(), b"\xff\xfe\n")


def test_results_before_a_failure_are_there(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("1,2\n3,4\n5\n6,7\n")
    results = sums().files([tmp_path / "t.csv"])
    assert [next(results)["output"] for _ in range(2)] == [[3.0], [7.0]]
    with pytest.raises(Failure, match="line 3 has 1 columns, not 2"):
        next(results)


# -- what is broken ----------------------------------------------------------------------------------------------------


def test_broken_inputs_are_passed_over_by_name(tmp_path: Path) -> None:
    for i in range(3):
        gray(tmp_path / f"{i}.png", 10 * i)
    (tmp_path / "1.png").write_bytes(b"\x89PNG broken")
    broken: list[Failure] = []
    ready = Predictor(Sizes(), PICTURES, Preprocessing({}))
    paths = [tmp_path, tmp_path / "none.png", tmp_path / "a.pkl", tmp_path / "2.png"]
    (tmp_path / "a.pkl").write_bytes(b"")
    found = list(ready.files(paths, passed_over=broken.append))
    assert [Path(r["input"]).name for r in found] == ["0.png", "2.png", "2.png"]
    reasons = ("1.png", "none.png", "a.pkl")
    assert all(name in str(failure) for name, failure in zip(reasons, broken, strict=True))
    with pytest.raises(Failure, match=r"1\.png"):
        list(ready.files(paths))


def test_what_the_network_refuses_is_one_sample(tmp_path: Path) -> None:
    class Picky(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if bool((x == 13).any()):
                raise RuntimeError("13 is too much")
            return x

    ready = Predictor(Picky(), NUMBERS, Preprocessing({}))
    broken: list[Failure] = []
    found = from_stdin(ready, "[1, 2]\n[13, 1]\n[3, 4]\n", passed_over=broken.append)
    assert [r["output"] for r in found] == [[1.0, 2.0], [3.0, 4.0]]
    assert "<stdin>, line 2" in str(broken[0])
    assert "the network cannot take it: 13 is too much" in str(broken[0])


def test_whatever_stands_in_a_line(tmp_path: Path) -> None:
    """No traceback for any JSON."""

    @given(
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
            lambda v: st.lists(v) | st.dictionaries(st.sampled_from(["x", "id", "y"]), v),
            max_leaves=8,
        )
    )
    def check(value: Any) -> None:
        broken: list[Failure] = []
        line = json.dumps(value, ensure_ascii=True)
        found = from_stdin(sums(), '{"x": [0, 0]}\n' + line + "\n", passed_over=broken.append)
        assert len(found) + len(broken) == 2

    check()
