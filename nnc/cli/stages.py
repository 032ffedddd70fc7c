"""What a stage of the pipeline delivers, as text: for `nnc compile --stop-after STAGE`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from nnc.cli.signature import as_text as signature_text
from nnc.compiler import driver

if TYPE_CHECKING:
    from nnc.compiler.driver import Compilation

__all__ = ["STAGES", "stage_text"]

STAGES = (*driver.STAGES, "emit")


def stage_text(result: Compilation, stage: str) -> str:
    """The result of one of STAGES; the compilation came at least that far, without errors."""
    match stage:
        case "source":
            from nnc.compiler.source.tree import to_plain

            assert result.tree is not None
            return json.dumps(to_plain(result.tree), indent=2, ensure_ascii=False)
        case "schema":
            from nnc.compiler.schema.yaml_text import yaml_text

            return yaml_text(result.document)
        case "elaborate" | "passes" | "verify":
            from nnc.compiler.graph.printing import print_graph

            return print_graph(result.graph)
        case "requirements":
            return "\n".join(signature_text(result))
        case "emit":
            from nnc.compiler.backends.torch.emit import emit_source

            return emit_source(result.graph).text
    raise ValueError(f"not a stage: {stage}")
