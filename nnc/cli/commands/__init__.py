"""One file per command: its docstring is the description, `EXAMPLES` the examples of `--help`, `run` the command."""
