"""Every way a command can end: its exit code, and no traceback ever."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest

from nnc.cli import main as main_module_entry
from nnc.cli.exits import FINDINGS, INTERNAL, INTERRUPTED, MISUSE, OK, UNREAD, Misuse
from nnc.cli.main import COMMANDS, command_parser
from nnc.compiler.driver import compile_mapping

main_module = sys.modules["nnc.cli.main"]


# -- help --------------------------------------------------------------------------------------------------------------


def test_the_overview_lists_every_command(nnc) -> None:
    shown = nnc("--help")
    assert shown.code == OK
    for name, line in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(line)}$", shown.out, re.MULTILINE)


def test_every_file_is_a_command() -> None:
    folder = Path(main_module.__file__).parent / "commands"
    assert {p.stem for p in folder.glob("*.py")} - {"__init__"} == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_a_description_and_examples(nnc, name: str) -> None:
    shown = nnc(name, "--help")
    assert shown.code == OK
    description, examples = shown.out.split("examples:\n")
    assert len(description.split("\n\n")[1]) > 60
    assert all(line.startswith("  ") and f"nnc {name}" in line for line in examples.strip("\n").splitlines())
    assert nnc("help", name).out == shown.out


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_parse(name: str) -> None:
    parser = command_parser(name)
    assert parser.epilog is not None
    for line in parser.epilog.splitlines()[1:]:
        words = shlex.split(line[line.index(f"nnc {name}") :].split(" < ")[0].split(" > ")[0])
        assert parser.parse_args(words[2:])


def test_version(nnc) -> None:
    from nnc import __version__

    assert nnc("--version").out == f"nnc {__version__}\n"


# -- misuse ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "usage: nnc COMMAND"),
        (["chek"], "nnc: error: there is no command `chek`: did you mean `check`?"),
        (["serve"], "there is no command `serve`: it has check, summary"),
        (["check"], "nnc check: error: the following arguments are required: FILE"),
        (["check", "lenet.yaml", "--fromat", "json"], "unrecognized arguments: --fromat json: did you mean --format?"),
        (["check", "lenet.yaml", "--format", "xml"], "argument --format: invalid choice: 'xml'"),
        (["check", "lenet.yaml", "--form", "json"], "unrecognized arguments: --form json"),
        (["check", "zoo:lenet"], "no spec called `zoo:lenet` ships with nnc: did you mean `zoo:lenet5`?"),
        (["check", "zoo:../lenet5"], "no spec called `zoo:../lenet5` ships with nnc"),
        (["summary", "lenet.yaml", "--depth", "-1"], "argument --depth: a whole number from 0 on, not '-1'"),
        (["check", "lenet.yaml", "--size", "H=big"], "--size H=big: a size is a positive integer, not `big`"),
        (["check", "lenet.yaml", "--set", "classes"], "--set classes: write NAME=VALUE, such as --set width=64"),
        (["\x1b[31mred"], "there is no command `\\x1b[31mred`"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else "",
)
def test_misuse(nnc, argv: list[str], said: str) -> None:
    ended = nnc(*argv)
    assert ended.code == MISUSE
    assert said in ended.err
    assert ended.out == ""


def test_a_file_that_is_not_there_is_misuse(nnc) -> None:
    ended = nnc("check", "lenett.yaml")
    assert ended.code == MISUSE
    assert "NNC0101" in ended.out
    assert "did you mean `lenet.yaml`?" in ended.out


def test_a_folder_where_a_file_is_wanted_is_misuse(nnc, folder: Path) -> None:
    (folder / "net.yaml").mkdir()
    assert nnc("check", "net.yaml").code == MISUSE
    (folder / "out.svg").mkdir()
    ended = nnc("render", "lenet.yaml", "-o", "out.svg")
    assert ended.code == MISUSE
    assert "Traceback" not in ended.err


# -- faults of nnc, and of the world -----------------------------------------------------------------------------------


def command_that(monkeypatch: pytest.MonkeyPatch, end: Callable[[], int]) -> None:
    """Replaces `nnc check` by one that ends so."""

    def add_arguments(parser: ArgumentParser) -> None: ...

    def run(options: Namespace) -> int:
        return end()

    stand_in = SimpleNamespace(EXAMPLES="nnc check", __doc__="", add_arguments=add_arguments, run=run)
    monkeypatch.setattr(main_module, "_load", lambda name: stand_in)


def raising(error: BaseException) -> Callable[[], NoReturn]:
    def end() -> NoReturn:
        raise error

    return end


def test_an_unexpected_exception_is_one_line(nnc, monkeypatch: pytest.MonkeyPatch) -> None:
    command_that(monkeypatch, raising(KeyError("lost\x1b[2J\nkey")))
    ended = nnc("check")
    assert ended.code == INTERNAL
    assert re.fullmatch(r"nnc: internal error: KeyError at test_main\.py:\d+: .*please report it.*\n", ended.err)
    assert "\x1b" not in ended.err


def test_nnc_debug_shows_the_traceback(nnc, monkeypatch: pytest.MonkeyPatch) -> None:
    command_that(monkeypatch, raising(KeyError("lost")))
    monkeypatch.setenv("NNC_DEBUG", "1")
    ended = nnc("check")
    assert ended.code == INTERNAL
    assert "Traceback (most recent call last)" in ended.err


def test_interrupted(nnc, monkeypatch: pytest.MonkeyPatch) -> None:
    command_that(monkeypatch, raising(KeyboardInterrupt()))
    ended = nnc("check")
    assert (ended.code, ended.err) == (INTERRUPTED, "nnc: interrupted\n")


def test_misuse_that_a_command_finds(nnc, monkeypatch: pytest.MonkeyPatch) -> None:
    command_that(monkeypatch, raising(Misuse("no")))
    ended = nnc("check")
    assert (ended.code, ended.err) == (MISUSE, "nnc: error: no\n")


def test_what_the_system_refuses_names_the_file(nnc, monkeypatch: pytest.MonkeyPatch) -> None:
    command_that(monkeypatch, raising(PermissionError(13, "Permission denied", "/secret")))
    ended = nnc("check")
    assert (ended.code, ended.err) == (MISUSE, "nnc: error: /secret: Permission denied\n")


def test_a_spec_error_that_a_command_lets_pass_is_shown(nnc, monkeypatch: pytest.MonkeyPatch) -> None:
    command_that(monkeypatch, lambda: len(compile_mapping({"nnc": 1, "inputs": {}, "layers": {}}).graph.nodes))
    ended = nnc("check")
    assert ended.code == FINDINGS
    assert "error[NNC" in ended.err


def in_a_process(*argv: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "nnc", *argv]
    root = Path(__file__).parents[2]
    return subprocess.run(command, cwd=root, capture_output=True, timeout=120, check=False, **options)  # type: ignore[call-overload,no-any-return]


def test_python_m_nnc() -> None:
    assert in_a_process("--version").stdout.startswith(b"nnc ")


def test_a_closed_pipe_ends_quietly() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "nnc", "schema"]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], stdout=writing, stderr=subprocess.PIPE, timeout=120, check=False
    )
    os.close(writing)
    assert done.returncode == UNREAD
    assert done.stderr == b""


def test_a_stream_that_cannot_say_it_gets_escapes() -> None:
    done = in_a_process("check", "zoo:lenet5", env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert done.returncode == OK
    assert rb"\u2192 [B, 10]" in done.stdout


def test_the_entry_point_is_the_same_function() -> None:
    assert main_module_entry is main_module.main
