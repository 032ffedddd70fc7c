"""The catalogue of diagnostic codes: `nnc explain NNC0301`, and docs/errors.md, are made from it.

Hundreds say the stage, and each has its file: 01 text, 02 document, 03 names and calls, 04 expressions, 05 shapes and
dtypes, 06 wiring, 07 blocks, arguments and parameters, 08 data and training, 09 files and artifacts.
"""

from nnc.compiler.codes import (
    blocks,
    document,
    expressions,
    files,
    names,
    parallel,
    parameters,
    shapes,
    text,
    training,
    wiring,
)
from nnc.compiler.codes.code import Code, catalogue

__all__ = ["CODES", "Code"]

CODES: dict[str, Code] = catalogue(
    text.CODES,
    document.CODES,
    names.CODES,
    expressions.CODES,
    shapes.CODES,
    wiring.CODES,
    blocks.CODES,
    parameters.CODES,
    training.CODES,
    files.CODES,
    parallel.CODES,
)
