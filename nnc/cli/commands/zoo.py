"""Lists the networks that ship with nnc, by family: what flows in, parameters, and multiply-adds for that input. With a
FAMILY, or one of its networks, lists that family alone. What a network leaves free is counted at 224×224, or with 16
frames or words."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from nnc.cli.exits import OK, Misuse
from nnc.cli.options import add_format
from nnc.cli.output import print_json

if TYPE_CHECKING:
    from nnc.zoo import Network

EXAMPLES = """\
nnc zoo
nnc zoo resnet
nnc zoo --format json"""

PREFIXES = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("family", nargs="?", metavar="FAMILY", help="this family alone")
    add_format(parser, "text", "json")


def run(options: Namespace) -> int:
    from nnc.zoo import networks

    found = list(networks(None if options.family is None else _family(options.family)))
    if options.format == "json":
        print_json([asdict(network) for network in found])
    else:
        print("\n".join(_table(found)))
    return OK


def _family(name: str) -> str:
    """The family of this name, or the one whose variant it is. Raises Misuse where there is none."""
    from nnc.specs import families, find, variants

    try:
        find(name)
    except KeyError as error:
        raise Misuse(error.args[0]) from None
    plain = name.removeprefix("zoo:")
    return plain if plain in families() else next(f for f in families() if plain in variants(f))


def _table(networks: Iterable[Network]) -> Iterator[str]:
    """Aligned columns, an empty line between families of several."""
    rows = [
        (n.family, n.name, ", ".join(map(_shape, n.inputs.values())), f"{n.parameters:,}", _short(n.macs))
        for n in networks
    ]
    head = ("", "network", "input", "parameters", "multiply-adds")
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(1, 5)]
    last = ""
    for family, *cells in (head, *rows):
        if family != last and last and (_several(rows, family) or _several(rows, last)):
            yield ""
        last = family
        name, inputs, parameters, macs = cells
        yield f"{name:<{widths[0]}}  {inputs:<{widths[1]}}  {parameters:>{widths[2]}}  {macs:>{widths[3]}}"


def _several(rows: list[tuple[str, str, str, str, str]], family: str) -> bool:
    return sum(row[0] == family for row in rows) > 1


def _shape(shape: list[int]) -> str:
    """Without the batch, where that is the first dimension of several."""
    return "×".join(map(str, shape[1:] if len(shape) > 1 and shape[0] == 1 else shape))


def _short(count: int) -> str:
    """1,814,073,344 → 1.81 G."""
    for size, prefix in PREFIXES:
        if count >= size:
            return f"{count / size:.2f} {prefix}"
    return f"{count}  "
