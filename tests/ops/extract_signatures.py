"""Reads the signatures of a torch that is not installed from the text of its wheels, and writes them to signatures_2_11.json.

    pip download torch==2.11.0 torchvision==0.26.0 --no-deps -d wheels
    for w in wheels/*.whl; do unzip -q $w -d unpacked; done
    python -m tests.ops.extract_signatures unpacked

A signature is a list of arguments: [name, default as Python source or null, by keyword only]. Of a module, `__init__` and
`forward`; of a function every form: what is written in Python, the kernels' schemas, and what documentation shows.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("signatures_2_11.json")
Listed = list[list[Any]]

# Kernels that no one calls by name, and what works in place.
INTERNAL = re.compile(
    r"^_|_$|backward|_forward|^(cudnn|mkldnn|miopen|quantized|sparse|fbgemm|linalg|fft|special|upsample|slow_conv|thnn|fake)_"
)
# Modules of functions, whose kernels begin with the module's name: `fft_rfft` is torch.fft.rfft.
SPACE = re.compile(r"^(fft|linalg|special)_(?!_)")
# aten's words for Python's.
ATEN = {"true": "True", "false": "False", "none": "None"}


def arguments(function: ast.FunctionDef) -> Listed:
    """Those of a `def`, without `self`."""
    given = function.args
    positional = [*given.posonlyargs, *given.args]
    defaults = [None] * (len(positional) - len(given.defaults)) + [ast.unparse(d) for d in given.defaults]
    listed: Listed = [[a.arg, d, False] for a, d in zip(positional, defaults, strict=True) if a.arg != "self"]
    if given.vararg:
        listed.append([f"*{given.vararg.arg}", None, False])
    listed += [
        [a.arg, ast.unparse(d) if d else None, True] for a, d in zip(given.kwonlyargs, given.kw_defaults, strict=True)
    ]
    return listed + ([[f"**{given.kwarg.arg}", None, True]] if given.kwarg else [])


def modules(root: Path) -> dict[str, dict[str, Listed]]:
    """`__init__` and `forward` of every class, its own or inherited from one of the same files."""
    classes: dict[str, ast.ClassDef] = {}
    for file in sorted(root.glob("torch/nn/modules/*.py")) + sorted(root.glob("torchvision/ops/*.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                classes[node.name] = node

    def method(name: str, wanted: str) -> Listed | None:
        if name not in classes:
            return None
        own = [n for n in classes[name].body if isinstance(n, ast.FunctionDef) and n.name == wanted]
        if own:
            return arguments(own[-1])  # overloads stand before what is meant
        bases = (ast.unparse(b).rpartition(".")[2] for b in classes[name].bases)
        return next((found for base in bases if (found := method(base, wanted)) is not None), None)

    public = {name for name in classes if not name.startswith("_")}
    return {n: {"__init__": method(n, "__init__") or [], "forward": method(n, "forward") or []} for n in sorted(public)}


def written(root: Path) -> Iterator[tuple[str, Listed]]:
    """Functions that are written in Python."""
    files = [root / "torch/nn/functional.py", root / "torch/functional.py", *sorted(root.glob("torchvision/ops/*.py"))]
    for file in files:
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and not any("overload" in ast.unparse(d) for d in node.decorator_list):
                yield node.name.removesuffix("_with_indices").removeprefix("_"), arguments(node)
    for node in ast.walk(ast.parse((root / "torch/_tensor.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.args.args and node.args.args[0].arg == "self":
            yield node.name, [["input", None, False], *arguments(node)]


def kernels(root: Path) -> Iterator[tuple[str, Listed]]:
    """The schemas of native_functions.yaml: `- func: softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor`."""
    text = (root / "torchgen/packaged/ATen/native/native_functions.yaml").read_text(encoding="utf-8")
    for name, given in re.findall(r"^- func: (\w+)(?:\.\w+)?\((.*)\) ->", text, re.MULTILINE):
        listed: Listed = []
        keyword = False
        for part in re.split(r", (?![^\[]*\])", given) if given else []:
            if part == "*":
                keyword = True
                continue
            word, _, default = part.rpartition(" ")[2].partition("=")
            listed.append(["input" if word == "self" else word, ATEN.get(default, default) or None, keyword])
        if not any(word == "out" for word, *_ in listed):
            yield SPACE.sub(r"\1.", name), listed


def documented(root: Path) -> Iterator[tuple[str, Listed]]:
    """What documentation shows of functions that are not written in Python: `one_hot(tensor, num_classes=-1) -> LongTensor`."""
    spaces = ("fft", "linalg", "special")
    files = {f"torch/{space}/__init__.py": f"{space}." for space in spaces}
    files |= dict.fromkeys(("torch/nn/functional.py", "torch/_torch_docs.py", "torch/_tensor_docs.py"), "")
    for name, space in files.items():
        method = name.endswith("_tensor_docs.py")
        for shown, given in re.findall(
            rf'"""\s*(?:torch\.)?(?:{space})?(\w+)(\((?:[^()]|\([^()]*\))*\))',
            (root / name).read_text(encoding="utf-8"),
        ):
            try:
                (definition,) = ast.parse(f"def f{given}: ...").body
            except SyntaxError:
                continue
            assert isinstance(definition, ast.FunctionDef)
            yield f"{space}{shown}", [["input", None, False]] * method + arguments(definition)


def main() -> None:
    root = Path(sys.argv[1])
    functions: dict[str, list[Listed]] = defaultdict(list)
    for name, listed in (*written(root), *kernels(root), *documented(root)):
        if not INTERNAL.search(name) and listed not in functions[name]:
            functions[name].append(listed)
    parts = {"modules": modules(root), "functions": {n: f for n, f in sorted(functions.items()) if f}}
    text = ",\n".join(f"{json.dumps(title)}: {{\n{_lines(part)}\n}}" for title, part in parts.items())
    FILE.write_text(f"{{\n{text}\n}}\n", encoding="utf-8")


def _lines(part: dict[str, Any]) -> str:
    """One name to a line."""
    return ",\n".join(f"{json.dumps(n)}: {json.dumps(s)}" for n, s in part.items())


if __name__ == "__main__":
    main()
