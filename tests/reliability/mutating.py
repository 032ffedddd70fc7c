"""Damaged copies of good files by the thousand: whatever is in a file, it is read or refused, quickly and in little memory.

Damage is done to the bytes and, where a digest would hide what lies behind it, the digest is taken anew: so the readers of
JSON, of safetensors, of specs and of state see the damage too.
"""

from __future__ import annotations

import io
import json
import random
import struct
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nnc.compiler.codes import CODES
from nnc.compiler.driver import SpecError, compile_text
from nnc.runtime.commands import run_prediction
from nnc.runtime.data import open_data
from nnc.runtime.failure import Failure
from nnc.runtime.runs import read_run
from nnc.runtime.saving.checkpoint import MANIFEST, PARTS, Damaged, _dump
from nnc.runtime.saving.files import sha256_of
from nnc.runtime.saving.header import BLANK, digest_of, raw_header
from nnc.runtime.training.state import Position, what_was_saved
from tests.hostile.confined import forget_peak, peak
from tests.reliability.trial import checkpoints_of, go_on, write_project
from tests.runtime.helpers import TRAIN, read
from tests.runtime.killing import SERVER
from tests.test_mutations import SPECS, mutate
from tests.training.test_mutations import SECTIONS, mutated
from tests.training.test_read import NETWORK

__all__ = ["KINDS", "Mutations", "tried"]

LIMIT = 2.0  # seconds of processor time for one file
MEMORY = 1024  # MiB, all included
BATCH = 500  # cases for one process
PATIENCE = 300.0


@dataclass
class Mutations:
    """What came of so many damaged copies. `faults` has the first of those that were neither read nor refused, by the seed that
    makes them again."""

    cases: int = 0
    refused: int = 0
    slowest: float = 0.0
    megabytes: int = 0
    faults: list[str] = field(default_factory=list)

    def add(self, other: Mutations) -> None:
        self.cases += other.cases
        self.refused += other.refused
        self.slowest = max(self.slowest, other.slowest)
        self.megabytes = max(self.megabytes, other.megabytes)
        self.faults += other.faults

    def __str__(self) -> str:
        head = f"{self.refused} of {self.cases} refused, at most {self.slowest:.2f} s and {self.megabytes} MiB"
        return "\n".join([head, *self.faults[:5]])


# -- damage ------------------------------------------------------------------------------------------------------------

NUMBERS = [struct.pack(form, value) for form, value in (
    ("<B", 0), ("<B", 255), ("<H", 65535), ("<i", -1), ("<I", 2**31), ("<q", -1), ("<Q", 2**62), ("<d", float("nan")),
    ("<f", float("inf")), (">I", 2**31 - 1), ("<I", 0),
)]  # fmt: skip
WORDS = [
    b"null", b"true", b"-1", b"1e999", b"9" * 30, b"NaN", b"[", b"]", b"{", b"}", b'"', b",", b":", b"\\u0000", b"\xff\xfe",
    b"\n", b'""', b"[[[[", b"0", b"Infinity", b"..", b"/", b"\x00", b";", b"'", b"\r", b"x" * 300,
]  # fmt: skip


def damaged(content: bytes, chance: random.Random) -> bytes:
    """One to three damages anywhere in a file."""
    for _ in range(chance.randint(1, 3)):
        at, length = chance.randrange(len(content) + 1), chance.choice((1, 1, 2, 4, 8, 40))
        match chance.randrange(8):
            case 0 | 1 if at < len(content):
                content = content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :]
            case 2:
                content = content[:at] + content[at + length :]
            case 3:
                number = chance.choice(NUMBERS)
                content = content[:at] + number + content[at + len(number) :]
            case 4:
                content = content[:at] + chance.choice(WORDS) + content[at:]
            case 5:
                word = chance.choice(WORDS)
                content = content[:at] + word + content[at + len(word) :]
            case 6:
                other = chance.randrange(len(content) + 1)
                content = content[:at] + content[other : other + length] + content[at:]
            case _:
                content = content[:at] if chance.random() < 0.3 else content
    return content


# -- what is damaged ---------------------------------------------------------------------------------------------------

Case = Callable[[random.Random], None]  # does one case; raises what the reader raises


def specs(folder: Path) -> Case:
    texts = list(SPECS.values())

    def case(chance: random.Random) -> None:
        refuse(mutate(chance.choice(texts), chance, texts))

    return case


def settings(folder: Path) -> Case:
    return lambda chance: refuse(NETWORK + mutated(SECTIONS, chance))


