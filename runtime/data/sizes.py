"""The vocabularies of the data against the network, before the first step: an embedding needs a row for every token."""

from __future__ import annotations

import re
from collections.abc import Mapping

from nnc.compiler.diagnostics import Fix, Problems
from nnc.compiler.graph.ir import Graph
from nnc.compiler.training.config import DataConfig
from nnc.compiler.training.embeddings import Lookup, lookups
from nnc.runtime.data.open import Data

__all__ = ["check_sizes"]

ARGUMENT = re.compile(r"Embedding(?:Bag)?\(\s*(?:num_embeddings\s*=\s*)?([A-Za-z_]\w*)\s*[,)]")


def check_sizes(
    graph: Graph,
    arguments: Mapping[str, object],
    feeding: Mapping[str, str],
    data: Data,
    config: DataConfig,
    problems: Problems,
) -> None:
    """Reports embeddings that have too few rows for the numbers of a field. `arguments` are the spec's own."""
    for lookup in lookups(graph):
        field = feeding.get(lookup.input, lookup.input)
        vocabulary = data.vocabularies.get(field)
        needed = _needed(field, data)
        if needed is None or needed <= lookup.rows:
            continue
        fix = Fix(_advice(lookup, arguments, needed))
        if vocabulary is None:
            what = f"`{field}` holds the number {needed - 1}, and `{lookup.path}` has {lookup.rows} rows: 0 … {lookup.rows - 1}"
            problems.error("NNC0826", lookup.span, what, fix=fix)
            continue
        special = f" ({', '.join(vocabulary.specials)} among them)" if vocabulary.specials else ""
        what = f"the vocabulary of `{field}` has {needed} entries{special}, and `{lookup.path}` {lookup.rows} rows"
        notes = (f"or keep fewer tokens: `max_size={lookup.rows}` for the tokenizer",) if lookup.rows > 4 else ()
        problems.error("NNC0826", lookup.span, what, fix=fix, notes=notes)


def _needed(field: str, data: Data) -> int | None:
    """Rows that the numbers of a field need: those of its vocabulary, or one more than the largest."""
    if field in data.vocabularies:
        return len(data.vocabularies[field])
    splits = [s for s in (data.train, data.validation, data.test) if s is not None and field in s.fields]
    highest = [h for s in splits if (h := s.highest(field)) is not None]
    return max(highest) + 1 if highest else None


def _advice(lookup: Lookup, arguments: Mapping[str, object], needed: int) -> str:
    """How to give it more rows: by an argument of the spec where it was written with one."""
    call = lookup.span.source.text[lookup.span.start : lookup.span.start + 200]
    written = ARGUMENT.match(call)
    if written is not None and written[1] in arguments:
        return f"give it {needed}: `--set {written[1]}={needed}`, or as the default in `args:`"
    return f"give it {needed} rows"
