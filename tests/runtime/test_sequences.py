"""Networks that read text, from the file to the saved model: they learn, they are resumed exactly with every sampler, and
what does not fit is said before the first step."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path

import pytest
import torch
import yaml

from nnc.cli import main
from nnc.compiler.driver import compile_text
from nnc.runtime.commands import open_spec_data, run_evaluation, run_prediction, run_training
from nnc.runtime.data.sampling import consecutive
from nnc.runtime.failure import Failure
from nnc.runtime.saving.header import read_header
from tests.runtime.helpers import StopAfter, same_state
from tests.runtime.test_resume import log_of

EXAMPLES = Path(__file__).parents[2] / "examples" / "text"
NAMES = Path(__file__).parents[3] / "shared" / "data" / "names"
CPU = torch.device("cpu")
LINES = """
nnc: 1
name: lines
inputs: {text: {shape: [B, T], dtype: int64}}
layers:
  embed: Embedding(40, 8)
  gru: GRU(12, batch_first=True)
  fc: {type: Linear(40), from: gru.output}
  scores: transpose(fc, 1, 2)
data:
  fields: [text, next]
  train: TextLines("sentences.txt")
  validation: {folds: 4, fold: 2}
  transforms: {text: ["Characters(bos=True, eos=True)"]}
  padding: {multiple_of: 4}
train: {loss: CrossEntropyLoss, optimizer: Adam(lr=0.01), epochs: 2, batch_size: 32}
"""


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """A folder with the example's specs and data."""
    for file in EXAMPLES.glob("*.*"):
        shutil.copy(file, tmp_path)
    (tmp_path / "lines.yaml").write_text(LINES, encoding="utf-8")
    return tmp_path


def changed(path: Path, *changes: tuple[str, str]) -> Path:
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    return path


def epochs_of(folder: Path) -> list[dict[str, dict[str, float]]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines() if '"event"' not in line]


def test_a_classifier_of_words(texts: Path) -> None:
    trained = run_training(texts / "words.yaml", folder=texts / "run", epochs=3)
    first, *_, last = epochs_of(texts / "run")
    assert last["validation"]["loss"] < 0.3 * first["train"]["loss"]
    assert trained.artifact is not None
    for source in (texts / "run", trained.artifact):
        found = run_evaluation(source, split="validation", device="cpu")
        assert found.quantities["accuracy"] > 0.9
    (texts / "new.txt").write_text("Korbrakzak\nTavilila\nq!\n", encoding="utf-8")
    results = list(run_prediction(trained.artifact, [texts / "new.txt"], device="cpu"))
    assert [r["class"] for r in results[:2]] == ["Korgan", "Tavian"]
    assert len(results) == 3, "a text of unknown characters is a text"
    kept = read_header(trained.artifact).preprocessing["vocabularies"]["word"]
    assert kept["specials"] == ["<pad>", "<unk>"]
    assert kept["tokens"] == json.loads((texts / "run" / "run.json").read_text())["vocabularies"]["word"]["tokens"]


def test_what_comes_with_a_text(texts: Path) -> None:
    data = open_spec_data(texts / "words.yaml")
    assert data.train is not None
    batch = next(iter(data.train.batches(torch.arange(8), 8, CPU)))
    assert set(batch) == {"word", "language", "lengths", "mask", "word_lengths", "word_mask"}
    assert batch["word"].shape == (8, int(batch["lengths"].max()))
    assert torch.equal(batch["mask"], batch["word"] != 0)
    assert torch.equal(batch["mask"].sum(1), batch["lengths"])


@pytest.mark.parametrize("spec", ["language.yaml", "lines.yaml"])
def test_a_language_model_learns(texts: Path, spec: str) -> None:
    run_training(texts / spec, folder=texts / "run", epochs=2)
    first, last = epochs_of(texts / "run")
    assert last["validation"]["loss"] < first["validation"]["loss"] < 3.7, "ln 40 = 3.69 is what chance has"


def test_the_next_token_of_a_line(texts: Path) -> None:
    data = open_spec_data(texts / "lines.yaml")
    assert data.train is not None
    batch = next(iter(data.train.batches(torch.arange(3), 3, CPU)))
    text, following, lengths = batch["text"], batch["next"], batch["lengths"]
    assert text.shape[1] % 4 == 0
    for row, after, length in zip(text, following, lengths.tolist(), strict=True):
        assert torch.equal(row[1:length], after[: length - 1])
        assert (row[length:] == 0).all()
        assert (after[length:] == -100).all(), "what is filled in is no class"
        specials = data.vocabularies["text"].numbers
        assert (int(row[0]), int(after[length - 1])) == (specials["<bos>"], specials["<eos>"])


