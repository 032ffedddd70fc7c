"""Compiles a spec. Without --emit, writes one .safetensors file that holds the canonical spec and freshly initialized
weights, or those that `weights:` names: it loads anywhere, without pickle and without the YAML. Files are named after the
spec's file.

--emit may be given several times:
  safetensors   spec and weights in one file (the default)
  python        the module's source, which needs torch alone
  onnx pt2      an ONNX model (pip install 'nnc[onnx]'), torch.export's program: with the same weights, and compared with
                the network before they are written; free sizes stay free as far as torch can show that they may
  json          the typed graph as data
  yaml          the spec in its canonical form
  svg png pdf   the drawing; --render is short for --emit svg
  dot mmd       the drawing as Graphviz or Mermaid text

--stop-after prints what a stage delivers, and writes nothing:
  source        the text as a tree, YAML resolved
  schema        the spec in its canonical form
  elaborate     the typed graph, before anything is known of its free dimensions
  requirements  what the network requires of its free dimensions
  passes        the typed graph, simplified
  verify        the same, after every node was inferred a second time
  emit          the Python source"""

from __future__ import annotations

import json
import sys
from argparse import SUPPRESS, ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from nnc.cli.exits import OK
from nnc.cli.options import (
    add_set,
    add_size,
    add_spec,
    add_weights,
    not_negative,
    parse_given_weights,
    parse_set,
    parse_size,
)  # fmt: skip
from nnc.cli.output import note_written, write_file
from nnc.cli.pictures import PICTURES, picture
from nnc.cli.report import show
from nnc.cli.specs import compile_spec, refuse_own_input, stem
from nnc.cli.stages import STAGES, stage_text
from nnc.compiler.render.visible import visible

if TYPE_CHECKING:
    from nnc.compiler.driver import Compilation, Stage
    from nnc.compiler.weights import GivenWeights

EXAMPLES = """\
nnc compile lenet5.yaml
nnc compile lenet5.yaml --render -o out
nnc compile zoo:resnet --set num_classes=10 --emit python --emit png -o out
nnc compile lenet5.yaml --stop-after verify"""

BUILT = {"safetensors": ".safetensors", "onnx": ".onnx", "pt2": ".pt2"}  # they hold weights
SUFFIXES = BUILT | {"python": ".py", "json": ".json", "yaml": ".yaml"}
SUFFIXES |= {kind: f".{kind}" for kind in PICTURES}


def add_arguments(parser: ArgumentParser) -> None:
    add_spec(parser)
    add_set(parser)
    add_size(parser)
    parser.add_argument("-o", "--output", metavar="DIR", default=".", help="the folder to write to (default: this one)")
    parser.add_argument("--emit", action="append", choices=SUFFIXES, metavar="KIND", help="what to write; see above")
    drawn = "draw it too, as SVG; --render=png, pdf, dot, mmd for other forms"
    parser.add_argument("--render", action="append_const", const="svg", help=drawn)
    for kind in PICTURES:  # options of their own, as `--render [KIND]` would take the spec's name for the kind
        parser.add_argument(f"--render={kind}", action="append_const", const=kind, dest="render", help=SUPPRESS)
    parser.add_argument("--stop-after", choices=STAGES, metavar="STAGE", help="print what a stage delivers; see above")
    add_weights(parser)
    parser.add_argument("--seed", type=not_negative, default=0, metavar="N", help="of the initial weights (default: 0)")


def run(options: Namespace) -> int:
    args, sizes = parse_set(options.set), parse_size(options.size)
    if options.stop_after is not None:
        return _stop_after(options.spec, options.stop_after, args, sizes)
    weights = parse_given_weights(options.weights)
    kinds = dict.fromkeys([*(options.emit or ["safetensors"]), *(options.render or [])])
    targets = {kind: Path(options.output) / f"{stem(options.spec)}{SUFFIXES[kind]}" for kind in kinds}
    refuse_own_input(options.spec, *targets.values())
    result = compile_spec(options.spec, args=args, sizes=sizes)
    if (status := show(result.problems.sorted())) != OK:
        return status
    model = _build(result, args, sizes, options.seed, weights) if BUILT.keys() & kinds.keys() else None
    for kind, target in targets.items():
        if model is not None and kind in BUILT:
            _save(model, target, kind)
        else:
            write_file(target, _emit(result, kind))
            note_written(target)
    return OK


def _stop_after(spec: str, stage: str, args: dict[str, Any], sizes: dict[str, int]) -> int:
    last = cast("Stage", stage if stage != "emit" else STAGES[-2])
    result = compile_spec(spec, args=args, sizes=sizes, stop_after=last)
    status = show(result.problems.sorted())
    if status == OK:
        print(stage_text(result, stage).rstrip("\n"))
    return status


def _emit(result: Compilation, kind: str) -> str | bytes:
    """One of SUFFIXES but the artifact, as what stands in its file."""
    match kind:
        case "python":
            from nnc.compiler.backends.torch.emit import emit_source

            return emit_source(result.graph).text
        case "json":
            from nnc.compiler.backends.json import to_data

            return json.dumps(to_data(result.graph), indent=2, ensure_ascii=False) + "\n"
        case "yaml":
            return stage_text(result, "schema")
        case _:
            return picture(result.graph, kind)


def _build(
    result: Compilation, args: dict[str, Any], sizes: dict[str, int], seed: int, weights: GivenWeights | None
) -> Any:
    """The `nn.Module`, which imports torch, with the weights that are named."""
    from nnc.api import instantiate
    from nnc.runtime.training.seed import seed_everything

    seed_everything(seed)
    model = instantiate(result, args=args, sizes=sizes)
    chosen = weights or result.weights
    if chosen is not None:
        from nnc.runtime.weights.transfer import load_weights

        print(load_weights(model, chosen), file=sys.stderr)
    return model


def _save(model: Any, target: Path, kind: str) -> None:
    """The network with its spec, or as a program, with an account of that."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if kind == "safetensors":
        from nnc.api import save

        save(model, target)
        note_written(target)
        return
    from nnc.runtime.export import export

    done = export(model, target, kind=kind)
    note_written(target)
    for line in done.lines():
        print(visible(f"  {line}"), file=sys.stderr)
