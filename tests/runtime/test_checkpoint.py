"""A checkpoint is there whole or not at all, and a damaged one is noticed."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nnc.runtime.failure import Failure
from nnc.runtime.saving import files
from nnc.runtime.saving.checkpoint import CheckpointFolder, Damaged
from nnc.runtime.saving.packing import Unpackable, distinct, pack, unpack

MODEL = {"fc.weight": torch.arange(600.0).reshape(20, 30), "fc.bias": torch.ones(20)}
STATE: dict[str, Any] = {"step": 3, "optimizer": {"state": {0: {"avg": torch.randn(20, 30)}}, "betas": (0.9, 0.999)}}


def save(folder: Path, step: int = 1) -> str:
    return CheckpointFolder(folder).save({k: v + step for k, v in MODEL.items()}, STATE | {"step": step})


def step_of(folder: Path) -> int:
    newest, _ = CheckpointFolder(folder).newest()
    assert newest is not None
    assert torch.equal(newest.model["fc.weight"], MODEL["fc.weight"] + newest.state["step"])
    return int(newest.state["step"])


def in_child(action: Callable[[], object]) -> int:
    """Runs it in a forked process and returns the exit code: 0 where it ended, 1 where it raised."""
    child = os.fork()
    if child == 0:
        try:
            action()
            os._exit(0)
        except BaseException:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


# -- what goes in comes out --------------------------------------------------------------------------------------------


def test_round_trip(tmp_path: Path) -> None:
    tied = torch.randn(3, 4)
    model = {**MODEL, "a": tied, "b": tied, "part": tied[1:], "half": torch.ones(2, dtype=torch.bfloat16)}
    state = {
        "plain": [None, True, 3, -0.1, "text", float("inf")],
        "tuple": (1, (2.5,)),
        "counter": Counter({3: 2}),
        "by number": {0: {"step": torch.tensor(5.0)}, 1: {}},
        "generator": torch.get_rng_state(),
    }
    name = CheckpointFolder(tmp_path).save(model, state)
    back = CheckpointFolder(tmp_path).load(name)
    assert back.model.keys() == model.keys()
    assert all(torch.equal(back.model[k], model[k]) for k in model)
    assert back.state["plain"] == state["plain"]
    assert back.state["tuple"] == (1, (2.5,))
    assert back.state["counter"] == Counter({3: 2})
    assert isinstance(back.state["counter"], Counter)
    assert torch.equal(back.state["by number"][0]["step"], torch.tensor(5.0))
    assert torch.equal(back.state["generator"], state["generator"])  # type: ignore[arg-type]  # a tensor


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=4) | st.integers() | st.booleans(), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(plain)
def test_plain_data_survives_json(value: Any) -> None:
    packed, tensors = pack(value)
    assert repr(unpack(json.loads(json.dumps(packed)), tensors)) == repr(value)


@given(plain)
def test_unpacking_arbitrary_json_gives_plain_data_or_a_refusal(value: Any) -> None:
    try:
        unpack(json.loads(json.dumps(pack(value)[0]).replace("tuple", "map")), {})
    except Unpackable:
        return


def test_objects_are_refused() -> None:
    with pytest.raises(Unpackable, match="Path cannot be saved"):
        pack({"a": Path()})


def test_tied_tensors_are_stored_once() -> None:
    tied = torch.randn(3)
    stored, aliases = distinct({"a": tied, "b": tied, "c": tied.clone()})
    assert set(stored) == {"a", "c"}
    assert aliases == {"b": "a"}


def test_old_ones_go_and_the_best_stays(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    for step in range(1, 6):
        folder.save(MODEL, {"step": step}, keep="000002" if step >= 2 else None)
    assert folder.names() == ["000002", "000004", "000005"]


def test_files_have_the_usual_mode(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        folder = tmp_path / save(tmp_path)
    finally:
        os.umask(before)
    assert {oct(p.stat().st_mode & 0o777) for p in folder.iterdir()} == {"0o644"}


# -- damage ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_flipped_bits_are_detected(tmp_path: Path, seed: int) -> None:
    """60 single-bit flips anywhere in the newest checkpoint: each is noticed, named, and the one before is used."""
    save(tmp_path, 1)
    newest = tmp_path / save(tmp_path, 2)
    chance = random.Random(seed)
    parts = sorted(newest.iterdir())
    for _ in range(60):
        file = (
            chance.choices(parts, [p.stat().st_size for p in parts])[0]
            if chance.random() < 0.7
            else chance.choice(parts)
        )
        content = file.read_bytes()
        at, bit = chance.randrange(len(content)), 1 << chance.randrange(8)
        file.write_bytes(content[:at] + bytes([content[at] ^ bit]) + content[at + 1 :])
        checkpoint, wrong = CheckpointFolder(tmp_path).newest()
        assert checkpoint is not None
        assert checkpoint.state["step"] == 1, f"byte {at} of {file.name}"
        assert str(newest) in wrong[0]
        file.write_bytes(content)
    assert step_of(tmp_path) == 2


def test_truncated_and_missing_files_are_detected(tmp_path: Path) -> None:
    save(tmp_path, 1)
    newest = tmp_path / save(tmp_path, 2)
    for file in sorted(newest.iterdir()):
        content = file.read_bytes()
        for length in (0, 1, len(content) // 2, len(content) - 1):
            file.write_bytes(content[:length])
            assert step_of(tmp_path) == 1
        file.unlink()
        assert step_of(tmp_path) == 1
        file.write_bytes(content)


def test_links_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "elsewhere", 5)
    save(tmp_path / "run", 1)
    (tmp_path / "run" / "000009").symlink_to(tmp_path / "elsewhere" / "000001")
    assert step_of(tmp_path / "run") == 1
    file = tmp_path / "run" / "000001" / "state.json"
    moved = file.rename(tmp_path / "state.json")
    file.symlink_to(moved)
    with pytest.raises(Damaged, match="missing"):
        CheckpointFolder(tmp_path / "run").load("000001")


def test_where_none_is_whole_the_failure_names_all(tmp_path: Path) -> None:
    for step in (1, 2):
        (tmp_path / save(tmp_path, step) / "model.safetensors").write_bytes(b"")
    with pytest.raises(Failure) as caught:
        CheckpointFolder(tmp_path).newest()
    assert caught.value.code == "NNC0901"
    assert len(caught.value.diagnostics[0].notes) == 2


def test_without_a_manifest_a_flipped_bit_would_pass(tmp_path: Path) -> None:
    """The comparison is needed: safetensors alone loads the damaged weights."""
    from safetensors.torch import load_file

    file = tmp_path / save(tmp_path) / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-5] ^= 1
    file.write_bytes(content)
    assert not torch.equal(load_file(file)["fc.weight"], MODEL["fc.weight"] + 1)


# -- killed while saving -----------------------------------------------------------------------------------------------


def killed(action: Callable[[], object], after: float) -> None:
    """Runs the action in a forked process, and kills it after so many seconds."""
    child = os.fork()
    if child == 0:
        action()
        os._exit(0)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def saving_time(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    assert in_child(action) == 0
    return time.perf_counter() - began


def test_killed_at_random_moments_of_a_save(tmp_path: Path) -> None:
    """The checkpoint before is still there, or the new one is there whole."""
    torch.set_num_threads(1)
    save(tmp_path, 1)
    whole = saving_time(lambda: [save(tmp_path / "scratch") for _ in range(2)])
    chance, seen = random.Random(0), set()
    for trial in range(25):
        folder = tmp_path / f"run{trial}"
        save(folder, 1)
        killed(partial(save, folder, 2), chance.uniform(0, whole))
        seen.add(step_of(folder))
        assert save(folder, 3) > "000001"
        assert step_of(folder) == 3
        assert not list(folder.glob(f"{files.TEMPORARY}*"))
    assert seen <= {1, 2}


OPERATIONS = ("fsync", "rename", "replace", "open", "mkdir", "chmod")


def test_killed_at_every_file_operation_of_a_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that dies in front of its k-th file operation, for every k."""
    calls = {"left": -1, "made": 0}

    def dying(operation: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            calls["made"] += 1
            if calls["made"] == calls["left"]:
                os.kill(os.getpid(), signal.SIGKILL)
            return operation(*args, **kwargs)

        return call

    for name in OPERATIONS:
        monkeypatch.setattr(os, name, dying(getattr(os, name)))
    save(tmp_path / "counted", 1)
    calls["made"] = 0
    save(tmp_path / "counted", 2)
    total = calls["made"]
    assert total >= 8
    seen = set()
    for k in range(1, total + 1):
        folder = tmp_path / f"at{k}"
        calls["left"] = -1
        save(folder, 1)
        calls["made"], calls["left"] = 0, k
        in_child(partial(save, folder, 2))
        calls["left"] = -1
        seen.add(step_of(folder))
    assert seen == {1, 2}, "some of these deaths come before the rename, and some after it"


def test_the_harness_can_fail(tmp_path: Path) -> None:
    """The same deaths over an in-place torch.save leave a file that does not load."""
    path, big = tmp_path / "model.pt", {"w": torch.zeros(2_000_000)}
    torch.save(big, path)
    whole = saving_time(lambda: torch.save(big, path))
    broken = 0
    chance = random.Random(1)
    for _ in range(25):
        torch.save(big, path)
        killed(lambda: torch.save(big, path), chance.uniform(0, whole))
        try:
            torch.load(path, weights_only=True)
        except Exception:
            broken += 1
        if broken:
            return
    pytest.fail("no death left a broken file: the test above would prove nothing")


# -- no room, no right -------------------------------------------------------------------------------------------------


def test_a_full_disk_is_said_and_loses_nothing(tmp_path: Path) -> None:
    save(tmp_path, 1)
    message = tmp_path / "message"

    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            save(tmp_path, 2)
        except Failure as failure:
            message.write_text(str(failure))

    assert in_child(full) == 0
    assert "NNC0903" in message.read_text()
    assert "000002" in message.read_text()
    assert step_of(tmp_path) == 1
    assert not list(tmp_path.glob(f"{files.TEMPORARY}*"))


def test_a_read_only_folder_is_said() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "run"
        save(folder, 1)
        message = Path(name) / "message"
        message.touch()
        message.chmod(0o666)
        Path(name).chmod(0o755)
        folder.chmod(0o555)

        def forbidden() -> None:
            if os.getuid() == 0:
                os.setuid(65534)  # root may write anywhere
            try:
                save(folder, 2)
            except Failure as failure:
                message.write_text(str(failure))

        assert in_child(forbidden) == 0
        folder.chmod(0o755)
        assert "NNC0903" in message.read_text()
        assert "Permission denied" in message.read_text()
        assert step_of(folder) == 1


def test_a_file_in_the_way_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Failure, match="cannot be written"):
        save(tmp_path / "file")


def test_write_file_replaces_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    files.write_file(path, b"old")
    files.write_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
    shutil.rmtree(tmp_path)
    with pytest.raises(Failure, match="No such file"):
        files.write_file(path, b"x")
