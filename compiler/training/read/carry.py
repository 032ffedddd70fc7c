"""`carry:` as `CarriedConfig`s: inputs of the network that are its own outputs of the batch before."""

from __future__ import annotations

from dataclasses import replace

from nnc.compiler.source.tree import Entry
from nnc.compiler.source.tree import Mapping as TreeMapping
from nnc.compiler.training.config import CarriedConfig, Network
from nnc.compiler.training.read.reading import Reading
from nnc.compiler.training.read.sections import Section, read_value
from nnc.compiler.training.read.values import did_you_mean
from nnc.compiler.types.dim import Dim

__all__ = ["fed", "read_carry"]


def read_carry(reading: Reading) -> tuple[CarriedConfig, ...]:
    """`carry: {h0: h_n}` or `{h0: {from: h_n, start: 0.5}}`: from an input to an output."""
    section = reading.section
    tree = section.values.get("carry")
    if tree is None:
        return ()
    if not isinstance(tree, TreeMapping) or not tree.entries:
        section.error("NNC0808", tree.span, "`carry:` is a mapping from inputs of the network to outputs of it")
        return ()
    found = [_carried(reading, entry) for entry in tree]
    carried = tuple(f for f in found if f is not None)
    if len(carried) == len(found) and reading.network is not None and reading.network.input_types:
        _check_sizes(reading, reading.network, carried)
    if section.ok and reading.network is not None and len(carried) == len(reading.network.inputs):
        section.error("NNC0811", tree.span, "every input is carried: nothing of the data goes into the network")
    return carried if len(carried) == len(found) else ()


def fed(network: Network, carried: tuple[CarriedConfig, ...]) -> Network:
    """The network as the data sees it: with the inputs that come from the data."""
    names = {c.input for c in carried}
    return replace(
        network,
        inputs=tuple(n for n in network.inputs if n not in names),
        input_types={n: t for n, t in network.input_types.items() if n not in names},
    )


def _carried(reading: Reading, entry: Entry) -> CarriedConfig | None:
    section, network = reading.section, reading.network
    name, written = str(entry.key.value), entry.value
    start = 0.0
    if isinstance(written, TreeMapping):
        part = Section("carry", written, ("from", "start"), section.problems, reading.binder.names)
        source = part.need("from", "h_n")
        start = part.value("start", "Finite", 0.0)
        section.ok = section.ok and part.ok
        if source is None or not part.ok:
            return None
        written = source
    output = read_value("from", written, "str", section.problems, reading.binder.names)
    if output is None:
        section.ok = False
        return None
    if network is not None:
        for word, known, what, span in (
            (name, network.inputs, "input", entry.key.content), (output, network.outputs, "output", written.span),
        ):  # fmt: skip
            if word not in known:
                fix = did_you_mean(word, span, list(known))
                notes = (f"its {what}s are {', '.join(known)}",)
                section.error("NNC0810", span, f"the network has no {what} `{word}`", fix=fix, notes=notes)
                return None
        if output in network.train_only:
            section.error(
                "NNC0810", written.span, f"`{output}` comes out in training mode only, and is missing in validation"
            )
            return None
        mine, theirs = network.input_types.get(name), network.types.get(output)
        if mine is not None and theirs is not None and (mine.shape, mine.dtype) != (theirs.shape, theirs.dtype):
            message = f"`{output}` cannot come back as `{name}`: it is {theirs}, and the input {mine}"
            section.error("NNC0811", written.span, message)
            return None
    return CarriedConfig(name, output, float(start), entry.key.content)


def _check_sizes(reading: Reading, network: Network, carried: tuple[CarriedConfig, ...]) -> None:
    """The first value of an epoch is as large as the other inputs say."""
    known = {d.symbol for t in fed(network, carried).input_types.values() for d in t.shape if isinstance(d, Dim)}
    for one in carried:
        for d in network.input_types[one.input].shape:
            unknown = [s for s in d.symbols if s not in known] if isinstance(d, Dim) else []
            if unknown:
                message = f"nothing says how large `{unknown[0]}` of `{one.input}` is when an epoch begins"
                notes = ("the sizes of carried inputs are those of inputs that come from the data, or numbers",)
                reading.section.error("NNC0811", one.span, message, notes=notes)
                return