def refuse(text: str) -> None:
    """Raises `SpecError` for faults, after a look at how they are told."""
    found = compile_text(text)
    assert found.ok or found.problems.sorted()
    for diagnostic in found.problems:
        assert diagnostic.code in CODES, diagnostic
        assert diagnostic.message
    if not found.ok:
        raise SpecError(found.problems.sorted())


def project(folder: Path) -> Path:
    """A finished run."""
    if not (folder / "run" / "model.safetensors").exists():
        go_on(write_project(folder), folder / "run")
    return folder / "run"


def checkpoints(folder: Path) -> Case:
    saved = checkpoints_of(project(folder))
    name = saved.names()[-1]
    path = saved.path / name
    parts = {part: (path / part).read_bytes() for part in (*PARTS, MANIFEST)}

    def case(chance: random.Random) -> None:
        part = chance.choice(sorted(parts))
        replaced(path / part, damaged(parts[part], chance))
        if part != MANIFEST and chance.random() < 0.8:
            files = {p: {"size": (path / p).stat().st_size, "sha256": sha256_of(path / p)} for p in PARTS}
            replaced(path / MANIFEST, _dump({"files": files, "format": 1}).encode())
        try:
            found = saved.load(name)
            with what_was_saved(path):
                Position.of(found.state["position"])
        finally:
            for each, content in parts.items():
                replaced(path / each, content)

    return case


def runs(folder: Path) -> Case:
    path = project(folder)
    contents = {name: (path / name).read_bytes() for name in ("run.json", "log.jsonl")}

    def case(chance: random.Random) -> None:
        name = chance.choice(sorted(contents))
        replaced(path / name, damaged(contents[name], chance))
        try:
            found = read_run(path)
            assert found.quantities() is not None
        finally:
            replaced(path / name, contents[name])

    return case


def artifacts(folder: Path) -> Case:
    content = (project(folder) / "model.safetensors").read_bytes()
    path, inputs = folder / "m.safetensors", folder / "in.npy"
    np.save(inputs, np.zeros((2, 8, 8), np.uint8))
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    document = json.loads(header["__metadata__"]["nnc"]) | {"sha256": BLANK}

    def case(chance: random.Random) -> None:
        kind = chance.randrange(3)
        if kind == 0:
            replaced(path, damaged(content, chance))
        else:
            text = json.dumps(document)
            if kind == 1:
                text = damaged(text.encode(), chance).decode("utf-8", "replace")
            outer = json.dumps(header | {"__metadata__": {"format": "pt", "nnc": text}}).encode()
            outer = damaged(outer, chance) if kind == 2 else outer
            replaced(path, struct.pack("<Q", len(outer)) + outer + content[8 + length :])
            _seal(path)
        list(run_prediction(path, [inputs], device="cpu"))

    return case


def _seal(path: Path) -> None:
    """Takes the digest anew, where there is a place for it."""
    with path.open("r+b") as stream:
        raw = raw_header(stream, path.stat().st_size)
        sealed = raw.replace(BLANK.encode(), digest_of(stream, raw).encode(), 1)
        stream.seek(8)
        stream.write(sealed)


def replaced(path: Path, content: bytes) -> None:
    """A new file in the old one's place, as what is mapped from the old one may be in use."""
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def data(dataset: str, file: str, make: Callable[[], bytes], transforms: str = "") -> Callable[[Path], Case]:
    """A file that a spec's `data:` names."""

    def build(folder: Path) -> Case:
        config, _ = read(f"data:\n  train: {dataset}\n  workers: 0\n{transforms}{TRAIN_SECTION}")
        content, path = make(), folder / file
        path.parent.mkdir(parents=True, exist_ok=True)

        def case(chance: random.Random) -> None:
            replaced(path, damaged(content, chance))
            opened = open_data(config, folder, ("train",))
            assert opened.train is not None
            for _ in opened.train.batches(torch.arange(min(4, len(opened.train))), 4, torch.device("cpu")):
                return

        return case

    return build


TRAIN_SECTION = "\n".join(line[4:] for line in TRAIN.splitlines()) + "\n"


def csv() -> bytes:
    return b"image,label\n" + b"".join(b"%d.5,%s\n" % (i, b"cat" if i % 2 else b"dog") for i in range(40))


def npz() -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, image=np.zeros((9, 8, 8), np.uint8), label=np.arange(9))
    return stream.getvalue()


