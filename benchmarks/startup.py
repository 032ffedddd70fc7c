"""Cold `nnc check` of resnet152 against a bare `import torch`, each in a fresh process.

python benchmarks/startup.py [repeats]
"""

from __future__ import annotations

import os
import subprocess
import sys

from harness import interleave, table

CHECK = [sys.executable, "-m", "nnc", "check", "zoo:resnet", "--set", "layers=[3, 8, 36, 3]"]
IMPORT = [sys.executable, "-c", "import torch"]
BARE = [sys.executable, "-c", "pass"]
# Both with their bytecode cached, as installed packages have it.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def run(command: list[str]) -> object:
    return subprocess.run(command, check=True, capture_output=True, env=ENVIRONMENT)


if __name__ == "__main__":
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 11
    contestants = {
        "import torch": lambda: run(IMPORT),
        "nnc check resnet152": lambda: run(CHECK),
        "python -c pass": lambda: run(BARE),
    }
    print(
        table(
            "Cold start", interleave(contestants, repeats=repeats), base="import torch", goal="≤ ×0.200, better ×0.125"
        )
    )
