"""Writes a trained network in other forms, by the end of each file's name. SOURCE is the folder of a run, of which the best
weights are taken, or a saved model; `nnc compile --emit` does the same for a spec.

  .pt            the state_dict, which torch.load(weights_only=True) reads
  .safetensors   the same as plain safetensors, without the spec: the saved model itself is a safetensors file already
  .py            the module's source, which needs torch alone, for the state_dict
  .onnx          an ONNX model (pip install 'nnc[onnx]')
  .pt2           torch.export's program

What computes is run again, .py in a process without nnc, and held against the network at several sizes: a file that computes
something else is not written. Free sizes stay free as far as torch can show that they may; --size fixes them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from nnc.cli.exits import OK, Misuse
from nnc.cli.options import add_format, add_size, parse_size
from nnc.cli.output import note_written, print_json
from nnc.compiler.render.visible import visible

EXAMPLES = """\
nnc export runs/digits-1 --to digits.pt
nnc export runs/digits-1/model.safetensors --to digits.onnx --to digits.pt2
nnc export segmenter.safetensors --to segmenter.onnx --size H=512,W=512"""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("source", metavar="RUN|ARTIFACT", help="the folder of a run, or a .safetensors file")
    parser.add_argument("--to", action="append", required=True, metavar="FILE", help="a file to write; may be repeated")
    add_size(parser)
    add_format(parser, "text", "json")


def run(options: Namespace) -> int:
    sizes, targets, source = parse_size(options.size), [Path(t) for t in options.to], Path(options.source)
    if source.suffix.lower() in (".yaml", ".yml", ".json"):
        raise Misuse(f"a spec has no trained weights: nnc compile {visible(options.source)} --emit onnx")
    wrong = next((t for t in targets if t.suffix.lower() not in SUFFIXES), None)
    if wrong is not None:
        raise Misuse(f"--to {visible(str(wrong))}: the name ends with {', '.join(SUFFIXES)}")
    from nnc.runtime.export import export
    from nnc.runtime.export.source import open_trained

    model, file = open_trained(source)
    if any(t.exists() and t.samefile(file) for t in targets):
        raise Misuse("--to names the saved model itself: choose another name")
    done = [export(model, target, sizes=sizes) for target in targets]
    if options.format == "json":
        print_json([one.as_plain() for one in done])
        return OK
    for one in done:
        note_written(one.path)
        for line in one.lines():
            print(f"{visible(str(one.path))}: {visible(line)}")
    return OK


SUFFIXES = (".pt", ".pth", ".safetensors", ".py", ".onnx", ".pt2")
