"""Rewrites specs in one spelling: call strings, as people write them, or the mapping form that programs write. Comments
and layout stay; so does the meaning, which is checked before anything is written."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace

from nnc.cli.exits import FINDINGS, Misuse
from nnc.cli.options import add_spec
from nnc.cli.output import write_file
from nnc.cli.report import show
from nnc.cli.specs import compile_spec, read_spec_text
from nnc.compiler.render.visible import visible
from nnc.compiler.source.location import split_variant

EXAMPLES = """\
nnc fmt lenet5.yaml
nnc fmt --check *.yaml
nnc fmt --form mapping lenet5.yaml
nnc fmt --merged finetune.yaml
nnc fmt - < lenet5.yaml"""


def add_arguments(parser: ArgumentParser) -> None:
    add_spec(parser, several=True)
    parser.add_argument("--form", choices=("call", "mapping"), default="call", help="the spelling (default: call)")
    merged = "print the spec as one file: what it extends and includes, and specs that are layers, stand in it"
    parser.add_argument("--merged", action="store_true", help=merged)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where a file would change")


def run(options: Namespace) -> int:
    if options.merged:
        return max(_print_merged(given, options.form) for given in options.specs)
    return max(_format(given, options.form, options.check) for given in options.specs)


def _format(given: str, form: str, check: bool) -> int:
    from nnc.compiler.diagnostics import Problems
    from nnc.compiler.driver import default_catalogue
    from nnc.compiler.schema.fmt import format_text

    if given.startswith("zoo:") and not check:
        raise Misuse(f"{given} ships with nnc and stays as it is: copy it first")
    if split_variant(given)[1] is not None:
        raise Misuse(f"{given} is a part of a file: name the file alone")
    problems = Problems()
    text = read_spec_text(given, problems)
    name = "<stdin>" if given == "-" else given
    written = text and format_text(
        text, name, default_catalogue(), problems, form="mapping" if form == "mapping" else "call"
    )
    status = show(problems.sorted())
    if written is None or text is None:
        return status
    if given == "-" and not check:
        sys.stdout.write(written)
    elif written != text:
        print(f"{'would rewrite' if check else 'rewrote'} {visible(name)}", file=sys.stderr)
        if check:
            return max(status, FINDINGS)
        write_file(given, written)
    return status


def _print_merged(given: str, form: str) -> int:
    from nnc.compiler.driver import default_catalogue
    from nnc.compiler.schema.canonical import canonical
    from nnc.compiler.schema.yaml_text import yaml_text

    result = compile_spec(given, stop_after="schema")
    status = show(result.problems.sorted())
    if result.spec is not None and result.ok:
        print(yaml_text(canonical(result.spec, default_catalogue(), calls=form == "call")).rstrip("\n"))
    return status
