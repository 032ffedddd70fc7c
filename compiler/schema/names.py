"""Which names a spec may give: to layers (torch's rule), to inputs, arguments and blocks (identifiers), and the words
it keeps for itself."""

from __future__ import annotations

import keyword

from nnc.compiler.expr.lexer import RESERVED

__all__ = [
    "ACTION_KEYS", "CONTROL_KEYS", "IDENTIFIER_PATTERN", "LAYER_NAME_PATTERN", "MAX_NAME", "RESERVED_NAMES",
    "identifier_fault", "layer_name_fault",
]  # fmt: skip

MAX_NAME = 200

# Keys of a layer's mapping form that say what is done; an entry has exactly one (`each` comes with `layers`).
ACTION_KEYS = ("type", "expr", "use", "each", "layers")

# All keys that the mapping form keeps for itself: no argument of a block, and none of an op, has such a name.
CONTROL_KEYS = frozenset(ACTION_KEYS) | {
    "after",
    "args",
    "before",
    "call",
    "for",
    "from",
    "if",
    "let",
    "outputs",
    "repeat",
}

# For editors; the exact rule is `identifier_fault` (JavaScript's \w is ASCII only, so everything above stands in a
# range).
IDENTIFIER_PATTERN = r"^[A-Za-z_\u00a0-\uffff][A-Za-z0-9_\u00a0-\uffff]*$"
# Dots may stand inside `${…}`, where they belong to an expression.
LAYER_NAME_PATTERN = r"""^([^.$"'\\]|\$\{[^}]*\})+$"""

# What `dir(nn.Module())` of torch 2.15 lists, and what nnc adds: torch refuses a submodule of such a name.
# A test compares the list with the installed torch.
RESERVED_NAMES = frozenset(
    """
    T_destination __annotations__ __call__ __class__ __delattr__ __dict__ __dir__ __doc__ __eq__ __format__ __ge__
    __getattr__ __getattribute__ __getstate__ __gt__ __hash__ __init__ __init_subclass__ __le__ __lt__ __module__ __ne__
    __new__ __reduce__ __reduce_ex__ __repr__ __setattr__ __setstate__ __sizeof__ __str__ __subclasshook__ __weakref__
    _apply _backward_hooks _backward_pre_hooks _buffers _call_impl _compiled_call_impl _forward_hooks
    _forward_hooks_always_called _forward_hooks_with_kwargs _forward_pre_hooks _forward_pre_hooks_with_kwargs
    _get_backward_hooks _get_backward_pre_hooks _get_name _is_full_backward_hook _load_from_state_dict
    _load_state_dict_post_hooks _load_state_dict_pre_hooks _maybe_warn_non_full_backward_hook _modules _named_members
    _non_persistent_buffers_set _parameters _register_load_state_dict_pre_hook _register_state_dict_hook
    _replicate_for_data_parallel _save_to_state_dict _slow_forward _state_dict_hooks _state_dict_pre_hooks _version
    _wrapped_call_impl add_module apply bfloat16 buffers call_super_init children compile cpu cuda double dump_patches
    eval extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half ipu load_state_dict
    modules mtia named_buffers named_children named_modules named_parameters parameters register_backward_hook
    register_buffer register_forward_hook register_forward_pre_hook register_full_backward_hook
    register_full_backward_pre_hook register_load_state_dict_post_hook register_load_state_dict_pre_hook register_module
    register_parameter register_state_dict_post_hook register_state_dict_pre_hook requires_grad_ set_extra_state
    set_submodule share_memory state_dict to to_empty train training type xpu zero_grad graph source spec
    """.split()  # noqa: SIM905  # a list of 120 quoted names says no more
)


_QUOTES = frozenset("\"'\\")


def layer_name_fault(key: str) -> tuple[str, str] | None:
    """Code and message of what keeps `key` from naming a layer; None where it is a good name. torch takes what its
    `add_module` takes: any text but the empty one, without a dot, that is no attribute of `nn.Module`."""
    if key.isidentifier() and len(key) <= MAX_NAME and key not in RESERVED_NAMES:
        return None
    if not key or "." in key or not key.isprintable() or len(key) > MAX_NAME:
        shown = key if len(key) <= 60 else key[:57] + "..."
        return "NNC0706", f'"{shown}" cannot be the name of a layer: torch allows no dot and no empty name'
    if not _QUOTES.isdisjoint(key):  # torch.fx and torch.export write names into Python code as they are, and run it
        return "NNC0706", f"`{key}` cannot be the name of a layer: torch.fx allows no quote and no backslash"
    if key in RESERVED_NAMES:
        return "NNC0309", f"`{key}` is taken: every nn.Module has an attribute of that name"
    return None


def identifier_fault(name: str) -> str | None:
    """What keeps `name` from being written in expressions and in the emitted Python; None where it is a good name."""
    if not name.isidentifier() or len(name) > MAX_NAME:
        return "a name is letters, digits and _, and does not begin with a digit"
    if name in RESERVED or keyword.iskeyword(name):
        return f"`{name}` is a word of the expression language or of Python"
    return None
