"""A typed graph as a module that runs: the emitted source is executed in memory, and its class instantiated.

    model = build(graph)
    model.source      the Python text that runs; tracebacks show its lines
    model.graph       the typed graph it was written from
    model.spec        the spec, where `build` was given it

The three are properties of the network's class: nothing is added to the module itself.

A network and any module inside it can be copied and pickled. A pickle holds the spec, not code: it is compiled again
where it is loaded, and then given the saved state.
"""

from __future__ import annotations

import hashlib
import json
import linecache
import pickle
import sys
import traceback
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from types import CodeType, ModuleType
from typing import Any, Final, cast

import torch
from torch import nn

from nnc.compiler.backends.torch.emit import EmittedSource, emit_source
from nnc.compiler.backends.torch.remembered import Kept, Shelf
from nnc.compiler.backends.torch.versions import newer_than
from nnc.compiler.collector import collector_paused
from nnc.compiler.diagnostics import Span
from nnc.compiler.driver import SpecError, Written, compile_mapping  # the pipeline's end calls its beginning
from nnc.compiler.graph.ir import Graph

__all__ = ["Origin", "Recipe", "build", "build_kept", "keep", "origin", "place_of", "rebuild"]

MOST_LOADED = 64  # sources kept in memory; one that was dropped still runs, but tracebacks no longer show its lines


class Recipe:
    """What a network is compiled from: a spec, as it is written or as plain data, with the arguments and sizes it was given.

    Pickled as plain data. `loaded` is what it was compiled to, in this process."""

    def __init__(
        self,
        spec: Mapping[str, Any] | Written | None,
        args: Mapping[str, Any] | None = None,
        sizes: Mapping[str, int] | None = None,
    ) -> None:
        self.written = spec if isinstance(spec, Written) else None
        self.known = None if spec is None or isinstance(spec, Written) else json.dumps(dict(spec))
        self.args, self.sizes = dict(args or {}), dict(sizes or {})
        self.given = json.dumps([self.args, self.sizes])
        self.loaded: Origin | None = None

    @property
    def document(self) -> str | None:
        """The spec's JSON text; of a written one made when it is first asked for, and `known` from then on."""
        if self.known is None and self.written is not None:
            self.known = json.dumps(self.written.document())
        return self.known

    @property
    def spec(self) -> dict[str, Any] | None:
        """The spec as plain data: a copy."""
        document = self.document
        return None if document is None else cast("dict[str, Any]", json.loads(document))

    def says_the_same(self, other: Recipe) -> bool:
        """Whether both are of one spec, with the same arguments and sizes."""
        if self.given != other.given:
            return False
        return (self.written is not None and self.written == other.written) or self.document == other.document

    def network(self) -> Origin:
        """Compiles the spec, unless this process has done so before. Raises SpecError where the spec has faults."""
        if self.loaded is None:
            self.loaded = _load(self.graph(), self)
        return self.loaded

    def graph(self) -> Graph:
        """The graph, compiled anew. Raises SpecError where the spec has faults."""
        if self.written is not None:
            return self.written.compiled(args=self.args, sizes=self.sizes).graph
        assert self.spec is not None, "a recipe without a spec is loaded when it is made"
        return compile_mapping(self.spec, args=self.args, sizes=self.sizes, trust=True).graph

    def __deepcopy__(self, memo: dict[int, Any]) -> Recipe:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        if self.document is None:
            raise pickle.PicklingError("the network was built from a graph alone: give `build` its spec to pickle it")
        return Recipe, (self.spec, self.args, self.sizes)


@dataclass(frozen=True, eq=False)
class Origin:
    """Where a module's class comes from: the source that was executed, as text and as Python's code, the recipe of it, the graph
    where it was made."""

    emitted: EmittedSource
    code: CodeType
    recipe: Recipe
    module: ModuleType
    compiled: Graph | None

    @cached_property
    def graph(self) -> Graph:
        """The typed graph; of a network whose source was kept on disk it is made when it is asked for."""
        return self.recipe.graph() if self.compiled is None else self.compiled

    @property
    def network(self) -> type[nn.Module]:
        return cast("type[nn.Module]", vars(self.module)[self.emitted.class_name])


def build(
    graph: Graph,
    *,
    spec: Mapping[str, Any] | Written | None = None,
    args: Mapping[str, Any] | None = None,
    sizes: Mapping[str, int] | None = None,
    device: torch.device | str | None = None,
) -> nn.Module:
    """The network as an `nn.Module` in training mode, its parameters initialized by torch's own constructors.

    `spec`, as it was written or as JSON-able data, with `args` and `sizes` is what `graph` was compiled from: without it the
    module cannot be pickled. `device="meta"` makes a module without memory for its parameters. Raises SpecError where the
    graph needs a newer torch than the installed one."""
    too_new = newer_than(graph, torch.__version__)
    if too_new:
        raise SpecError(too_new)
    with collector_paused():
        return _made(_load(graph, Recipe(spec, args, sizes)), device)


def rebuild(
    spec: Mapping[str, Any],
    *,
    args: Mapping[str, Any],
    sizes: Mapping[str, int],
    device: torch.device | str | None = None,
) -> nn.Module | None:
    """Another network of a spec that this process has compiled with these arguments and sizes, and knows as plain data; None of
    any other."""
    wanted = Recipe(spec, args, sizes)
    same = (o for o in _loaded.values() if o.recipe.known == wanted.known and o.recipe.given == wanted.given)
    found = next(same, None)
    return None if found is None else _made(found, device)