SAMPLERS = {
    "by length": ("words.yaml", ("sampler: ByLength", "sampler: ByLength(pool=2)")),
    "balanced": ("words.yaml", ("sampler: ByLength", "sampler: Balanced(num_samples=90)")),
    "weighted": ("words.yaml", ("sampler: ByLength", "sampler: {type: WeightedRandomSampler, weights: {Korgan: 3}}")),
    "repeated": ("words.yaml", ("sampler: ByLength", "sampler: RandomSampler(True, 80)")),
    "in order": ("words.yaml", ("sampler: ByLength", "sampler: SequentialSampler")),
    "fold": ("words.yaml", ("{size: 0.25, stratify: language}", "{folds: 3, fold: 2, stratify: true}")),
    "consecutive": (
        "language.yaml",
        ("length=32, by=Characters(max_size=vocabulary))", "length=48)\n  sampler: Consecutive"),
    ),
    "windows": ("language.yaml", ("length=32", "length=24, stride=50")),
    "lines": ("lines.yaml", ("multiple_of: 4", "length: 24")),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_resumed_in_the_middle_of_an_epoch(texts: Path, name: str) -> None:
    spec, change = SAMPLERS[name]
    path = changed(texts / spec, change)
    whole = run_training(path, folder=texts / "whole", epochs=2)
    steps = whole.result.step // 2
    stopped = run_training(path, folder=texts / "run", epochs=2, reporter=StopAfter(steps + 2, signal.SIGTERM))
    assert stopped.result.status == "interrupted"
    assert stopped.result.step % steps != 0, "in the middle of an epoch"
    resumed = run_training(path, folder=texts / "run", resume=True)
    assert resumed.result.status == "finished"
    assert same_state(resumed.model.state_dict(), whole.model.state_dict())
    assert log_of(texts / "run") == log_of(texts / "whole")


CARRIED = """
nnc: 1
name: carried
inputs: {text: {shape: [B, T], dtype: int64}, state: [1, B, 8]}
layers:
  embed: {type: "Embedding(40, 6)", from: text}
  gru: {type: "GRU(8, batch_first=True)", from: [embed, state]}
  fc: {type: Linear(40), from: gru.output}
  scores: transpose(fc, 1, 2)
outputs: {scores: scores, after: gru.h_n}
data:
  fields: [text, next]
  train: Tokens("sentences.txt", 24)
  validation: 0.2
  sampler: Consecutive
train: {loss: CrossEntropyLoss, optimizer: Adam(lr=0.01), epochs: 2, batch_size: 5, carry: {state: after}}
"""


def test_a_state_that_is_carried_along(texts: Path) -> None:
    """The stream, drawn consecutively, is what windows are that were laid in that order before."""
    import numpy as np

    (texts / "carried.yaml").write_text(CARRIED, encoding="utf-8")
    streamed = run_training(texts / "carried.yaml", folder=texts / "stream")
    data = open_spec_data(texts / "carried.yaml")
    assert data.train is not None
    assert data.validation is not None
    for name, split in (("train", data.train), ("validation", data.validation)):
        (whole,) = split.batches(consecutive(len(split), 5), 1000, CPU)
        np.savez(texts / f"{name}.npz", **{field: tensor.numpy() for field, tensor in whole.items()})
    path = changed(
        texts / "carried.yaml",
        ('Tokens("sentences.txt", 24)', 'Npz("train.npz")'),
        ("validation: 0.2", 'validation: Npz("validation.npz")'),
        ("  sampler: Consecutive\n", ""),
        ("batch_size: 5,", "batch_size: 5, shuffle: false,"),
    )
    laid = run_training(path, folder=texts / "laid")
    assert same_state(streamed.model.state_dict(), laid.model.state_dict())
    ours, theirs = epochs_of(texts / "stream"), epochs_of(texts / "laid")
    assert [e["validation"] for e in ours] == [e["validation"] for e in theirs]
    (texts / "carried.yaml").write_text(CARRIED, encoding="utf-8")
    steps = streamed.result.step // 2 + 3
    run_training(texts / "carried.yaml", folder=texts / "run", reporter=StopAfter(steps, signal.SIGTERM))
    resumed = run_training(texts / "carried.yaml", folder=texts / "run", resume=True)
    assert same_state(streamed.model.state_dict(), resumed.model.state_dict())


@pytest.mark.parametrize("sampler", ["", "  sampler: RandomSampler\n", "  sampler: SequentialSampler\n"])
def test_a_state_goes_on_from_batch_to_batch(sampler: str) -> None:
    problems = compile_text(CARRIED.replace("  sampler: Consecutive\n", sampler)).problems
    if "Sequential" in sampler:
        assert not problems.has_errors, "data may be laid out for it"
        return
    (only,) = problems
    assert "samples come in a random order" in only.message
    assert only.fix is not None
    assert "sampler: Consecutive" in only.fix.title


def test_the_comparison_can_fail(texts: Path) -> None:
    one = run_training(texts / "words.yaml", folder=texts / "one", epochs=1)
    two = run_training(changed(texts / "words.yaml", ("ByLength", "ByLength(pool=1)")), folder=texts / "two", epochs=1)
    assert not same_state(one.model.state_dict(), two.model.state_dict())


# -- what does not fit -------------------------------------------------------------------------------------------------


@pytest.fixture
def begun(texts: Path) -> Path:
    run_training(texts / "words.yaml", folder=texts / "run", epochs=1, reporter=StopAfter(2, signal.SIGTERM))
    return texts


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("sampler: ByLength", "sampler: Balanced"), "sampler was ByLength(), now Balanced()"),
        (("epochs: 6", "epochs: 2"), ""),
        (("stratify: language", "stratify: null"), "validation was"),
        (("[Lowercase, ", "["), "the vocabulary of `word` has changed since the run was begun"),
    ],
)
def test_resumed_with_other_data(begun: Path, change: tuple[str, str], expected: str) -> None:
    path = changed(begun / "words.yaml", change)
    if not expected:
        assert run_training(path, folder=begun / "run", resume=True).result.status == "finished"
        return
    with pytest.raises(Failure) as caught:
        run_training(path, folder=begun / "run", resume=True)
    assert caught.value.code == "NNC0902"
    assert expected in str(caught.value)


