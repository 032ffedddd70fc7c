"""Whatever stands in files that build on each other: faults are reported, nothing is raised, and what compiles has a
canonical form that is the same network without the other files."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nnc.compiler.diagnostics import Problems
from nnc.compiler.driver import compile_file, compile_mapping, default_catalogue
from nnc.compiler.graph.printing import print_graph
from nnc.compiler.schema.fmt import format_text
from nnc.compiler.source import read_text
from nnc.compiler.source.tree import to_plain
from tests.files.helpers import LENET
from tests.files.test_fmt import MAIN

PARTS = "nnc: 1\nlet: {slope: 0.25}\nblocks:\n  Act: {layers: [LeakyReLU(slope)]}\n"
MORE = "include: [parts.yaml]\nargs: {num_classes: 3}\nvariants: {a: {width: 3}}\nlet: {q: width * 2}\n"
VALUES = [
    None, 3, -1, True, "", "a", "x.y", [], {}, ["a"], {"a": 1}, [[]], "layers", "1.2.3", "${", "$x", {"after": "fc"},
    {"from": None}, {"from": "fc", "before": "q"}, {"type": None}, {"layers": None}, {"layers": {}}, {"blocks": {}},
    "lenet.yaml", "./main.yaml", "parts.yaml", "zoo:lenet5#q", "zoo:", "zoo:(", "./.yaml", "./lenet.yaml(", "a.yaml#b(3)(4)",
    "./lenet.yaml(1", {"type": "./lenet.yaml", "layers": []}, {"type": "./lenet.yaml", "from": "image"},
]  # fmt: skip
KEYS = [
    "extends", "include", "let", "variants", "blocks", "fc.0", "features.1", "features.0.1", "features.", "Stage.conv",
    "Stage.x.y", "after", "before", "args", "name", "dims", "outputs", "tie", "data", "init", "", "a.", "..", ".a",
]  # fmt: skip


def plain(text: str) -> Any:
    tree = read_text(text, "t.yaml", Problems())
    assert tree is not None
    return to_plain(tree)


FILES = {"lenet.yaml": plain(LENET), "main.yaml": plain(MAIN + MORE), "parts.yaml": plain(PARTS)}


@pytest.mark.parametrize("trials", [range(60), pytest.param(range(60, 3000), marks=pytest.mark.nightly)], ids=str)
def test_no_change_of_the_files_breaks_the_compiler(tmp_path: Path, trials: range) -> None:
    sound = 0
    for seed in trials:
        rng = random.Random(seed)
        for name, document in FILES.items():
            changed = document if rng.random() < 0.4 else mutated(document, rng)
            (tmp_path / name).write_text(json.dumps(changed))
        result = compile_file(f"{tmp_path}/main.yaml{rng.choice(['', '', '#a'])}")
        format_text((tmp_path / "main.yaml").read_text(), "main.yaml", default_catalogue(), Problems())
        if result.ok:
            sound += 1
            again = compile_mapping(result.document)
            assert [str(d) for d in again.problems if d.severity == "error"] == [], seed
            assert print_graph(again.graph) == print_graph(result.graph), seed
        else:
            assert len(result.problems), seed
    assert 0 < sound < len(trials)


def mutated(document: Any, rng: random.Random) -> Any:
    """A copy in which one to three parts are gone, or are something else."""
    document = json.loads(json.dumps(document))
    for _ in range(rng.randint(1, 3)):
        places = list(_places(document))
        if not places:
            break
        owner, key = rng.choice(places)
        value = json.loads(json.dumps(rng.choice(VALUES)))
        what = rng.random()
        if what < 0.25:
            del owner[key]
        elif what < 0.75 or isinstance(owner, list):
            owner[key] = value
        else:
            owner[rng.choice(KEYS)] = value
    return document


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
        yield node, key
        if isinstance(value, dict | list):
            yield from _places(value)
