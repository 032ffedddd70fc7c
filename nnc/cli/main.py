"""Finds the command, runs it, and turns what happens into an exit code and, for a fault, one line; never a traceback.

Only the command that runs is imported, and a command imports what it needs when it needs it: `nnc check` answers in a
fraction of the time that importing torch takes. NNC_DEBUG=1 shows the traceback of an internal error.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from typing import NoReturn, Protocol, cast

from nnc.cli.exits import INTERNAL, INTERRUPTED, MISUSE, OK, UNREAD, Misuse
from nnc.cli.output import tolerate_any_text
from nnc.compiler.render.visible import visible

__all__ = ["COMMANDS", "Command", "command_parser", "main"]

COMMANDS = {
    "check": "find every fault of a spec, and infer its shapes",
    "summary": "show layers, output shapes, parameters and multiply-adds",
    "render": "draw a network as SVG, PNG, PDF, DOT or Mermaid",
    "compile": "compile a spec to one file that loads anywhere, to Python source, or to a drawing",
    "plan": "plan training on paper: memory of each GPU, largest batch, traffic, what to compute anew",
    "data": "show the data that a spec names",
    "train": "train a spec on the data that it names",
    "eval": "evaluate a trained run, or a saved model",
    "predict": "run a saved model on inputs",
    "weights": "show the tensors in a file of weights, rename and convert them",
    "export": "write a trained network as .pt, ONNX, .pt2 or Python",
    "runs": "list the runs in a folder, or compare two",
    "fmt": "write a spec in its canonical form",
    "explain": "explain a diagnostic code",
    "layers": "list what a spec may name, or show the signature of one layer",
    "zoo": "list the networks that ship with nnc, with their parameters and multiply-adds",
    "schema": "print the JSON Schema that editors complete and check specs with",
}


class Command(Protocol):
    """What a file in `commands/` offers. Its docstring is the description that `--help` shows."""

    EXAMPLES: str

    def add_arguments(self, parser: ArgumentParser) -> None: ...

    def run(self, options: Namespace) -> int: ...


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `nnc` with these arguments (the process's own by default) and returns its exit code."""
    tolerate_any_text(sys.stdout, sys.stderr)
    if argv is None:
        # A command makes little garbage and soon ends: looking for it takes 5 % of `nnc check`.
        gc.set_threshold(50_000)
    try:
        status = _run(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
        return status
    except SystemExit as exit:  # argparse, after --help or a misuse that it has shown
        return exit.code if isinstance(exit.code, int) else MISUSE
    except KeyboardInterrupt:
        return _tell("interrupted", INTERRUPTED)
    except BrokenPipeError:
        return _unread()
    except Misuse as misuse:
        return _tell(f"error: {misuse}", MISUSE)
    except Exception as error:
        return _end(error)


def _run(arguments: list[str]) -> int:
    name = arguments[0] if arguments else ""
    if name in ("-h", "--help", "help"):
        if name == "help" and len(arguments) > 1:
            return _run([arguments[1], "--help"])
        print(_overview())
        return OK
    if name in ("-V", "--version"):
        from nnc import __version__

        print(f"nnc {__version__}")
        return OK
    if name not in COMMANDS:
        return _unknown(name)
    command = _load(name)
    options = command_parser(name, command).parse_args(arguments[1:], Namespace(arguments=arguments))
    return command.run(options)


def _load(name: str) -> Command:
    """The command's module. `name` is a key of COMMANDS."""
    return cast(Command, importlib.import_module(f"nnc.cli.commands.{name}"))


def command_parser(name: str, command: Command | None = None) -> ArgumentParser:
    """The argument parser of one command."""
    command = command if command is not None else _load(name)
    parser = _Parser(
        prog=f"nnc {name}",
        description=command.__doc__ or COMMANDS[name],
        epilog="examples:\n" + "".join(f"  {line}\n" for line in command.EXAMPLES.splitlines()),
        formatter_class=_Formatter,
        allow_abbrev=False,
    )
    command.add_arguments(parser)
    return parser


class _Formatter(RawDescriptionHelpFormatter):
    """Paragraphs are filled to the width of the terminal; those with an indented line stay as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        import textwrap

        filled = (p if "\n  " in p else textwrap.fill(p, width) for p in text.strip().split("\n\n"))
        return "\n\n".join(filled)


class _Parser(ArgumentParser):
    """argparse, with a shorter answer to misuse, and "did you mean" for a misspelled option."""

    def error(self, message: str) -> NoReturn:
        from nnc.compiler.suggest import closest

        unknown = message.removeprefix("unrecognized arguments: ").split("=")[0].split()[0]
        known = [o for a in self._actions for o in a.option_strings if o.startswith("--") and "=" not in o]
        meant = closest(unknown, known) if unknown.startswith("--") else None
        hint = f": did you mean {meant}?" if meant else ""
        self.exit(MISUSE, f"{self.prog}: error: {visible(message)}{hint}\n  see {self.prog} --help\n")


def _overview() -> str:
    width = max(map(len, COMMANDS))
    commands = "\n".join(f"  {name:<{width}}  {line}" for name, line in COMMANDS.items())
    return f"""\
nnc — write a network in YAML, check every shape, compile it to an nn.Module

usage: nnc COMMAND …            nnc COMMAND --help shows its options and examples

{commands}

examples:
  nnc check lenet5.yaml
  nnc summary zoo:resnet --size B=1,H=224,W=224
  nnc compile lenet5.yaml --render -o out

exit codes: 0 ok, 1 findings, 2 misuse; 130 and 143 stopped by Ctrl-C and SIGTERM"""


def _unknown(name: str) -> int:
    if not name:
        print(_overview(), file=sys.stderr)
        return MISUSE
    from nnc.compiler.suggest import closest

    meant = closest(name, COMMANDS)
    hint = f": did you mean `{meant}`?" if meant else f": it has {', '.join(COMMANDS)}"
    return _tell(f"error: there is no command `{name}`{hint}", MISUSE)


def _end(error: Exception) -> int:
    """Shows what ended the command: faults of a spec, a file or the data as diagnostics, anything else in one line."""
    from nnc.compiler.driver import SpecError
    from nnc.runtime.failure import Failure

    if isinstance(error, SpecError | Failure):
        from nnc.cli.report import show

        return show(error.diagnostics)
    if os.environ.get("NNC_DEBUG"):
        import traceback

        traceback.print_exception(error)
    if isinstance(error, OSError):
        place = f"{os.fspath(error.filename)}: " if isinstance(error.filename, str) else ""
        return _tell(f"error: {place}{error.strerror or error}", MISUSE)
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    place = f" at {os.path.basename(last.tb_frame.f_code.co_filename)}:{last.tb_lineno}" if last is not None else ""
    what = f"{type(error).__name__}{place}: {str(error)[:300]}"
    please = "please report it with the file that causes it; NNC_DEBUG=1 shows more"
    return _tell(f"internal error: {what} ({please})", INTERNAL)


def _tell(line: str, status: int) -> int:
    try:
        print(f"nnc: {visible(line)}", file=sys.stderr)
    except BrokenPipeError:
        return _unread()
    return status


def _unread() -> int:
    """Points the streams at nothing, else Python complains about them while it exits."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nothing, stream)
    return UNREAD
