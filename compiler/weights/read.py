"""`weights:` as it is written: where trained weights come from, and how they are fitted. Nothing is loaded here.

weights: model.safetensors                                           a file
weights: {file: model.pt, strict: false, rename: {"module.": ""}}    a part of a file
weights: IMAGENET1K_V2                                               torchvision's, of the model of that name
weights: ResNet50_Weights.DEFAULT                                    the same in full
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nnc.compiler.diagnostics import Problems, Span
from nnc.compiler.source.tree import Mapping as TreeMapping
from nnc.compiler.source.tree import Scalar, Tree
from nnc.compiler.weights.rename import clash, renamed, wrong_rule

__all__ = ["GivenWeights", "parse_weights", "read_weights"]

_PRETRAINED = re.compile(r"(?:[A-Za-z0-9_]+_Weights\.)?[A-Z][A-Z0-9_]*")


@dataclass(frozen=True, slots=True)
class GivenWeights:
    """`source` is a file's path, relative to the spec, or with `pretrained` the name of weights that torchvision has.
    `rename` are rules for names of the file: see `rename.py`."""

    source: str
    span: Span
    pretrained: bool = False
    strict: bool = True
    rename: Mapping[str, str] = field(default_factory=dict)

    def renamed(self, name: str) -> str:
        """What a name of the file becomes, by the first rule of `rename` that fits."""
        return renamed(self.rename, name)

    def wrong_rename(self, names: Iterable[str] = ()) -> str:
        """What is wrong with `rename`, for these names of the file; "" where nothing is."""
        return wrong_rule(self.rename) or clash(self.rename, names)

    @property
    def path(self) -> Path:
        """The file: its path is relative to the file that names it."""
        written_in = self.span.source.name
        return Path(self.source) if written_in.startswith("<") else Path(written_in).parent / self.source


def read_weights(tree: Tree | None) -> GivenWeights | None:
    """The section, whose form the schema has checked; None where there is none."""
    match tree:
        case Scalar(value=str(source)):
            return _weights(source, tree.content)
        case TreeMapping():
            file, strict, rename = tree.get("file"), tree.get("strict"), tree.get("rename")
            if not isinstance(file, Scalar) or not isinstance(file.value, str):
                return None
            return _weights(
                file.value,
                file.content,
                strict=not (isinstance(strict, Scalar) and strict.value is False),
                rename={str(e.key.value): e.value.value for e in rename if isinstance(e.value, Scalar)
                        and isinstance(e.value.value, str)} if isinstance(rename, TreeMapping) else {},
            )  # fmt: skip
    return None


def _weights(source: str, span: Span, **options: Any) -> GivenWeights:
    return GivenWeights(source, span, _PRETRAINED.fullmatch(source) is not None, **options)


def parse_weights(written: str | Mapping[str, Any], problems: Problems) -> GivenWeights | None:
    """The same from Python or a command line: a text as it stands in a spec, or plain data. None after reporting what
    is wrong with its form."""
    from nnc.compiler.ops.catalogue import CATALOGUE
    from nnc.compiler.schema.check import check_section
    from nnc.compiler.schema.sections import WEIGHTS
    from nnc.compiler.source import read_text

    text = written if isinstance(written, str) and written.lstrip().startswith("{") else json.dumps(written)
    tree = read_text(text, "<weights>", problems)
    if tree is None or not check_section(tree, WEIGHTS, "`weights`", CATALOGUE, problems):
        return None
    return read_weights(tree)
