"""Options that several commands share, and what their values mean: `--set k=v`, `--size H=224,W=224`, `--format`."""

from __future__ import annotations

from argparse import Action, ArgumentParser, ArgumentTypeError
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nnc.cli.exits import Misuse

if TYPE_CHECKING:
    from nnc.compiler.weights import GivenWeights

__all__ = [
    "add_depth",
    "add_device",
    "add_format",
    "add_set",
    "add_size",
    "add_spec",
    "add_trust",
    "add_weights",
    "not_negative",
    "parse_given_weights",
    "parse_set",
    "parse_size",
    "positive",
]

EMPTY = "NNC0114"  # what a text says that is empty or null: no spec, but a value


def add_spec(parser: ArgumentParser, *, several: bool = False) -> Action:
    """The spec, or specs, to work on."""
    what = "a .yaml or .json spec; `-` reads standard input, `zoo:NAME` takes one that ships with nnc, `FILE#NAME` a variant"
    if several:
        return parser.add_argument("specs", nargs="+", metavar="FILE", help=what)
    return parser.add_argument("spec", metavar="FILE", help=what)


def add_set(parser: ArgumentParser) -> None:
    """`--set`: values of the spec's `args:`."""
    what = "give an argument of the spec a value, as in YAML: --set num_classes=10 --set 'layers=[3, 4, 23, 3]'"
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help=what)


def add_size(parser: ArgumentParser) -> None:
    """`--size`: sizes of free dimensions."""
    parser.add_argument(
        "--size",
        action="append",
        default=[],
        metavar="NAME=SIZE[,…]",
        help="give free dimensions a size: --size B=1,H=224,W=224",
    )


def add_weights(parser: ArgumentParser) -> None:
    """`--weights`: trained weights to begin with."""
    parser.add_argument(
        "--weights",
        metavar="FILE|NAME",
        help="load trained weights, instead of what `weights:` says: a .safetensors or .pt file, torchvision's name such as "
        "IMAGENET1K_V2, or '{file: model.pt, strict: false}'",
    )


def parse_given_weights(written: str | None) -> GivenWeights | None:
    """The value of `--weights`. Raises Misuse where it has another form."""
    if written is None:
        return None
    from nnc.compiler.diagnostics import Problems
    from nnc.compiler.weights import parse_weights

    problems = Problems()
    found = parse_weights(written, problems)
    if found is None:
        raise Misuse(f"--weights: {next(iter(problems)).message}")
    return found


def add_trust(parser: ArgumentParser) -> None:
    """`--trust`: whether Python files that a spec names may be run."""
    parser.add_argument("--trust", action="store_true", help="run the Python files that the spec's `imports:` names")


def add_depth(parser: ArgumentParser, what: str) -> None:
    """`--depth`: how deep to look into nested modules."""
    parser.add_argument("--depth", type=not_negative, metavar="N", help=what)


def add_device(parser: ArgumentParser) -> None:
    """`--device`, under torch's names."""
    parser.add_argument("--device", metavar="DEVICE", help="auto, cpu, cuda, cuda:1, mps (default: auto)")


def positive(text: str) -> int:
    """The value of an option that counts something: an argparse type."""
    return _whole(text, 1)


def not_negative(text: str) -> int:
    """The value of an option that may be 0: an argparse type."""
    return _whole(text, 0)


def _whole(text: str, least: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18 and int(text) >= least):
        raise ArgumentTypeError(f"a whole number from {least} on, not {text[:40]!r}")
    return int(text)


def add_format(parser: ArgumentParser, *formats: str) -> None:
    """`--format`, whose first choice is the default."""
    parser.add_argument("--format", choices=formats, default=formats[0], help=f"what to print (default: {formats[0]})")


def parse_set(settings: Iterable[str]) -> dict[str, Any]:
    """`["width=8", "layers=[3, 4]"]` → `{"width": 8, "layers": [3, 4]}`. Values are read as a spec's own would be:
    YAML 1.2, bounded, no tags. Raises Misuse for what is not NAME=VALUE, not YAML, or given twice."""
    from nnc.compiler.diagnostics import Problems
    from nnc.compiler.source import read_text
    from nnc.compiler.source.tree import to_plain

    values: dict[str, Any] = {}
    for setting in settings:
        name, written = _pair("--set", setting, "width=64")
        if name in values:
            raise Misuse(f"--set {name} is given twice")
        problems = Problems()
        tree = read_text(written, f"--set {name}", problems)
        if any(d.code != EMPTY for d in problems):
            raise Misuse(f"--set {name}: {next(iter(problems)).message}")
        values[name] = None if tree is None else to_plain(tree)
    return values


def parse_size(sizes: Iterable[str]) -> dict[str, int]:
    """`["B=1,H=224", "W=224"]` → `{"B": 1, "H": 224, "W": 224}`. Raises Misuse for anything else."""
    values: dict[str, int] = {}
    for pair in (p for group in sizes for p in group.split(",")):
        name, written = _pair("--size", pair, "H=224")
        if name in values:
            raise Misuse(f"--size {name} is given twice")
        if not (written.isascii() and written.isdigit() and len(written) <= 18 and int(written) >= 1):
            raise Misuse(f"--size {pair}: a size is a positive integer, not `{written}`")
        values[name] = int(written)
    return values


def _pair(option: str, text: str, example: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip().isidentifier():
        raise Misuse(f"{option} {text}: write NAME=VALUE, such as {option} {example}")
    return name.strip(), value.strip()
