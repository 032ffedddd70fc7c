"""Writes docs/zoo/: a drawing of every shipped spec, on one page each, and README.md, which shows them all.

python docs/gallery.py [NAME…]        (or `make docs-zoo`)
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from nnc.cli.pictures import picture
from nnc.compiler.driver import compile_file
from nnc.compiler.types.dim import Dim
from nnc.specs import families, find, variants

OUT = Path(__file__).parent / "zoo"
# Sizes that shapes are written with; a family's own where 224 does not suit it. What is not named stays a letter.
USUAL = {"H": 224, "W": 224}
SIZES: dict[str, dict[str, int]] = {
    "diffusion_unet": {"H": 32, "W": 32},
    "fno": {"H": 64, "W": 64},
    "inception_v3": {"H": 299, "W": 299},
    "unet": {"H": 256, "W": 256},
}


PAGE = 2600  # points: what is higher is folded one level less deep


def drawing(family: str) -> str:
    """The family as its file has it, blocks opened where they first stand as deep as a page has room for, as SVG."""
    path = find(family).partition("#")[0]
    free = {str(d) for value in compile_file(path).graph.inputs for d in value.type.shape if isinstance(d, Dim)}
    sizes = {name: size for name, size in SIZES.get(family, USUAL).items() if name in free}
    graph = compile_file(path, sizes=sizes).graph
    for depth in (None, 5, 4, 3, 2, 1):
        svg = picture(graph, "svg", once=True, depth=depth)
        assert isinstance(svg, bytes), "an SVG is drawn by Graphviz"
        height = re.search(rb'height="(\d+)', svg)
        if height is not None and int(height[1]) <= PAGE:
            break
    return svg.decode("utf-8")


def about(family: str) -> str:
    """The comment that a spec begins with, or its name."""
    lines = Path(find(family).partition("#")[0]).read_text(encoding="utf-8").splitlines()
    first = [line.removeprefix("#").strip() for line in lines[: next(i for i, x in enumerate(lines) if x[:1] != "#")]]
    return " ".join(first)


def page() -> str:
    """README.md: every family with what its file says of it, its variants, and its drawing."""
    lines = [
        "# The zoo, drawn",
        "",
        "Made by `make docs-zoo`. Each file of [specs/](../../specs) as it stands, blocks opened where they first occur,",
        "as deep as a page has room for: `nnc render zoo:resnet --once --size H=224,W=224`, or with `--depth 3`.",
        "How exact they are: [zoo.md](../zoo.md).",
        "",
        " · ".join(f"[{family}](#{family})" for family in families()),
    ]
    for family in families():
        lines += ["", f"## {family}", "", f"{about(family)} [`{family}.yaml`](../../specs/{family}.yaml)".lstrip()]
        if variants(family):
            lines += ["", "Variants: " + ", ".join(f"`zoo:{name}`" for name in variants(family))]
        lines += ["", f"![{family}]({family}.svg)"]
    return "\n".join(lines) + "\n"


def main() -> int:
    OUT.mkdir(exist_ok=True)
    wanted = sys.argv[1:] or families()
    for family in wanted:
        (OUT / f"{family}.svg").write_text(drawing(family), encoding="utf-8")
    (OUT / "README.md").write_text(page(), encoding="utf-8")
    gone = [p for p in OUT.glob("*.svg") if p.stem not in families()]
    for path in gone:
        path.unlink()
    print(f"wrote {len(wanted)} drawings and README.md to {OUT}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
