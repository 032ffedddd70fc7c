"""nnc — write a network in YAML, check every shape, compile it to an ordinary `torch.nn.Module`.

    import nnc

    nnc.check("lenet5.yaml")                         # every fault, with its line; imports no torch
    model = nnc.load("lenet5.yaml", num_classes=26)  # an nn.Module; also from a dict, zoo:lenet5, or an artifact
    nnc.save(model, "lenet5.safetensors")            # spec and weights in one file that loads anywhere, without pickle

Importing this package imports nothing else; each name is resolved when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nnc.api import check, compile, evaluate, export, load, load_weights, predict, save, train
    from nnc.compiler.diagnostics import Diagnostic
    from nnc.compiler.driver import Compilation, SpecError
    from nnc.runtime.failure import Failure

__all__ = [
    "Compilation",
    "Diagnostic",
    "Failure",
    "SpecError",
    "__version__",
    "check",
    "compile",
    "evaluate",
    "export",
    "load",
    "load_weights",
    "predict",
    "save",
    "train",
]

__version__ = "0.1.0"

_HOME = {
    "Compilation": "nnc.compiler.driver",
    "SpecError": "nnc.compiler.driver",
    "Diagnostic": "nnc.compiler.diagnostics",
    "Failure": "nnc.runtime.failure",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOME.get(name, "nnc.api")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
