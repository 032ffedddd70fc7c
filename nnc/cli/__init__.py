"""The `nnc` command: `main.py` finds the command and answers for every way it can end, `commands/` has one file per command."""

from nnc.cli.main import main

__all__ = ["main"]
