"""Boundaries: who may import whom, and what a command may load. Each has a test, and each test is shown to be able to
fail."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SLOW = {"torch", "torchvision"}
CODE = """
import sys
from nnc.cli import main
status = main(sys.argv[1:])
print("\\n" + "LOADED", *sorted({name.split(".")[0] for name in sys.modules}))
raise SystemExit(status)
"""

# -- what a command loads ----------------------------------------------------------------------------------------------


def loaded_by(*command: str, package: Path = ROOT, cwd: Path | None = None) -> set[str]:
    """The top-level modules in `sys.modules` after `nnc …` ran in a fresh process, which must have succeeded."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, *command],
        cwd=cwd or package,
        env=os.environ | {"PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return set(done.stdout.splitlines()[-1].removeprefix("LOADED ").split())


@pytest.mark.parametrize("spec", ["lenet5", "resnet", "unet", "vit", "siamese", "bilstm"])
def test_check_imports_no_torch(spec: str) -> None:
    loaded = loaded_by("check", f"zoo:{spec}")
    assert "nnc" in loaded
    assert "yaml" in loaded
    assert not loaded & SLOW


def test_check_of_a_file_in_order_imports_nothing_slow() -> None:
    assert not loaded_by("check", "zoo:resnet") & (SLOW | {"networkx", "numpy", "rich", "graphviz", "safetensors"})


@pytest.mark.parametrize(
    "command",
    [
        ("summary", "zoo:resnet", "--size", "B=1,H=64,W=64"),
        ("render", "zoo:lenet5", "-o", "net.dot"),
        ("render", "zoo:lenet5", "-o", "net.svg"),
        ("compile", "zoo:lenet5", "--emit", "python", "--emit", "json", "-o", "out"),
        ("compile", "zoo:lenet5", "--stop-after", "verify"),
        ("fmt", "--check", "zoo:mlp"),
        ("schema",),
        ("explain", "NNC0301"),
        ("layers",),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_front_end_commands_import_no_torch(command: tuple[str, ...], tmp_path: Path) -> None:
    assert not loaded_by(*command, cwd=tmp_path) & SLOW


def test_importing_nnc_imports_nothing_else() -> None:
    code = "import sys; before = set(sys.modules); import nnc; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {name for name in done.stdout.split() if name.split(".")[0] not in sys.stdlib_module_names} == {"nnc"}


def test_the_check_of_what_is_loaded_can_fail(tmp_path: Path) -> None:
    """The same `nnc check`, in a copy where one file of the front end imports torch."""
    package = copy_of_the_package(tmp_path)
    assert not loaded_by("check", "zoo:lenet5", package=package) & SLOW
    guilty = package / "compiler" / "source" / "guard.py"
    guilty.write_text(guilty.read_text().replace("import re\n", "import re\nimport torch\n", 1))
    assert "torch" in loaded_by("check", "zoo:lenet5", package=package)


def copy_of_the_package(tmp_path: Path) -> Path:
    ignore = shutil.ignore_patterns("__pycache__")
    for folder in ("nnc", "compiler", "runtime", "specs"):
        shutil.copytree(ROOT / folder, tmp_path / folder, symlinks=True, ignore=ignore)
    return tmp_path


# -- who imports whom --------------------------------------------------------------------------------------------------

# A folder, or file, of compiler/ and the others it may import. The order is the pipeline's.
MAY_IMPORT = {
    "records": set(),
    "diagnostics": set(),
    "codes": set(),
    "suggest": set(),
    "collector": set(),
    "types": {"diagnostics"},
    "source": {"collector", "diagnostics", "suggest"},
    "render": {"diagnostics", "codes"},
    "ops": {"types"},
    "expr": {"diagnostics", "suggest", "types"},
    "schema": {"diagnostics", "suggest", "types", "source", "ops", "expr"},
    "files": {"diagnostics", "suggest", "source", "ops", "expr", "schema"},
    "graph": {"diagnostics", "types", "ops", "expr"},
    "init": {"diagnostics", "suggest", "types", "source", "ops", "expr", "schema", "graph"},
    "weights": {"diagnostics", "source", "ops", "schema", "graph"},
    "training": {"diagnostics", "suggest", "types", "source", "ops", "expr", "graph", "schema", "elaborate"},
    "elaborate": {"diagnostics", "suggest", "types", "source", "ops", "expr", "schema", "graph", "init"},
    "passes": {"diagnostics", "types", "ops", "graph"},
    "summary": {"diagnostics", "types", "ops", "graph"},
    "plan": {"diagnostics", "types", "source", "ops", "graph", "training"},
    "shape_history": {"diagnostics", "suggest", "types", "ops", "graph"},
    "backends": {"collector", "diagnostics", "types", "ops", "expr", "schema", "graph", "passes", "summary"},
    "driver": {
        "collector",
        "diagnostics",
        "types",
        "source",
        "render",
        "ops",
        "schema",
        "files",
        "graph",
        "training",
        "elaborate",
        "passes",
        "weights",
    },
}
# Each imports a name of its own table.
DYNAMIC = {"nnc/__init__.py", "nnc/cli/main.py", "compiler/ops/registry.py", "runtime/extras.py"}
# A pickled module is compiled again where it is loaded: the pipeline's end calls its beginning.
EXCEPTIONS = {
    ("compiler/backends/torch/build.py", "nnc.compiler.driver.compile_mapping"),
    ("compiler/backends/torch/build.py", "nnc.compiler.driver.SpecError"),
    ("compiler/backends/torch/build.py", "nnc.compiler.driver.Written"),
    ("compiler/backends/torch/remembered.py", "nnc.compiler.driver.Written"),
    ("compiler/backends/torch/remembered.py", "nnc.compiler.driver.refers_to_files"),
    ("compiler/backends/torch/remembered.py", "nnc.compiler.source.location.split_variant"),
    ("compiler/driver.py", "nnc.specs.find"),  # what `zoo:` means, handed to those who read references
}


def imports_of(text: str) -> Iterator[tuple[str, int]]:
    """Every module that a file imports anywhere but under `if TYPE_CHECKING:`, with its line; `__import__` for a
    computed one."""
    pending: list[ast.AST] = [ast.parse(text)]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            pending += node.orelse
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)
        elif isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node).split(".")[-1] in (
            "__import__",
            "import_module",
        ):
            yield "__import__", node.lineno
        pending += ast.iter_child_nodes(node)


def faults_of(path: str, text: str) -> list[str]:
    """What a file, by its path from the root, imports that it may not."""
    return [f"{path}:{line} imports {name}" for name, line in imports_of(text) if not _allowed(path, name)]


def _allowed(path: str, name: str) -> bool:
    top, *rest = name.split(".")
    home = Path(path).parts
    torch_may = path.startswith("compiler/backends/torch/") or home[0] == "runtime"
    if name == "__import__":
        return path in DYNAMIC
    if top in SLOW or name.startswith("safetensors.torch"):
        return torch_may
    if top != "nnc" or home[0] == "nnc" or name == "nnc.__version__" or (path, name) in EXCEPTIONS:
        return True
    if home[0] in ("specs", "runtime"):
        return rest[0] == "compiler" or rest[0] == home[0]
    return rest[0] == "compiler" and _stage_allowed(Path(home[1]).stem, rest[1])


def _stage_allowed(stage: str, other: str) -> bool:
    return other in (stage, "records") or other in MAY_IMPORT[stage]  # a record is no stage's own


def sources() -> Iterator[Path]:
    for folder in ("nnc", "compiler", "runtime", "specs"):
        for path in (ROOT / folder).rglob("*.py"):
            if path.relative_to(ROOT).parts[:2] not in (("nnc", "compiler"), ("nnc", "runtime"), ("nnc", "specs")):
                yield path


def test_everyone_imports_only_what_they_may() -> None:
    files = list(sources())
    assert len(files) > 50
    faults = [f for path in files for f in faults_of(path.relative_to(ROOT).as_posix(), path.read_text())]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("compiler/types/dim.py", "import torch"),
        ("compiler/driver.py", "def late():\n    from torchvision import models"),
        ("nnc/cli/main.py", "import torch.nn as nn"),
        ("compiler/ops/linear.py", "from nnc.compiler.graph.ir import Graph"),
        ("compiler/graph/ir.py", "from nnc.compiler.elaborate import elaborate"),
        ("compiler/backends/torch/emit.py", "from nnc.runtime import train"),
        ("compiler/source/tree.py", "import importlib\nimportlib.import_module(name)"),
        ("runtime/training/loop.py", "from nnc.cli import main"),
        ("compiler/backends/dot.py", "import safetensors.torch"),
    ],
)
def test_the_check_of_imports_can_fail(path: str, text: str) -> None:
    assert len(faults_of(path, text)) == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("compiler/backends/torch/build.py", "import torch"),
        ("runtime/training/loop.py", "import torch\nfrom nnc.compiler.driver import compile_file"),
        ("compiler/driver.py", "if TYPE_CHECKING:\n    import torch"),
        ("compiler/elaborate/body.py", "from nnc.compiler.graph.ir import Graph"),
    ],
)
def test_the_check_of_imports_can_pass(path: str, text: str) -> None:
    assert faults_of(path, text) == []
