"""Diagnostics to text, one file for each look: `full` for people, `concise` for one line each, the others for programs.

Each has `render(diagnostics, *, color=False) -> str`, without a final line break; `full` and `concise` have colors.
"""