def test_a_vocabulary_that_has_no_place(texts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = changed(texts / "words.yaml", ("max_size=vocabulary", ""))
    assert main(["train", str(path), "--set", "vocabulary=5", "--run-dir", str(texts / "run")]) == 1
    said = capsys.readouterr().err
    assert "NNC0826" in said
    assert "the vocabulary of `word` has" in said
    assert "`embed` 5 rows" in said
    size = len(open_spec_data(path).vocabularies["word"])
    assert f"--set vocabulary={size}" in said
    assert not (texts / "run" / "run.json").exists()
    run_training(path, folder=texts / "run", epochs=1, args={"vocabulary": size})


def test_a_table_with_too_few_rows_for_numbers(tmp_path: Path) -> None:
    """Numbers in a file have no vocabulary: the largest counts."""
    import numpy as np

    np.save(tmp_path / "t.npy", np.arange(200) % 50)
    spec = yaml.safe_load((EXAMPLES / "language.yaml").read_text(encoding="utf-8"))
    spec["data"]["train"] = {"type": "Tokens", "file": "t.npy", "length": 8}
    (tmp_path / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
    with pytest.raises(Failure, match="`text` holds the number 49, and `embed` has 40 rows: 0 … 39"):
        run_training(tmp_path / "spec.json", folder=tmp_path / "run", epochs=1)
    spec["layers"]["embed"] = "Embedding(50, 16)"
    (tmp_path / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
    with pytest.raises(Failure, match="`next` has the class number 49"):
        run_training(tmp_path / "spec.json", folder=tmp_path / "run", epochs=1)


@pytest.mark.skipif(not NAMES.exists(), reason="the names are not part of the project: ../shared/data/names")
def test_names_and_their_languages(texts: Path) -> None:
    """18 languages of very different size, 13,374 names in a file without a head line."""
    spec = changed(
        texts / "words.yaml",
        ("[word, language]", "[word, label]"),
        ('Csv("words.csv")', f'Csv("{NAMES}/names_train.csv.gz", names=[word, label])'),
        ("{size: 0.25, stratify: language}", f'Csv("{NAMES}/names_test.csv.gz", names=[word, label])'),
        ("vocabulary: 40, width: 24, languages: 3", "vocabulary: 60, width: 24, languages: 18"),
        ('(weight="balanced")', ""),
        ("batch_size: 16", "batch_size: 64"),
    )
    run_training(spec, folder=texts / "run", epochs=1)
    (only,) = epochs_of(texts / "run")
    assert only["validation"]["accuracy"] > 0.6, "47 of 100 are Russian"


# -- other data of different lengths -----------------------------------------------------------------------------------


def test_pictures_with_captions(tmp_path: Path) -> None:
    """A table of image files and texts: read by workers, padded there, in batches of one length."""
    from PIL import Image

    (tmp_path / "pictures").mkdir()
    rows = []
    for i in range(24):
        Image.new("RGB", (4, 4), (10 * i, 0, 0)).save(tmp_path / "pictures" / f"{i}.png")
        rows.append(f'{i}.png,"{"very " * (i % 5)}red",{i % 2}\n')
    (tmp_path / "t.csv").write_text("image,caption,label\n" + "".join(rows), encoding="utf-8")
    spec = {
        "nnc": 1,
        "inputs": {
            "image": ["B", 3, 4, 4],
            "caption": {"shape": ["B", "T"], "dtype": "int64"},
            "lengths": {"shape": ["B"], "dtype": "int64"},
        },
        "layers": {
            "seen": {"type": "flatten(1)", "from": "image"},
            "embed": {"type": "Embedding(8, 4)", "from": "caption"},
            "gru": {"type": "GRU(4, batch_first=True)", "from": {"input": "embed", "lengths": "lengths"}},
            "both": "cat([seen, gru.h_n[0]], 1)",
            "fc": "Linear(2)",
        },
        "data": {
            "fields": ["image", "caption", "label"],
            "train": {"type": "Csv", "file": "t.csv", "images": ["image"], "root": "pictures"},
            "transforms": {"image": ["ToDtype(float32, scale=True)"], "caption": ["Words"]},
            "sampler": "ByLength(pool=2)",
            "workers": 0,
        },
        "train": {"loss": "CrossEntropyLoss", "optimizer": "Adam", "epochs": 2, "batch_size": 5},
    }
    (tmp_path / "one.json").write_text(json.dumps(spec), encoding="utf-8")
    whole = run_training(tmp_path / "one.json", folder=tmp_path / "one")
    spec["data"]["workers"] = 2  # type: ignore[index]  # a mapping, as written above
    (tmp_path / "two.json").write_text(json.dumps(spec), encoding="utf-8")
    run_training(tmp_path / "two.json", folder=tmp_path / "two", reporter=StopAfter(7, signal.SIGTERM))
    resumed = run_training(tmp_path / "two.json", folder=tmp_path / "two", resume=True)
    assert same_state(resumed.model.state_dict(), whole.model.state_dict())


SIGNALS = """
nnc: 1
inputs: {signal: [B, T], lengths: {shape: [B], dtype: int64}}
layers:
  deep: {type: unsqueeze(2), from: signal}
  gru: {type: "GRU(4, batch_first=True)", from: {input: deep, lengths: lengths}}
  last: gru.h_n[0]
  fc: Linear(2)
data:
  fields: [signal, label]
  train: Parquet("t.parquet")
  transforms: {signal: [TRANSFORM]}
  padding: {fields: [signal], value: -1}
train: {loss: CrossEntropyLoss, optimizer: Adam, epochs: 1, batch_size: 3}
"""


def test_lists_of_numbers(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    lists = [[float(n)] * (1 + n % 3) for n in range(7)]
    pyarrow.parquet.write_table(
        pyarrow.table({"signal": lists, "label": [n % 2 for n in range(7)]}), tmp_path / "t.parquet"
    )
    path = tmp_path / "spec.yaml"
    path.write_text(SIGNALS.replace("TRANSFORM", "ToDtype(float32)"), encoding="utf-8")
    data = open_spec_data(path)
    assert data.train is not None
    batch = next(iter(data.train.batches(torch.arange(3), 3, CPU)))
    assert batch["signal"].tolist() == [[0, -1, -1], [1, 1, -1], [2, 2, 2]]
    assert run_training(path, folder=tmp_path / "run").result.status == "finished"
    path.write_text(
        SIGNALS.replace("signal: [TRANSFORM]", "signal: {train: [GaussianNoise], eval: []}"), encoding="utf-8"
    )
    with pytest.raises(Failure, match="GaussianNoise draws at random, and samples of `signal` differ in length"):
        run_training(path, folder=tmp_path / "other")


def test_a_folder_of_texts(tmp_path: Path) -> None:
    for language, names in (("Tavian", ["vila", "sarela", "moni"]), ("Korgan", ["korgan", "brakzak", "thumrug"])):
        (tmp_path / "names").mkdir(exist_ok=True)
        (tmp_path / "names" / f"{language}.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    spec = (EXAMPLES / "words.yaml").read_text(encoding="utf-8")
    changes = (
        ('Csv("words.csv")', "TextFolder('names', lines=True)"),
        ("{size: 0.25, stratify: language}", "{size: 2, stratify: true}"),
        ("languages: 3", "languages: 2"),
    )
    for old, new in changes:
        assert old in spec
        spec = spec.replace(old, new)
    (tmp_path / "spec.yaml").write_text(spec, encoding="utf-8")
    trained = run_training(tmp_path / "spec.yaml", folder=tmp_path / "run", epochs=1)
    assert trained.artifact is not None
    assert read_header(trained.artifact).classes == ("Korgan", "Tavian")
