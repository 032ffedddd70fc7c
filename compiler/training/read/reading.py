"""What the parts of `train:` are read with: the section, the vocabulary, and what is known of the data and the
network."""

from __future__ import annotations

from dataclasses import dataclass

from nnc.compiler.diagnostics import Fix
from nnc.compiler.source.tree import Mapping as TreeMapping
from nnc.compiler.source.tree import Tree
from nnc.compiler.training.config import BoundCall, DataConfig, Network
from nnc.compiler.training.read.binding import Binder
from nnc.compiler.training.read.sections import Section, read_names
from nnc.compiler.training.read.values import did_you_mean
from nnc.compiler.training.vocabulary.registry import CallDef, Group

__all__ = ["Reading"]


@dataclass(frozen=True)
class Reading:
    """`section` is the mapping whose keys are read. Where `data` or `network` is None (they had faults of their own),
    names of fields and outputs are not checked."""

    section: Section
    binder: Binder
    data: DataConfig | None
    network: Network | None

    def bind(self, tree: Tree, group: Group, reserved: tuple[str, ...] = ()) -> tuple[BoundCall, CallDef] | None:
        """A call of the vocabulary, and what it is declared as. None after reporting a fault."""
        call = self.binder.tree(tree, group, reserved)
        if call is None:
            self.section.ok = False
            return None
        return call, self.binder.vocabularies[group][call.name]

    def source(self, tree: Tree, call: BoundCall, found: CallDef, *, training: bool = False) -> tuple[str, ...] | None:
        """`from:`, or the first output and the last field. `training`: it is wanted in training only."""
        outputs = self.network.outputs if self.network else ()
        fields = self.data.fields if self.data else ()
        written = tree.get("from") if isinstance(tree, TreeMapping) else None
        if written is None:
            if len(found.inputs) != 2:
                self.section.error(
                    "NNC0807", call.span, f"{call.name} takes {len(found.inputs)} tensors: say which with `from:`",
                    notes=(f"they are {', '.join(found.inputs)}",),
                    fix=Fix(f"write `from: [{', '.join(found.inputs)}]`"),
                )  # fmt: skip
                return None
            return (outputs[0] if outputs else "output", fields[-1] if fields else "label")
        names = read_names("from", written, self.section.problems)
        if names is None:
            self.section.ok = False
            return None
        if len(names) != len(found.inputs):
            self.section.error(
                "NNC0810", written.span, f"{call.name} takes {len(found.inputs)} tensors, {len(names)} are named",
                notes=(f"they are {', '.join(found.inputs)}",),
            )  # fmt: skip
            return None
        if not self.network or not self.data:
            return tuple(name for name, _ in names)
        known = [*outputs, *self.data.delivered]
        for name, span in names:
            if name not in known:
                fix = did_you_mean(name, span, known)
                notes = (
                    f"outputs of the network: {', '.join(outputs)}",
                    f"fields of the data: {', '.join(self.data.delivered)}",
                )
                self.section.error("NNC0810", span, f"there is no output or field `{name}`", fix=fix, notes=notes)
            elif name in self.network.train_only and not training:
                self.section.error(
                    "NNC0810", span, f"`{name}` comes out in training mode only, and is missing in validation"
                )
        return tuple(name for name, _ in names)
