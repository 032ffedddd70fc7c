"""Files are there in whole or not at all; colour is for terminals."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from nnc.cli.output import wants_color, write_file


def test_text_and_bytes(tmp_path: Path) -> None:
    write_file(tmp_path / "made" / "on the way" / "a", "é\n")
    assert (tmp_path / "made" / "on the way" / "a").read_bytes() == b"\xc3\xa9\n"
    write_file(tmp_path / "a", b"\x00\xff")
    write_file(tmp_path / "a", b"again")
    assert (tmp_path / "a").read_bytes() == b"again"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "made"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "a"
    target.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Exception, match="No space left"):
        write_file(target, "new")
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write_file(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_devices_are_written_to() -> None:
    write_file(os.devnull, "gone")
    assert not Path(os.devnull).is_file()


def test_files_get_the_usual_mode(tmp_path: Path) -> None:
    write_file(tmp_path / "a", "")
    (tmp_path / "b").touch()
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "settings", "wanted"),
    [
        (Terminal(), {}, True),
        (io.StringIO(), {}, False),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {"FORCE_COLOR": "1"}, True),
        (io.StringIO(), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (Terminal(), {"NO_COLOR": ""}, True),
    ],
)
def test_color(stream: io.StringIO, settings: dict[str, str], wanted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert wants_color(stream) is wanted
