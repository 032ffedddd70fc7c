"""Names in emitted source: classes, constructor parameters, local variables. Any text of a spec becomes a safe identifier here."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable

__all__ = [
    "CONTAINER_ATTRIBUTES",
    "GLOBALS",
    "MODULE_ATTRIBUTES",
    "Names",
    "camel_case",
    "is_generic",
    "snake_case",
    "stem",
]

GLOBALS = frozenset({"F", "OrderedDict", "Tensor", "nn", "torch", "torchvision"})
"""What emitted source imports, and no class or variable may hide."""

MODULE_ATTRIBUTES = frozenset(
    """
    T_destination _apply _backward_hooks _backward_pre_hooks _buffers _call_impl _compiled_call_impl _forward_hooks
    _forward_hooks_always_called _forward_hooks_with_kwargs _forward_pre_hooks _forward_pre_hooks_with_kwargs
    _get_backward_hooks _get_backward_pre_hooks _get_name _is_full_backward_hook _load_from_state_dict
    _load_state_dict_post_hooks _load_state_dict_pre_hooks _maybe_warn_non_full_backward_hook _modules _named_members
    _nnc_origin _non_persistent_buffers_set _parameters _register_load_state_dict_pre_hook _register_state_dict_hook
    _replicate_for_data_parallel _save_to_state_dict _slow_forward _state_dict_hooks _state_dict_pre_hooks _version
    _wrapped_call_impl add_module apply bfloat16 buffers call_super_init children compile cpu cuda double dump_patches
    eval extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half ipu load_state_dict modules
    mtia named_buffers named_children named_modules named_parameters parameters register_backward_hook register_buffer
    register_forward_hook register_forward_pre_hook register_full_backward_hook register_full_backward_pre_hook
    register_load_state_dict_post_hook register_load_state_dict_pre_hook register_module register_parameter
    register_state_dict_post_hook register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule share_memory
    state_dict to to_empty train training type xpu zero_grad
    """.split()
)
"""What `nn.Module` has already: torch refuses a child or parameter of such a name."""

CONTAINER_ATTRIBUTES = MODULE_ATTRIBUTES | {"_get_item_by_idx", "append", "extend", "insert", "pop"}
"""The same for `nn.Sequential`."""

_GENERIC = frozenset({"h", "input", "out", "output", "src", "tgt", "x", "y", "z"})


def is_generic(word: str) -> bool:
    """Names that people assign again and again: `x = self.conv1(x)`."""
    return word in _GENERIC


def snake_case(word: str) -> str:
    """An ASCII identifier for a variable or parameter, "" where nothing is left: `block1-0` → `block1_0`, `0` → `x0`."""
    word = re.sub(r"[^0-9A-Za-z_]+", "_", word).strip("_")
    if not word:
        return ""
    if word[0].isdigit():
        word = f"x{word}"
    return f"{word}_" if keyword.iskeyword(word) or word in {"self", "super"} else word


def camel_case(*words: str) -> str:
    """A class name, "" where nothing is left: `double_conv` → `DoubleConv`; capitals stay: `ConvBNReLU`."""
    parts = (p for w in words for p in re.split(r"[^0-9A-Za-z]+", w) if p)
    joined = "".join(p[0].upper() + p[1:] for p in parts)
    return f"Net{joined}" if joined[:1].isdigit() else joined


def stem(word: str) -> str:
    """A key without its counter: `layer1` and `layer2` are both `layer`."""
    return word.rstrip("0123456789").rstrip("_-") or word


class Names:
    """Names of one scope. `claim` gives the first candidate that is free, else the last with a number."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = {*GLOBALS, *taken}

    def claim(self, *candidates: str) -> str:
        usable = [c for c in candidates if c and not keyword.iskeyword(c)] or ["value"]
        free = next((c for c in usable if self.is_free(c)), None)
        number = 2
        while free is None:
            numbered = f"{usable[-1]}{'_' if usable[-1][-1].isdigit() else ''}{number}"
            free = numbered if self.is_free(numbered) else None
            number += 1
        self._taken.add(free)
        return free

    def is_free(self, word: str) -> bool:
        return word not in self._taken and not (word[0].isupper() and hasattr(builtins, word))
