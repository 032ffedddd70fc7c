"""Packages that nnc does without until something is asked for that needs one."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from nnc.runtime.failure import Failure

__all__ = ["require"]


def require(module: str, extra: str, what: str) -> ModuleType:
    """Imports a module. Raises `Failure` with the line that installs it where it is missing: `what` says what for."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        package = (error.name or module).partition(".")[0]
        advice = f"pip install 'nnc[{extra}]' brings it"
        raise Failure("NNC0911", what, f"needs {package}, which is not installed", notes=(advice,)) from None
