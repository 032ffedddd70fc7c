"""Files made to do harm, each with the command that would load it and a part of the reason for which it is refused.

A case builds its files in an empty folder and returns the arguments of `nnc`. What runs, or writes where it should not, leaves
a mark: a file called `sung` beside the folder, or a change of `victim.txt` there.
"""

from __future__ import annotations

import atexit
import io
import json
import os
import pickle
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from nnc.runtime.saving.checkpoint import MANIFEST, PARTS, _dump
from nnc.runtime.saving.files import sha256_of
from nnc.runtime.saving.header import BLANK, digest_of, raw_header
from tests.reliability.trial import SPEC, go_on, write_project

__all__ = ["CASES", "Case", "Song", "mark_of", "victim_of"]

HEAD = "nnc: 1\ninputs: {x: [B, 16]}\n"
LAYERS = "layers: {fc: Linear(4)}\n"
IMAGES = "nnc: 1\ninputs: {image: [B, 1, 8, 8]}\nlayers: {flat: flatten(1), fc: Linear(3)}\n"
TRAIN = "train: {loss: CrossEntropyLoss, optimizer: SGD(lr=0.1), epochs: 1}\n"


@dataclass(frozen=True)
class Case:
    """`build` is given the folder; `reason` is part of what the command must say."""

    name: str
    reason: str
    build: Callable[[Path], list[str]]


def mark_of(folder: Path) -> Path:
    return folder.parent / f"{folder.name}.sung"


def victim_of(folder: Path) -> Path:
    return folder.parent / f"{folder.name}.victim.txt"


class Song:
    """Unpickled, it runs a command of the shell that leaves the mark."""

    def __init__(self, folder: Path) -> None:
        self.command = f"touch '{mark_of(folder)}'"

    def __reduce__(self) -> Any:
        return os.system, (self.command,)


CASES: list[Case] = []


def case(name: str, reason: str) -> Callable[[Callable[[Path], list[str]]], Callable[[Path], list[str]]]:
    def add(build: Callable[[Path], list[str]]) -> Callable[[Path], list[str]]:
        CASES.append(Case(name, reason, build))
        return build

    return add


def spec(name: str, reason: str, text: str, *command: str) -> None:
    """A case that is one spec; {mark} and {victim} in it are the paths."""

    def build(folder: Path) -> list[str]:
        values = {"{mark}": str(mark_of(folder)), "{victim}": str(victim_of(folder))}
        written = text
        for key, value in values.items():
            written = written.replace(key, value)
        (folder / "spec.yaml").write_text(written)
        return [*(command or ("check",)), "spec.yaml"]

    CASES.append(Case(name, reason, build))


# -- specs -------------------------------------------------------------------------------------------------------------

LEVELS = "abcdefghijklmnopqrst"
spec("a bomb of aliases", "aliases", "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i + 1}: &a{i + 1} [{', '.join([f'*a{i}'] * 9)}]\n" for i in range(20)
))  # fmt: skip
spec("an alias of itself", "error", HEAD + "layers: &a [*a]\n")
spec("nested brackets", "nested", HEAD + "layers: " + "[" * 30_000 + "]" * 30_000)
spec("nested blocks", "nested", "".join("  " * i + "a:\n" for i in range(1000)))
spec("a Python object", "tag", HEAD + "layers: !!python/object/apply:os.system ['touch {mark}']\n")
spec("a Python name", "tag", HEAD + "layers: {fc: !!python/name:os.system }\n")
spec("an import by its tag", "tag", "nnc: !!python/module:antigravity\n")
spec("a huge power", "error", HEAD + "layers: {fc: 'Linear(${9**9**9})'}\n")
spec("a huge number", "error", HEAD + "layers: {fc: Linear(" + "9" * 100_000 + ")}\n")
spec("a huge repeat", "error", HEAD + "layers:\n  a: {repeat: 10**9, type: ReLU}\n")
spec("loops in loops", "error", HEAD + "layers:\n  a:\n    - each: i in range(9999)\n      layers:\n"
     "        - {each: j in range(9999), layers: [ReLU]}\n")  # fmt: skip
