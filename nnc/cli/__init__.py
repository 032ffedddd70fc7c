"""The `nnc` command: `main.py` finds what to run and answers for every way it can end; `commands/`, a file each."""

from nnc.cli.main import main

__all__ = ["main"]