def stored_npz() -> bytes:
    """Without compression, so that damage reaches the arrays' own headers; the checksums are left out of the count."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, array in (("image", np.zeros((3, 8), np.float32)), ("label", np.arange(3))):
            inner = io.BytesIO()
            np.save(inner, array)
            archive.writestr(f"{name}.npy", inner.getvalue())
    return stream.getvalue()


def parquet() -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    stream = io.BytesIO()
    pq.write_table(pa.table({"image": [float(i) for i in range(40)], "label": ["cat", "dog"] * 20}), stream)
    return stream.getvalue()


def tensors() -> bytes:
    from safetensors.torch import save

    return save({"image": torch.zeros(9, 8), "label": torch.arange(9)})


def picture(form: str) -> Callable[[], bytes]:
    def make() -> bytes:
        from PIL import Image

        stream = io.BytesIO()
        Image.fromarray(np.arange(12 * 12 * 3, dtype=np.uint8).reshape(12, 12, 3)).save(stream, form)
        return stream.getvalue()

    return make


def tokens() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.arange(200, dtype=np.uint16))
    return stream.getvalue()


KINDS: dict[str, Callable[[Path], Case]] = {
    "specs": specs,
    "data: and train:": settings,
    "checkpoints": checkpoints,
    "runs": runs,
    "saved models": artifacts,
    "CSV": data('Csv("d.csv")', "d.csv", csv),
    "NPZ": data('Npz("d.npz")', "d.npz", npz),
    "NPZ, not compressed": data('Npz("s.npz")', "s.npz", stored_npz),
    "safetensors": data('Safetensors("d.safetensors")', "d.safetensors", tensors),
    "Parquet": data('Parquet("d.parquet")', "d.parquet", parquet),
    "PNG": data('ImageFolder("png")', "png/a/x.png", picture("PNG")),
    "JPEG": data('ImageFolder("jpeg")', "jpeg/a/x.jpeg", picture("JPEG")),
    "tokens": data('Tokens("t.npy", length=8)', "t.npy", tokens),
}


# -- many of them ------------------------------------------------------------------------------------------------------


def tried(kind: str, folder: Path, seeds: range) -> Mutations:
    """Damaged files of a kind, one for each seed, in processes of their own: what ends a process is a fault too."""
    total = Mutations()
    for number, part in enumerate(_batches(seeds)):
        where = folder / f"{number}"
        where.mkdir(parents=True)
        process = SERVER.Process(target=_try, args=(kind, where, part))
        process.start()
        process.join(PATIENCE)
        hangs = process.is_alive()
        if hangs:
            process.kill()
            process.join()
        total.add(_report(kind, where, part, "hangs" if hangs else f"ended the process with {process.exitcode}"))
    return total


def _batches(seeds: range) -> Iterator[range]:
    for at in range(0, len(seeds), BATCH):
        yield seeds[at : at + BATCH]


def _report(kind: str, where: Path, seeds: range, ending: str) -> Mutations:
    report = where / "report.json"
    if report.exists():
        return Mutations(**json.loads(report.read_text()))
    last = (where / "seed").read_text() if (where / "seed").exists() else "none"
    return Mutations(len(seeds), faults=[f"{kind}, seed {last}: {ending}"])


def _try(kind: str, where: Path, seeds: range) -> None:
    torch.set_num_threads(1)
    case, found = KINDS[kind](where), Mutations()
    forget_peak()
    with (where / "seed").open("w") as at:
        for seed in seeds:
            at.seek(0)
            at.write(str(seed))
            at.flush()
            _one(kind, case, seed, found)
    found.megabytes = peak()
    if found.megabytes > MEMORY:
        found.faults.append(f"{kind}, seeds {seeds}: {found.megabytes} MiB")
    (where / "report.json").write_text(json.dumps(vars(found)))


def _one(kind: str, case: Case, seed: int, found: Mutations) -> None:
    began = time.process_time()
    found.cases += 1
    try:
        case(random.Random(seed))
    except (Failure, SpecError, Damaged):
        found.refused += 1
    except BaseException as error:
        where: Any = error.__traceback__
        while where.tb_next is not None:
            where = where.tb_next
        place = f"{Path(where.tb_frame.f_code.co_filename).name}:{where.tb_lineno}"
        found.faults.append(f"{kind}, seed {seed}: {type(error).__name__} at {place}: {str(error)[:200]}")
    spent = time.process_time() - began
    found.slowest = max(found.slowest, spent)
    if spent > LIMIT:
        found.faults.append(f"{kind}, seed {seed}: took {spent:.1f} s")
