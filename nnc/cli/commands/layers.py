"""Lists everything that a spec may name: layers, functions, and what `data:` and `train:` know. With a NAME, shows
one: its signature, what each argument may be, which arguments are inferred, its results and its shapes."""

from __future__ import annotations

import textwrap
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nnc.cli.exits import OK, Misuse
from nnc.cli.options import add_format
from nnc.cli.output import print_json
from nnc.compiler.ops.registry import Argument, OpDef
from nnc.compiler.ops.signature import default_text, signature
from nnc.compiler.training.vocabulary.registry import CallDef

EXAMPLES = """\
nnc layers
nnc layers Conv2d
nnc layers flatten
nnc layers AdamW
nnc layers LSTM --format json"""

Named = OpDef | CallDef
SECTIONS = {
    "dataset": "data",
    "transform": "data",
    "sampler": "data",
    "mixture": "train",
    "loss": "train",
    "metric": "train",
    "optimizer": "train",
    "scheduler": "train",
}


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="show this one: a layer, a function, an optimizer, …")
    add_format(parser, "text", "json")


def run(options: Namespace) -> int:
    vocabulary = _vocabulary()
    if options.name is None:
        _list(vocabulary, options.format)
        return OK
    name = _plain(options.name)
    found = [items[name] for items in vocabulary.values() if name in items]
    if not found:
        raise Misuse(_unknown(name, [n for items in vocabulary.values() for n in items]))
    if options.format == "json":
        print_json([_describe(each) for each in found])
    else:
        print("\n\n".join(_card(each) for each in found))
    return OK


def _plain(name: str) -> str:
    """`Linear` of `torch.nn.Linear`, `fft.rfft` of `torch.fft.rfft`."""
    for prefix in ("torch.", "torchvision.ops.", "nn.", "functional.", "F."):
        name = name.removeprefix(prefix)
    return name


def _unknown(name: str, known: list[str]) -> str:
    """What to say of a name that nothing has."""
    from nnc.compiler.ops.not_ops import instead
    from nnc.compiler.ops.other_names import elsewhere
    from nnc.compiler.suggest import closest

    advice = instead(name, known) or elsewhere(name, known)
    if advice is not None:
        return f"`{name}` is neither a layer nor a function here: {advice}"
    meant = closest(name, known)
    return f"nothing is called `{name}`: " + (f"did you mean `{meant}`?" if meant else "`nnc layers` lists them all")


def _vocabulary() -> dict[str, dict[str, Named]]:
    """Everything by name, under the heading it is listed by: the families of layers first."""
    from nnc.compiler.driver import default_catalogue
    from nnc.compiler.training.vocabulary import VOCABULARY

    catalogue = default_catalogue()
    groups: dict[str, dict[str, Named]] = {}
    for op in catalogue.values():
        groups.setdefault(op.family, {})[op.name] = op
    for alias, name in catalogue.aliases.items():
        groups[catalogue[name].family][alias] = catalogue[name]
    groups = dict(sorted(groups.items()))
    return groups | dict(sorted((f"{SECTIONS[group]}: {group}", dict(v)) for group, v in VOCABULARY.items()))


def _list(vocabulary: Mapping[str, Mapping[str, Named]], form: str) -> None:
    if form == "json":
        print_json({heading: [_describe(each) for each in items.values()] for heading, items in vocabulary.items()})
        return
    width = max(map(len, vocabulary)) + 2
    for heading, items in vocabulary.items():
        names = "  ".join(sorted(items, key=lambda n: (not n[0].isupper(), n.lower())))
        print(textwrap.fill(f"{heading:<{width}}{names}", 120, subsequent_indent=" " * width, break_on_hyphens=False))


def _card(item: Named) -> str:
    """One item as a person wants it: the call, the text, then a line per argument."""
    lines = [_call(item), ""]
    lines += [f"  {line}".rstrip() for line in textwrap.dedent("    " + item.doc).strip().splitlines()]
    rows = list(_rows(item))
    if rows:
        width = max(len(name) for name, _ in rows)
        lines += ["", *(f"  {name:<{width}}  {text}" for name, text in rows)]
    if isinstance(item, OpDef) and item.results:
        lines += ["", f"  results: {', '.join(item.results)}"]
    return "\n".join(lines)


def _call(item: Named) -> str:
    kind = f"{item.form}, {item.family}" if isinstance(item, OpDef) else item.group
    return f"{signature(item.name, item.arguments)}    ({kind})"


def _rows(item: Named) -> Iterator[tuple[str, str]]:
    if isinstance(item, OpDef):
        for argument in item.inputs:
            yield argument.name, _words(argument, "what flows in, or `from:`")
    for argument in item.arguments:
        yield argument.name, _words(argument)
    if isinstance(item, OpDef):
        for argument in item.calls:
            yield argument.name, _words(argument, "in `call:`")
    else:
        for name, reason in item.omitted.items():
            yield name, f"cannot be given: {reason}"


def _words(argument: Argument, *more: str) -> str:
    about = [argument.kind.words, *more]
    if argument.inferred:
        about.append("inferred from what flows in; written, it is checked")
    elif argument.required:
        about.append("required")
    elif not argument.variadic:
        about.append(f"default {default_text(argument)}")
    if argument.since:
        about.append(f"since torch {argument.since}")
    return "; ".join(about)


def _describe(item: Named) -> dict[str, Any]:
    """The same for programs."""
    shared = {"name": item.name, "signature": signature(item.name, item.arguments), "doc": item.doc.strip()}
    arguments = {"arguments": _arguments(item.arguments)}
    if isinstance(item, CallDef):
        return {"kind": item.group, **shared, **arguments, "omitted": dict(item.omitted)}
    return {
        "kind": item.form,
        "family": item.family,
        **shared,
        "inputs": _arguments(item.inputs),
        **arguments,
        "call": _arguments(item.calls),
        "results": list(item.results),
    }


def _arguments(arguments: Iterable[Argument]) -> list[dict[str, Any]]:
    return [
        {
            "name": a.name,
            "expects": a.kind.words,
            "required": a.required,
            "inferred": a.inferred,
            **({} if a.required or a.inferred or a.variadic else {"default": default_text(a)}),
        }
        for a in arguments
    ]