spec("a long list", "error", HEAD + 'layers: {fc: "Linear(len([[0] * 99999 for a in range(99999)]))"}\n')
spec("attributes of objects", "error", HEAD + 'layers: {fc: "Linear(().__class__.__base__.__subclasses__())"}\n')
spec("a call of Python", "error", HEAD + "layers: {fc: \"Linear(__import__('os').system('touch {mark}'))\"}\n")
spec("code by a template", "error", HEAD + "layers: {fc: \"${open('{mark}', 'w')}\"}\n")
spec("a layer by its path", "error", HEAD + "layers: {fc: \"os.system('touch {mark}')\"}\n")
spec("include of a file above", "..", HEAD + "include: [../../../../etc/hostname]\n" + LAYERS)
spec("include of an absolute path", "error", HEAD + "include: [/etc/passwd]\n" + LAYERS)
spec("include of an endless file", "error", HEAD + "include: [/dev/zero]\n" + LAYERS)
spec("extends a file above", "error", "extends: ../../../../etc/passwd\n")
spec("extends itself", "error", "extends: spec.yaml\n")
spec("weights above the folder", "error", HEAD + LAYERS + "weights: ../../../../etc/passwd\n", "train")
spec("a download above the folder", "NNC0817", IMAGES + "data: {train: \"MNIST('../../x', download=True)\"}\n" + TRAIN)
spec("a download elsewhere", "NNC0817", IMAGES + "data: {train: \"MNIST('/tmp/x', download=True)\"}\n" + TRAIN)
CODE = 'scheduler: "LambdaLR(\'open(\\"{mark}\\")\')"'
spec(
    "a scheduler that is code",
    "error",
    HEAD + LAYERS + "train: {loss: MSELoss, optimizer: SGD, epochs: 2, " + CODE + "}\n",
)
spec("an optimizer by its path", "error", HEAD + LAYERS + "train: {loss: MSELoss, optimizer: os.system, epochs: 1}\n")


@case("own code without trust", "code from outside")
def own_code(folder: Path) -> list[str]:
    (folder / "mine.py").write_text(f"open({str(mark_of(folder))!r}, 'w').close()\n")
    (folder / "spec.yaml").write_text(HEAD + "imports: {mine: ./mine.py}\nlayers: {a: mine.Layer()}\n")
    return ["compile", "spec.yaml", "--emit", "python"]


@case("an include that is a pipe", "ordinary")
def a_pipe(folder: Path) -> list[str]:
    os.mkfifo(folder / "pipe.yaml")
    (folder / "spec.yaml").write_text(HEAD + "include: [pipe.yaml]\n" + LAYERS)
    return ["check", "spec.yaml"]


@case("a name that is a path", "error")
def a_name_that_is_a_path(folder: Path) -> list[str]:
    (folder / "spec.yaml").write_text(HEAD + "name: ../../../evil\nlayers: {../../x: Linear(4)}\n")
    return ["compile", "spec.yaml", "--emit", "python", "-o", "out"]


# -- weights -----------------------------------------------------------------------------------------------------------


def with_weights(folder: Path, name: str, content: bytes) -> list[str]:
    (folder / name).write_bytes(content)
    write_project(folder)
    (folder / "spec.yaml").write_text(SPEC + f"weights: {name}\n")
    return ["train", "spec.yaml", "--run-dir", "run", "--device", "cpu", "--quiet"]


def torch_saved(value: Any, *, zipped: bool = True) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream, _use_new_zipfile_serialization=zipped)
    return stream.getvalue()


@case("a pickle named .pt", "NNC0920")
def a_pickle_named_pt(folder: Path) -> list[str]:
    return with_weights(folder, "w.pt", pickle.dumps(Song(folder)))


@case("a payload in torch's file", "NNC0920")
def a_payload_in_torchs_file(folder: Path) -> list[str]:
    return with_weights(folder, "w.pt", torch_saved({"fc.weight": Song(folder)}))


@case("a payload in torch's old file", "NNC0920")
def a_payload_in_torchs_old_file(folder: Path) -> list[str]:
    return with_weights(folder, "w.pth", torch_saved({"fc.weight": Song(folder)}, zipped=False))


@case("a pickle named .safetensors", "NNC0920")
def a_pickle_named_safetensors(folder: Path) -> list[str]:
    return with_weights(folder, "w.safetensors", torch_saved(Song(folder)))


@case("weights with a giant header", "NNC0920")
def weights_with_a_giant_header(folder: Path) -> list[str]:
    return with_weights(folder, "w.safetensors", struct.pack("<Q", 2**62) + b"{}")


