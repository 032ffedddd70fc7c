"""Shows the tensors in a file of weights: a .safetensors file, a model that nnc saved, or a checkpoint of torch's, which is
opened as data and never as code. --for says which of them a spec's network would take.

--rename gives them other names: a prefix (`module.=`), or a pattern in which `*` is a part between dots and `**` anything, and
stars on the right are what they were on the left (`encoder.layer.*.**=blocks.*.**`); of several the first that fits. --to
writes the result."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnc.cli.exits import FINDINGS, OK, Misuse
from nnc.cli.options import add_format, add_set, parse_set
from nnc.cli.output import note_written, print_json
from nnc.compiler.render.visible import visible

if TYPE_CHECKING:
    from nnc.runtime.weights.transfer import Transfer

EXAMPLES = """\
nnc weights resnet18.pt
nnc weights checkpoint.pt --rename module.= --to resnet18.safetensors
nnc weights bert.pt --rename 'encoder.layer.*.**=blocks.*.**' --only 'blocks.*' --for bert.yaml
nnc weights model.safetensors --dtype bfloat16 --to half.pt"""
ENDS = (".safetensors", ".pt", ".pth")


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a .safetensors file, or a checkpoint such as model.pt")
    parser.add_argument(
        "--rename", action="append", default=[], metavar="OLD=NEW", help="other names; may be repeated, see above"
    )
    parser.add_argument("--only", action="append", default=[], metavar="GLOB", help="of the new names; may be repeated")
    parser.add_argument(
        "--dtype", choices=("float16", "bfloat16", "float32", "float64"), help="what floating numbers become"
    )
    parser.add_argument("--to", metavar="FILE", help="write them: .safetensors or .pt")
    parser.add_argument("--for", dest="spec", metavar="SPEC", help="a spec: say what of its network they fill")
    add_set(parser)
    add_format(parser, "text", "json")


def run(options: Namespace) -> int:
    from nnc.compiler.diagnostics import Problems
    from nnc.compiler.weights import parse_weights

    if options.to and Path(options.to).suffix.lower() not in ENDS:
        raise Misuse(f"--to {options.to}: the name ends with {', '.join(ENDS)}")
    if (
        options.to
        and Path(options.to).exists()
        and Path(options.file).exists()
        and Path(options.to).samefile(options.file)
    ):
        raise Misuse("--to names the file itself: choose another name")
    problems = Problems()
    written = {"file": options.file, "strict": False, "rename": _renames(options.rename)}
    weights = parse_weights(json.dumps(written), problems)
    if weights is None or (fault := weights.wrong_rename()):
        raise Misuse(f"--rename: {next(iter(problems)).message if weights is None else fault}")

    from nnc.runtime.weights.weight_files import chosen, write_tensors_to

    tensors = chosen(weights, options.only, options.dtype)
    account, advice = _account(options, tensors) if options.spec else (None, [])
    if options.to:
        write_tensors_to(Path(options.to), tensors)
        note_written(options.to)
    if options.format == "json":
        _print_json(options.file, tensors, account)
    elif account is not None:
        for i, line in enumerate(account.lines()):
            print(f"{'  ' if i else ''}{visible(line)}")
        for line in advice:
            print(f"  {visible(line)}")
    elif not options.to:
        _print(tensors)
    return OK if account is None or account.loaded else FINDINGS


def _renames(given: Sequence[str]) -> dict[str, str]:
    rules: dict[str, str] = {}
    for text in given:
        old, equals, new = text.partition("=")
        if not equals or not old or old in rules:
            raise Misuse(f"--rename {text}: write OLD=NEW, such as module.= or 'encoder.*.**=blocks.*.**', each once")
        rules[old] = new
    return rules


def _account(options: Namespace, tensors: Mapping[str, Any]) -> tuple[Transfer, list[str]]:
    """What of the spec's network they would fill, and what would help. Raises SpecError where the spec has faults."""
    from nnc.api import instantiate
    from nnc.cli.specs import compile_spec
    from nnc.runtime.training.state import model_tensors
    from nnc.runtime.weights.transfer import compared, hints

    args = parse_set(options.set)
    model = instantiate(compile_spec(options.spec, args=args), args=args)
    account = compared(model, tensors, options.file)
    return account, [] if account.complete else list(hints(tensors, model_tensors(model)))


def _print(tensors: Mapping[str, Any]) -> None:
    rows = [(visible(n), str(list(t.shape)), str(t.dtype).removeprefix("torch.")) for n, t in tensors.items()]
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(2)]
    for name, shape, dtype in rows:
        print(f"{name:<{widths[0]}}  {shape:<{widths[1]}}  {dtype}")
    numbers = sum(t.numel() for t in tensors.values())
    print(f"{len(rows)} tensors, {numbers:,} numbers, {sum(t.nbytes for t in tensors.values()) / 1e6:,.1f} MB")


def _print_json(file: str, tensors: Mapping[str, Any], account: Transfer | None) -> None:
    found: dict[str, Any] = {
        "file": file,
        "tensors": {
            n: {"shape": list(t.shape), "dtype": str(t.dtype).removeprefix("torch.")} for n, t in tensors.items()
        },
    }
    if account is not None:
        found["transfer"] = {
            "loaded": list(account.loaded), "missing": list(account.missing), "unexpected": list(account.unexpected),
            "misfits": dict(account.misfits), "total": account.total,
        }  # fmt: skip
    print_json(found)
