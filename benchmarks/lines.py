"""Lines per family: the shipped spec beside torchvision's own model code, as a Markdown table.

python benchmarks/lines.py

Counted are lines that hold code. Of a spec: all but comments and empty lines, and in parentheses those that are neither
`variants:` nor `init:`. Of torchvision: `torchvision/models/FILE.py` without comments, empty lines, docstrings, imports,
`__all__`, and what is there for the pretrained weights alone: `…_Weights` classes, `_COMMON_META`, `_load_state_dict`,
decorators. What its models share (`ops/misc.py`: Conv2dNormActivation, SqueezeExcitation; `_utils.py`) is not counted.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

import torchvision.models

from nnc.specs import families, variants

SPECS = Path(__file__).parents[1] / "specs"
MODELS = Path(torchvision.models.__file__).parent
# By family: torchvision's files, as far as they have other names, or are more than one.
FILES = {
    "inception_v3": ["inception"],
    "mobilenet_v2": ["mobilenetv2"],
    "mobilenet_v3": ["mobilenetv3"],
    "shufflenet": ["shufflenetv2"],
    "swin": ["swin_transformer"],
    "vit": ["vision_transformer"],
    "swin3d": ["video/swin_transformer"],
    "video_resnet": ["video/resnet"],
    "mvit": ["video/mvit"],
    "s3d": ["video/s3d"],
    "deeplabv3": ["segmentation/deeplabv3"],
    "fcn": ["segmentation/fcn"],
    "lraspp": ["segmentation/lraspp"],
}
# Families of which torchvision has the code in one file with another's.
WITH = {"swin": ["swin_v2"], "deeplabv3": ["deeplabv3_mobilenet_v3_large"]}
_SKIPPED = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING)
_PLUMBING = {"__all__", "_COMMON_META", "_COMMON_SWAG_META", "_load_state_dict"}


def spec_lines(text: str, without: tuple[str, ...] = ()) -> int:
    """Lines of YAML that are neither empty nor a comment, but for the sections `without`."""
    count, section = 0, ""
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            section = section if line[0] == " " else line.partition(":")[0]
            count += section not in without
    return count


def python_lines(text: str) -> int:
    """Lines that hold code of the model itself."""
    held = {
        row
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in _SKIPPED and token.type != tokenize.ENDMARKER
        for row in range(token.start[0], token.end[0] + 1)
    }
    return len(held - set(_left_out(ast.parse(text))))


def _left_out(module: ast.Module) -> Iterator[int]:
    """Rows of docstrings, imports, weights and what serves them."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from range(node.lineno, (node.end_lineno or node.lineno) + 1)
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.Module) and ast.get_docstring(node) is not None:
            yield from range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)
        if isinstance(node, ast.FunctionDef):
            yield from (row for d in node.decorator_list for row in range(d.lineno, (d.end_lineno or d.lineno) + 1))
    for node in module.body:
        names = {t.id for t in node.targets if isinstance(t, ast.Name)} if isinstance(node, ast.Assign) else set()
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names = {node.name}
        if names & _PLUMBING or any(n.endswith("_Weights") for n in names):
            yield from range(node.lineno, (node.end_lineno or node.lineno) + 1)


def rows() -> Iterator[tuple[str, int, int, int, int]]:
    """(family, its variants, lines of the spec, those of its architecture, lines of torchvision's code) of every
    family that torchvision has."""
    for family in families():
        files = [MODELS / f"{name}.py" for name in FILES.get(family, [family])]
        if all(f.exists() for f in files):
            group = [family, *(f for f in WITH.get(family, []) if f in families())]
            specs = [(SPECS / f"{name}.yaml").read_text(encoding="utf-8") for name in group]
            lines, architecture = (sum(spec_lines(s, left) for s in specs) for left in ((), ("variants", "init")))
            code = sum(python_lines(f.read_text(encoding="utf-8")) for f in files)
            yield ", ".join(group), sum(max(len(variants(name)), 1) for name in group), lines, architecture, code


def main() -> None:
    found = list(rows())
    print("| family | models | spec | torchvision | spec ÷ torchvision |")
    print("|---|---:|---:|---:|---:|")
    for family, models, spec, architecture, code in found:
        print(f"| {family} | {models} | {spec} ({architecture}) | {code} | {spec / code:.2f} |")
    models, spec, architecture, code = (sum(row[i] for row in found) for i in (1, 2, 3, 4))
    print(f"| together | {models} | {spec} ({architecture}) | {code} | {spec / code:.2f} |")


if __name__ == "__main__":
    main()