@case("weights that are a pipe", "NNC0920")
def weights_that_are_a_pipe(folder: Path) -> list[str]:
    command = with_weights(folder, "w.safetensors", b"")
    (folder / "w.safetensors").unlink()
    os.mkfifo(folder / "w.safetensors")
    return command


# -- data --------------------------------------------------------------------------------------------------------------


def with_data(folder: Path, dataset: str) -> list[str]:
    (folder / "spec.yaml").write_text(IMAGES + f"data: {{train: {json.dumps(dataset)}, workers: 0}}\n" + TRAIN)
    return ["train", "spec.yaml", "--run-dir", "run", "--device", "cpu", "--quiet"]


def npy(header: str, body: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    text = header.encode()
    size = struct.pack("<H" if version[0] == 1 else "<I", len(text))
    return b"\x93NUMPY" + version + size + text + body


def npz(folder: Path, **members: bytes) -> None:
    with zipfile.ZipFile(folder / "d.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)


LABELS = npy("{'descr': '<i8', 'fortran_order': False, 'shape': (2,), }", bytes(16))


@case("an array of objects", "pickled")
def an_array_of_objects(folder: Path) -> list[str]:
    np.savez(folder / "d.npz", image=np.array([Song(folder), Song(folder)], dtype=object), label=np.arange(2))
    return with_data(folder, 'Npz("d.npz")')


@case("a header that is code", "NNC0814")
def a_header_that_is_code(folder: Path) -> list[str]:
    npz(folder, image=npy(f"__import__('os').system({Song(folder).command!r})"), label=LABELS)
    return with_data(folder, 'Npz("d.npz")')


@case("an array that claims a terabyte", "shorter than its header says")
def an_array_that_claims_a_terabyte(folder: Path) -> list[str]:
    npz(folder, image=npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }"), label=LABELS)
    return with_data(folder, 'Npz("d.npz")')


@case("a header of gigabytes", "NNC0814")
def a_header_of_gigabytes(folder: Path) -> list[str]:
    content = b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1) + b" " * 1000
    npz(folder, image=content, label=LABELS)
    return with_data(folder, 'Npz("d.npz")')


@case("an archive that swells", "NNC0814")
def an_archive_that_swells(folder: Path) -> list[str]:
    """A member that says it is small, and is not."""
    npz(
        folder,
        image=npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 1, 8, 8), }", bytes(300 << 20)),
        label=LABELS,
    )
    content = (folder / "d.npz").read_bytes()
    true_size = next(i.file_size for i in zipfile.ZipFile(folder / "d.npz").infolist())
    (folder / "d.npz").write_bytes(content.replace(struct.pack("<I", true_size), struct.pack("<I", 1000)))
    return with_data(folder, 'Npz("d.npz")')


@case("a table of one endless cell", "NNC08")
def a_table_of_one_endless_cell(folder: Path) -> list[str]:
    (folder / "d.csv").write_text("image,label\n" + '"' + "x" * (20 << 20))
    return with_data(folder, 'Csv("d.csv")')


@case("a pickle named .parquet", "NNC0814")
def a_pickle_named_parquet(folder: Path) -> list[str]:
    (folder / "d.parquet").write_bytes(pickle.dumps(Song(folder)))
    return with_data(folder, 'Parquet("d.parquet")')


@case("data that are a pipe", "NNC0814")
def data_that_are_a_pipe(folder: Path) -> list[str]:
    os.mkfifo(folder / "d.npz")
    return with_data(folder, 'Npz("d.npz")')


@case("a pickled dataset of old", "NNC0814")
def a_pickled_dataset_of_old(folder: Path) -> list[str]:
    processed = folder / "data" / "MNIST" / "processed"
    processed.mkdir(parents=True)
    for name in ("training.pt", "test.pt"):
        (processed / name).write_bytes(torch_saved((Song(folder), Song(folder))))
    return with_data(folder, 'MNIST("data")')


