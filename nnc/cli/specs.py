"""The spec that a command line names: a file, `-` for standard input, or `zoo:NAME` for one that ships with nnc;
`resnet.yaml#resnet18` is a variant."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnc.cli.exits import Misuse
from nnc.compiler.source.location import split_variant

if TYPE_CHECKING:
    from nnc.compiler.diagnostics import Problems
    from nnc.compiler.driver import Compilation, Stage

__all__ = ["compile_spec", "read_spec_text", "refuse_own_input", "spec_path", "stem"]


def compile_spec(
    given: str,
    *,
    args: Mapping[str, Any] | None = None,
    sizes: Mapping[str, int] | None = None,
    stop_after: Stage = "verify",
    trust: bool = True,
) -> Compilation:
    """Runs the pipeline on it, which imports nothing, whether it is trusted or not. What is wrong with the spec, a file that
    cannot be read included, is in the result's `problems`.

    Raises Misuse for a `zoo:` name that does not exist."""
    from nnc.compiler.driver import compile_file, compile_text

    if given == "-":
        return compile_text(
            _standard_input(), name="<stdin>", folder=".", args=args, sizes=sizes, stop_after=stop_after, trust=trust
        )
    return compile_file(spec_path(given), args=args, sizes=sizes, stop_after=stop_after, trust=trust)


def spec_path(given: str) -> str:
    """The path of a file or a `zoo:` name, perhaps with a variant behind it. Raises Misuse for one that does not ship."""
    if not given.startswith("zoo:"):
        return given
    from nnc.specs import find

    try:
        return find(given)
    except KeyError as error:
        raise Misuse(error.args[0]) from None


def stem(given: str) -> str:
    """What output files are called: the variant, or the spec's file name without its suffix, whatever `name:` says in
    it."""
    file, variant = split_variant(given.removeprefix("zoo:"))
    return "model" if given == "-" else variant or Path(file).stem


def read_spec_text(given: str, problems: Problems) -> str | None:
    """The text of its file; None after reporting why it cannot be read. Raises Misuse as `compile_spec` does."""
    if given == "-":
        return _standard_input()
    from nnc.compiler.source import read_file

    read = read_file(split_variant(spec_path(given))[0], problems)
    return None if read is None else read[0].text


def _standard_input() -> str:
    """The text, read no further than any spec may be long."""
    from nnc.compiler.source.guard import LIMITS

    data = sys.stdin.buffer.read(4 * LIMITS.characters + 1)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Misuse(f"standard input is not UTF-8: byte {error.start} is 0x{data[error.start]:02x}") from None


def refuse_own_input(given: str, *outputs: str | Path) -> None:
    """Raises Misuse where a command would write over the spec that it reads."""
    file, _ = split_variant(given)
    for output in outputs:
        if given != "-" and os.path.exists(output) and os.path.exists(file) and os.path.samefile(file, output):
            raise Misuse(f"{output} is the spec itself: choose another place with -o")
