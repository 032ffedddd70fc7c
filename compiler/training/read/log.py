"""`log:` of `train:`: what is written of a run beside the JSON lines and the table that every run has."""

from __future__ import annotations

from nnc.compiler.source.tree import Mapping as TreeMapping
from nnc.compiler.source.tree import Scalar, Sequence
from nnc.compiler.training.config.logs import TensorBoardConfig
from nnc.compiler.training.read.sections import Section

__all__ = ["KEYS", "read_log"]

KEYS = ("images", "histograms", "graph", "every")


def read_log(section: Section) -> TensorBoardConfig | None:
    """`log: tensorboard`, `log: [tensorboard]` or `log: {tensorboard: {histograms: false}}`; None where it is absent."""
    tree = section.values.get("log")
    kind = "Literal['tensorboard']"
    match tree:
        case None | Scalar(value=None):
            return None
        case TreeMapping():
            outer = Section("log", tree, ("tensorboard",), section.problems, section.names, section.broken)
            inner = outer.need("tensorboard", "{histograms: false}")
            section.ok = section.ok and outer.ok
            if inner is None or (isinstance(inner, Scalar) and inner.value is None):
                return TensorBoardConfig() if outer.ok else None
            part = Section("tensorboard", inner, KEYS, section.problems, section.names, section.broken)
            found = TensorBoardConfig(
                images=part.value("images", "NonNegative", 16),
                histograms=part.value("histograms", "bool", True),
                graph=part.value("graph", "bool", True),
                every=part.value("every", "Positive", 50),
            )
            section.ok = section.ok and part.ok
            return found
        case Sequence(items=items):
            for name, span in section.texts("log") or ():
                if name != "tensorboard":
                    notes = ("log.jsonl and log.csv are always written",)
                    section.error("NNC0804", span, f'`log` is "tensorboard", not `{name}`', notes=notes)
            return TensorBoardConfig() if items and section.ok else None
    return TensorBoardConfig() if section.value("log", kind, None) else None
