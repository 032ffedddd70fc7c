"""Prints the JSON Schema (draft-07) of the spec language. An editor that knows it completes and checks specs while
they are written; a spec names it in its first line: # yaml-language-server: $schema=nnc.schema.json"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace

from nnc.cli.exits import OK
from nnc.cli.output import write_file

EXAMPLES = """\
nnc schema > nnc.schema.json
nnc schema -o nnc.schema.json"""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("-o", "--output", metavar="FILE", default="-", help="default: standard output")


def run(options: Namespace) -> int:
    from nnc.compiler.driver import default_catalogue
    from nnc.compiler.schema import published_schema

    schema = published_schema(default_catalogue())
    write_file(options.output, json.dumps(schema, indent=2, ensure_ascii=False) + "\n")
    return OK