def png(width: int, height: int, pixels: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    others = b"".join(chunk(k, c) for k, c in chunks)
    return b"\x89PNG\r\n\x1a\n" + head + others + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def with_image(folder: Path, content: bytes) -> list[str]:
    (folder / "pictures" / "a").mkdir(parents=True)
    (folder / "pictures" / "a" / "x.png").write_bytes(content)
    return with_data(folder, 'ImageFolder("pictures")')


@case("an image of giant size", "NNC08")
def an_image_of_giant_size(folder: Path) -> list[str]:
    return with_image(folder, png(60_000, 60_000, zlib.compress(bytes(100_000))))


@case("an image whose text swells", "NNC08")
def an_image_whose_text_swells(folder: Path) -> list[str]:
    text = b"Comment\0\0" + zlib.compress(bytes(200 << 20), 9)
    return with_image(folder, png(8, 8, zlib.compress(bytes(72)), (b"zTXt", text)))


@case("an image that is a pipe", "NNC08")
def an_image_that_is_a_pipe(folder: Path) -> list[str]:
    command = with_image(folder, b"")
    (folder / "pictures" / "a" / "x.png").unlink()
    os.mkfifo(folder / "pictures" / "a" / "x.png")
    return command


# -- runs --------------------------------------------------------------------------------------------------------------


def with_run(folder: Path) -> Path:
    """A finished run, with one epoch more to go for who resumes it."""
    shutil.copytree(_run(), folder, dirs_exist_ok=True)
    return folder / "run"


@cache
def _run() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="nnc-hostile-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    spec = write_project(folder)
    go_on(spec, folder / "run")
    spec.write_text(SPEC.replace("epochs: 3", "epochs: 4"))
    return folder


RESUME = ["train", "trial.yaml", "--run-dir", "run", "--device", "cpu", "--quiet", "--resume"]


def linked(name: str) -> None:
    @case(f"a run whose {name} is a link", "link")
    def build(folder: Path) -> list[str]:
        path = with_run(folder) / name
        if path.is_dir():
            path.rename(folder / "moved")
        else:
            path.unlink(missing_ok=True)
        path.symlink_to(folder / "moved" if (folder / "moved").exists() else victim_of(folder))
        return RESUME


for entry in ("run.json", "log.jsonl", ".lock", "checkpoints", "model.safetensors"):
    linked(entry)


def changed_run(name: str, reason: str, change: Callable[[dict[str, Any], Path], object], *command: str) -> None:
    """A run whose run.json has been changed."""

    @case(name, reason)
    def build(folder: Path) -> list[str]:
        path = with_run(folder) / "run.json"
        document = json.loads(path.read_text())
        change(document, folder)
        path.write_text(json.dumps(document))
        return [*command] if command else ["eval", "run"]


changed_run("a run of another format", "NNC0907", lambda d, f: d.update(format=99))
changed_run("a run with a huge seed", "NNC0907", lambda d, f: d.update(overrides={"seed": -1}))
changed_run("a run whose spec has own code", "trust", lambda d, f: (
    (f / "mine.py").write_text(f"open({str(mark_of(f))!r}, 'w').close()\n"),
    d["spec"].update(imports={"mine": "./mine.py"}, layers={"a": "mine.Layer()"}),
))  # fmt: skip
changed_run(
    "a run whose spec repeats", "error", lambda d, f: d["spec"]["layers"].update(x={"repeat": 10**9, "type": "ReLU"})
)
changed_run("a run whose data lie elsewhere", "NNC0814", lambda d, f: d.update(base="/nowhere"))


@case("a run.json of nested brackets", "NNC0907")
def a_run_of_nested_brackets(folder: Path) -> list[str]:
    (with_run(folder) / "run.json").write_text("[" * 500_000)
    return ["eval", "run"]


@case("a run.json of a gigabyte", "NNC0907")
def a_run_of_a_gigabyte(folder: Path) -> list[str]:
    with (with_run(folder) / "run.json").open("r+b") as stream:
        stream.truncate(1 << 30)
    return ["eval", "run"]


def checkpoint(name: str, reason: str, change: Callable[[Path, Path], object], *command: str) -> None:
    """A run both of whose checkpoints have been changed, by somebody who writes new manifests."""

    @case(name, reason)
    def build(folder: Path) -> list[str]:
        for path in sorted((with_run(folder) / "checkpoints").iterdir()):
            change(path, folder)
            files = {p: {"size": (path / p).stat().st_size, "sha256": sha256_of(path / p)} for p in PARTS}
            (path / MANIFEST).write_text(_dump({"files": files, "format": 1}))
        return [*command] or RESUME


def state(change: Callable[[dict[str, Any]], object]) -> Callable[[Path, Path], None]:
    def apply(path: Path, folder: Path) -> None:
        document = json.loads((path / "state.json").read_text())
        change({"": document})
        (path / "state.json").write_text(json.dumps(document))

    return apply


def entry_of(document: dict[str, Any], key: str) -> list[Any]:
    found: list[Any] = next(pair for pair in document[""]["state"]["map"] if pair[0] == key)
    return found


def position(**values: Any) -> Callable[[Path, Path], None]:
    def change(document: dict[str, Any]) -> None:
        pairs = entry_of(document, "position")[1]["map"]
        for pair in pairs:
            if pair[0] in values:
                pair[1] = values[pair[0]]

    return state(change)


def removed(key: str) -> Callable[[Path, Path], None]:
    return state(lambda d: d[""]["state"]["map"].remove(entry_of(d, key)))


checkpoint("a checkpoint whose weights are a pickle", "NNC0901",
           lambda p, f: (p / "model.safetensors").write_bytes(torch_saved(Song(f))))  # fmt: skip
checkpoint("a checkpoint whose state is a pickle", "NNC0901",
           lambda p, f: (p / "state.safetensors").write_bytes(pickle.dumps(Song(f))))  # fmt: skip
checkpoint("a checkpoint of nested brackets", "NNC0901", lambda p, f: (p / "state.json").write_text("[" * 500_000))
checkpoint(
    "a checkpoint of another network", "NNC090", lambda p, f: save_file({"a": torch.ones(3)}, p / "model.safetensors")
)
checkpoint("a checkpoint whose epoch is a text", "NNC090", position(epoch="one"))
checkpoint("a checkpoint of epoch -5", "NNC090", position(epoch=-5))
checkpoint("a checkpoint with a huge log", "NNC090", position(log=-(10**30)))
checkpoint("a checkpoint whose best lies elsewhere", "NNC090", position(best={"map": [
    ["quantity", "validation.accuracy"], ["value", 2.0], ["loss", 0.0], ["epoch", 1], ["checkpoint", "../../../elsewhere"],
]}))  # fmt: skip
EVAL = ("eval", "run", "--device", "cpu")
checkpoint("a checkpoint to evaluate that is elsewhere", "NNC090", position(best={"map": [
    ["quantity", "x"], ["value", 2.0], ["loss", 0.0], ["epoch", 1], ["checkpoint", "../../../elsewhere"],
]}), *EVAL)  # fmt: skip
for part in ("position", "averaging", "transient"):
    checkpoint(f"a checkpoint to evaluate without its {part}", "NNC090", removed(part), *EVAL)
for part in ("position", "optimizer", "scheduler", "random", "average", "transient"):
    checkpoint(f"a checkpoint without its {part}", "NNC090", removed(part))
    checkpoint(f"a checkpoint whose {part} is a number", "NNC090",
               state(lambda d, part=part: entry_of(d, part).__setitem__(1, 7)))  # type: ignore[misc]  # mypy and defaults  # fmt: skip


# -- saved models ------------------------------------------------------------------------------------------------------


def artifact(
    name: str, reason: str, change: Callable[[dict[str, Any], Path], object], *command: str, inputs: str = "in.npy"
) -> None:
    """A saved model whose header has been changed, by somebody who takes the digest anew."""

    @case(name, reason)
    def build(folder: Path) -> list[str]:
        path = with_run(folder) / "model.safetensors"
        np.save(folder / "in.npy", np.zeros((1, 8, 8), np.uint8))
        reseal(path, lambda d: change(d, folder))
        return [*command, str(path)] if command else ["predict", str(path), inputs]


def reseal(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    tensors, content = load_file(path), path.read_bytes()
    header = json.loads(content[8 : 8 + struct.unpack("<Q", content[:8])[0]])
    document = json.loads(header["__metadata__"]["nnc"])
    document["sha256"] = BLANK
    change(document)
    path.unlink()
    save_file(tensors, path, {"format": "pt", "nnc": json.dumps(document)})
    with path.open("r+b") as stream:
        raw = raw_header(stream, path.stat().st_size)
        stream.seek(8)
        stream.write(raw.replace(BLANK.encode(), digest_of(stream, raw).encode()))


def transforms(*calls: Any) -> Callable[[dict[str, Any], Path], object]:
    return lambda d, f: d["preprocessing"].update(transforms={"image": [*calls]})


artifact("a model with own code", "code from outside", lambda d, f: (
    (f / "mine.py").write_text(f"open({str(mark_of(f))!r}, 'w').close()\n"),
    d["spec"].update(imports={"mine": str(f / "mine.py")}, layers={"a": "mine.Layer()"}),
))  # fmt: skip
artifact("a model that repeats", "error", lambda d, f: d["spec"]["layers"].update(x={"repeat": 10**9, "type": "ReLU"}))
artifact("a model of a giant layer", "NNC0904", lambda d, f: d["spec"]["layers"].update(fc="Linear(1000000000)"))
artifact("a model that refers to files", "error", lambda d, f: d["spec"].update(include=["../../etc/passwd"]))
artifact("a model with code for a transform", "error", transforms({"type": "os.system", "command": "touch x"}))
artifact("a model with a giant transform", "NNC", transforms({"type": "Resize", "size": [10**6, 10**6]}))
artifact("a model with transforms of another kind", "NNC", lambda d, f: d["preprocessing"].update(transforms=7))
artifact("a model with feeding of another kind", "NNC", lambda d, f: d["preprocessing"].update(feeding=[1]))
artifact("a model with aliases of nothing", "NNC0904", lambda d, f: d.update(aliases={"a": "b"}))
artifact("a model with aliases of another kind", "NNC0904", lambda d, f: d.update(aliases={"a": ["b"]}))
artifact("a model with sizes of another kind", "NNC", lambda d, f: d.update(sizes={"B": "many"}))
artifact("a model with arguments of another kind", "NNC", lambda d, f: d.update(args={"x": {"y": []}}))
artifact("a model with vocabularies of another kind", "NNC", lambda d, f: d["preprocessing"].update(vocabularies=[7]))


def as_model(name: str, reason: str, content: Callable[[Path], bytes]) -> None:
    @case(name, reason)
    def build(folder: Path) -> list[str]:
        (folder / "m.safetensors").write_bytes(content(folder))
        return ["predict", "m.safetensors", "in.npy"]


as_model("a pickle as a model", "NNC0905", lambda f: torch_saved(Song(f)))
as_model("a model of nested brackets", "NNC0905", lambda f: struct.pack("<Q", 500_000) + b"[" * 500_000)
as_model("a model with a giant header", "NNC0905", lambda f: struct.pack("<Q", 2**63) + b"{}")


@case("a model that is a pipe", "NNC0905")
def a_model_that_is_a_pipe(folder: Path) -> list[str]:
    os.mkfifo(folder / "m.safetensors")
    return ["predict", "m.safetensors", "in.npy"]


# -- inputs of nnc predict ---------------------------------------------------------------------------------------------


def to_predict(name: str, file: str, reason: str, content: Callable[[Path], bytes]) -> None:
    @case(name, reason)
    def build(folder: Path) -> list[str]:
        (folder / file).write_bytes(content(folder))
        return ["predict", str(with_run(folder) / "model.safetensors"), file]


def objects(folder: Path) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array([Song(folder)], dtype=object))
    return stream.getvalue()


to_predict("a pickle to predict", "x.pkl", "NNC0909", lambda f: pickle.dumps(Song(f)))
to_predict("a torch file to predict", "x.pt", "NNC0909", lambda f: torch_saved(Song(f)))
to_predict("an array of objects to predict", "x.npy", "pickled", objects)
to_predict("a giant image to predict", "x.png", "NNC09", lambda f: png(60_000, 60_000, zlib.compress(bytes(1000))))
to_predict("a table of one endless cell to predict", "x.csv", "NNC09", lambda f: b'"' + b"1" * (20 << 20))
to_predict("lines of nested brackets to predict", "x.jsonl", "NNC09", lambda f: b"[" * 500_000)


@case("an image to predict that is a pipe", "NNC09")
def an_image_to_predict_that_is_a_pipe(folder: Path) -> list[str]:
    os.mkfifo(folder / "x.png")
    return ["predict", str(with_run(folder) / "model.safetensors"), "x.png"]


# -- a repository that names programs ----------------------------------------------------------------------------------


@case("a folder above that is a link to itself", "NNC")
def a_link_to_itself(folder: Path) -> list[str]:
    (folder / "loop").symlink_to(folder / "loop")
    return with_data(folder, 'ImageFolder("loop")')
