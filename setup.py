"""Lists the packages: `compiler/`, `runtime/` and `specs/` are installed as `nnc.compiler`, `nnc.runtime`, `nnc.specs`."""

from setuptools import find_packages, setup

ROOTS = ("compiler", "runtime", "specs")

setup(
    packages=[
        *(p for p in find_packages(".", include=["nnc", "nnc.*"]) if not p.startswith(tuple(f"nnc.{r}" for r in ROOTS))),
        *(f"nnc.{p}" for root in ROOTS for p in [root, *(f"{root}.{s}" for s in find_packages(root))]),
    ]
)
