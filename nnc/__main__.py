"""`python -m nnc` is the `nnc` command."""

from nnc.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
