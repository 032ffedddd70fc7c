"""Lists the packages: `compiler/`, `runtime/` and `specs/` are installed as `nnc.compiler`, `nnc.runtime`, `nnc.specs`."""

from setuptools import find_packages, setup

ROOTS = ("compiler", "runtime", "specs")
LINKS = [f"nnc.{root}{below}" for root in ROOTS for below in ("", ".*")]  # in the tree, for type checkers

setup(
    packages=[
        *find_packages(".", include=["nnc", "nnc.*"], exclude=LINKS),
        *(f"nnc.{p}" for root in ROOTS for p in [root, *(f"{root}.{sub}" for sub in find_packages(root))]),
    ]
)
