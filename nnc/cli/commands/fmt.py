"""Rewrites specs in one spelling, call strings as people write them or the mapping form that programs write. Comments and layout stay; the
meaning does too, which is checked before anything is written."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace

from nnc.cli.exits import FINDINGS, OK
from nnc.cli.options import add_spec
from nnc.cli.output import write_file
from nnc.cli.report import show
from nnc.cli.specs import read_spec_text

EXAMPLES = """\
nnc fmt lenet5.yaml
nnc fmt --check *.yaml
nnc fmt --form mapping lenet5.yaml
nnc fmt - < lenet5.yaml"""


def add_arguments(parser: ArgumentParser) -> None:
    add_spec(parser, several=True)
    parser.add_argument("--form", choices=("call", "mapping"), default="call", help="the spelling to write (default: call)")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where a file would change")