def build_kept(
    kept: Kept,
    *,
    spec: Written,
    args: Mapping[str, Any],
    sizes: Mapping[str, int],
    device: torch.device | str | None = None,
) -> nn.Module:
    """The network of a source that was kept on disk, as `build` makes it."""
    with collector_paused():
        return _made(_of_source(kept.emitted, Recipe(spec, args, sizes), None, kept.code), device)


def keep(model: nn.Module, shelf: Shelf) -> None:
    """Puts what a network was compiled to on disk, unless its file has changed since."""
    found = origin(model)
    if found is not None and found.recipe.written == shelf.written:
        shelf.put(found.emitted, found.code)


def _made(found: Origin, device: torch.device | str | None) -> nn.Module:
    with torch.device(device) if device is not None else nullcontext():
        return found.network()


def place_of(error: BaseException) -> Span | None:
    """The place in a spec of the innermost line of a network that an error went through; None where it met none."""
    found = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        network = frame.f_globals.get(_ORIGIN)
        if isinstance(network, Origin):
            found = network.emitted.line_spans.get(line, found)
    return found


def origin(module: nn.Module) -> Origin | None:
    """Where a module's class comes from; None for a module that nnc did not write."""
    return getattr(type(module), _ORIGIN, None)


# -- executing ---------------------------------------------------------------------------------------------------------

_ORIGIN: Final = "nnc.origin"  # an attribute of our classes that no layer can hide: a layer's name has no dot
_loaded: OrderedDict[str, Origin] = OrderedDict()  # by the names of their modules


def _load(graph: Graph, recipe: Recipe) -> Origin:
    """Executes the emitted source once per text and recipe: two equal networks are of one class."""
    return _of_source(emit_source(graph), recipe, graph)


def _of_source(emitted: EmittedSource, recipe: Recipe, graph: Graph | None, code: CodeType | None = None) -> Origin:
    equal = (o for o in _loaded.values() if o.emitted.text == emitted.text and o.recipe.says_the_same(recipe))
    found = next(equal, None) or _execute(emitted, recipe, graph, code)
    _loaded[found.module.__name__] = found
    _loaded.move_to_end(found.module.__name__)
    while len(_loaded) > MOST_LOADED:
        _forget(_loaded.popitem(last=False)[1])
    recipe.loaded = found
    return found


def _execute(emitted: EmittedSource, recipe: Recipe, graph: Graph | None, code: CodeType | None) -> Origin:
    """Runs our own text as a module. It stands in `sys.modules` because torch.compile looks its globals up there, and
    in `linecache` for tracebacks and `inspect.getsource`. Its file is named by the text, which code that was kept on disk says
    too; modules of one text differ in number."""
    stem = f"nnc_network_{hashlib.sha256(emitted.text.encode()).hexdigest()[:16]}"
    names = (f"{stem}_{number}" if number else stem for number in count())
    module = ModuleType(next(name for name in names if name not in _loaded))
    module.__file__ = file = f"<{stem}.py>"
    linecache.cache[file] = (len(emitted.text), None, emitted.text.splitlines(keepends=True), file)
    sys.modules[module.__name__] = module
    code = code or compile(emitted.text, file, "exec")
    exec(code, vars(module))  # noqa: S102  # emit_source wrote it, of checked names
    found = vars(module)[_ORIGIN] = Origin(emitted, code, recipe, module, graph)
    for word in emitted.class_names:
        made = vars(module)[word]
        setattr(made, _ORIGIN, found)
        made.__reduce_ex__ = _reduce_ex
    for word, value in (("spec", _spec), ("graph", _graph), ("source", _source)):
        setattr(found.network, word, property(value))  # names that a spec cannot give to a layer
    return found


def _forget(old: Origin) -> None:
    file = old.module.__file__
    sys.modules.pop(old.module.__name__, None)
    if all(other.module.__file__ != file for other in _loaded.values()):
        linecache.cache.pop(str(file), None)


def _spec(self: nn.Module) -> dict[str, Any] | None:
    """The spec that the network was compiled from, as plain data: a copy."""
    return cast(Origin, origin(self)).recipe.spec


def _graph(self: nn.Module) -> Graph:
    """The typed graph that the network was written from."""
    return cast(Origin, origin(self)).graph


def _source(self: nn.Module) -> str:
    """The Python source of the network."""
    return cast(Origin, origin(self)).emitted.text


# -- copying and pickling ----------------------------------------------------------------------------------------------


def _reduce_ex(self: nn.Module, protocol: Any) -> Any:
    """Recipe, class name and state, instead of a reference to a class that only this process has."""
    found = vars(type(self)).get(_ORIGIN)
    if found is None:  # a class derived from ours, which is where it says
        return object.__reduce_ex__(self, protocol)
    state = self.__getstate__()  # type: ignore[no-untyped-call]  # torch's own
    return _restore, (found.recipe, type(self).__name__), state


def _restore(recipe: Recipe, class_name: str) -> nn.Module:
    """A module of the class, without state: `__setstate__` follows."""
    found = recipe.network()
    if class_name not in found.emitted.class_names:
        raise pickle.UnpicklingError(f"this version of nnc writes no class {class_name} for the pickled network")
    made = vars(found.module)[class_name]
    return cast(nn.Module, made.__new__(made))
