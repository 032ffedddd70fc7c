"""Arithmetic on known values: numbers, texts, lists, symbolic sizes. Total and bounded: every operation ends in a value or a
`StaticError`, in time and memory that its operands' text bounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from nnc.compiler.types.dim import Dim, ceildiv, lower_bound, maximum, minimum, upper_bound

__all__ = [
    "FUNCTIONS",
    "Static",
    "StaticError",
    "binary",
    "compare",
    "describe",
    "index",
    "logical_not",
    "truth",
    "unary",
]

Static = Any  # None | bool | int | float | str | Dim | DType | tuple of these | dict of these

MAX_ITEMS = 200_000
MAX_TEXT = 10_000
MAX_INT = 2**63


class StaticError(Exception):
    """Why a value cannot be computed. `code` is the diagnostic's; the message is one short sentence."""

    def __init__(self, message: str, code: str = "NNC0422") -> None:
        super().__init__(message)
        self.code = code


def describe(value: Static) -> str:
    """A value's kind in the words of an error."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value}"
        case str():
            return f'the text "{value if len(value) <= 40 else value[:37] + "..."}"'
        case Dim():
            return f"the free size {value}"
        case tuple() | list():
            return f"a list of {len(value)}"
        case dict():
            return "a mapping"
    return f"a {type(value).__name__.lower()}"


def _number(value: Static) -> bool:
    return isinstance(value, int | float)


def _bounded(value: Static) -> Static:
    if isinstance(value, int) and not -MAX_INT <= value <= MAX_INT:
        raise StaticError("the result is larger than 2**63", "NNC0423")
    if isinstance(value, complex):
        raise StaticError("the result is not a real number")
    return value


def binary(operator: str, left: Static, right: Static) -> Static:
    """`left operator right` for the operators + - * / // % **."""
    try:
        if _number(left) and _number(right):
            return _bounded(_arithmetic(operator, left, right))
        if isinstance(left, Dim | int) and isinstance(right, Dim | int):
            return _symbolic(operator, left, right)
    except ZeroDivisionError:
        raise StaticError("division by zero") from None
    except OverflowError:
        raise StaticError("the result is too large", "NNC0423") from None
    if operator == "+" and isinstance(left, str) and isinstance(right, str):
        return _text(left + right)
    if operator == "+" and isinstance(left, tuple) and isinstance(right, tuple):
        return _items(len(left) + len(right), lambda: left + right)
    if operator == "*" and isinstance(right, int) and isinstance(left, tuple):
        return _items(len(left) * right, lambda: left * right)
    if operator == "*" and isinstance(left, int) and isinstance(right, tuple):
        return _items(len(right) * left, lambda: left * right)
    message = f"`{operator}` does not work on {describe(left)} and {describe(right)}"
    raise StaticError(message + _as_tensor(left if isinstance(left, Dim) else right))


def _as_tensor(value: Static) -> str:
    """How a free size does what only numbers and tensors do: it is an integer, known when the network runs."""
    return f"; `full([], {value})` is a tensor of it" if isinstance(value, Dim) else ""


def _items(count: int, make: Callable[[], tuple[Static, ...]]) -> tuple[Static, ...]:
    if count > MAX_ITEMS:
        raise StaticError(f"a list of {count} items is too long (at most {MAX_ITEMS})", "NNC0423")
    return make()


def _text(value: str) -> str:
    if len(value) > MAX_TEXT:
        raise StaticError(f"a text of {len(value)} characters is too long (at most {MAX_TEXT})", "NNC0423")
    return value


def _arithmetic(operator: str, a: int | float, b: int | float) -> int | float:
    match operator:
        case "+":
            return a + b
        case "-":
            return a - b
        case "*":
            return a * b
        case "/":
            return a / b
        case "//":
            return a // b
        case "%":
            return a % b
        case "**":
            if isinstance(a, int) and isinstance(b, int) and b > 0 and abs(a) > 1 and a.bit_length() * b > 130:
                raise StaticError("the power is larger than 2**63", "NNC0423")
            result: int | float = a**b
            return result
    raise StaticError(f"`{operator}` does not work on numbers")


def _symbolic(operator: str, a: Dim | int, b: Dim | int) -> Dim | int:
    match operator:
        case "+":
            return a + b
        case "-":
            return a - b
        case "*":
            return a * b
        case "//":
            return a // b
        case "%":
            return a % b
        case "**" if isinstance(b, int) and 0 <= b <= 8:
            power: Dim | int = 1
            for _ in range(b):
                power = power * a
            return power
        case "/":
            size = a if isinstance(a, Dim) else b
            raise StaticError(
                f"`/` on the free size {size} has no whole result; use `//`, or `full([], {size})`, a tensor of it"
            )
    raise StaticError(f"`{operator}` does not work on a free size" + _as_tensor(a if isinstance(a, Dim) else b))


def unary(operator: str, value: Static) -> Static:
    if operator == "not":
        return not truth(value)
    if isinstance(value, int | float | Dim):
        return -value if operator == "-" else value
    raise StaticError(f"`{operator}` does not work on {describe(value)}")


def truth(value: Static) -> bool:
    """Python's truth, but a free size has none: it would be a guess."""
    if isinstance(value, Dim):
        low = lower_bound(value)
        if low is not None and low > 0:
            return True
        raise StaticError(f"whether {value} is zero depends on a free size", "NNC0508")
    return bool(value)


def logical_not(value: Static) -> bool:
    return not truth(value)


def compare(operator: str, left: Static, right: Static) -> bool:
    """`== != < <= > >= in "not in" is "is not"`; a comparison that depends on a free size is refused."""
    if operator in ("in", "not in"):
        if not isinstance(right, tuple | dict | str) or (isinstance(right, str) and not isinstance(left, str)):
            raise StaticError(f"`{operator}` needs a list on its right, not {describe(right)}")
        found = left in right if isinstance(right, str | dict) else any(compare("==", left, item) for item in right)
        return found is (operator == "in")
    if operator in ("is", "is not", "==", "!="):
        return _same(left, right) is (operator in ("is", "=="))
    if isinstance(left, Dim) or isinstance(right, Dim):
        return _ordered(operator, left, right)
    if (_number(left) and _number(right)) or (isinstance(left, str) and isinstance(right, str)):
        a: Any = left
        return bool({"<": a < right, "<=": a <= right, ">": a > right, ">=": a >= right}[operator])
    raise StaticError(f"`{operator}` does not compare {describe(left)} with {describe(right)}")


def _same(left: Static, right: Static) -> bool:
    if not (isinstance(left, Dim | int) and isinstance(right, Dim | int)):
        return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)
    difference = left - right
    if isinstance(difference, int):
        return difference == 0
    low, high = lower_bound(difference), upper_bound(difference)
    if (low is not None and low > 0) or (high is not None and high < 0):
        return False
    raise StaticError(f"whether {left} equals {right} depends on a free size", "NNC0508")


def _ordered(operator: str, left: Static, right: Static) -> bool:
    if not (isinstance(left, Dim | int) and isinstance(right, Dim | int)):
        raise StaticError(f"`{operator}` does not compare {describe(left)} with {describe(right)}")
    # `a < b` is `not (a >= b)`; `a > b` is `b < a`.
    a, b = (left, right) if operator in (">=", "<") else (right, left)
    difference = a - b
    low = difference if isinstance(difference, int) else lower_bound(difference)
    high = difference if isinstance(difference, int) else upper_bound(difference)
    wanted = operator in (">=", "<=")
    if low is not None and low >= 0:
        return wanted
    if high is not None and high < 0:
        return not wanted
    raise StaticError(f"whether {left} {operator} {right} depends on a free size", "NNC0508")


def index(value: Static, items: Sequence[Static]) -> Static:
    """`value[i]`, `value[a:b]`, `table["key"]`."""
    if len(items) != 1:
        raise StaticError("a list takes one index")
    (item,) = items
    if isinstance(value, dict):
        if isinstance(item, slice) or item not in value:
            raise StaticError(f"the mapping has no key {describe(item)}")
        return value[item]
    if not isinstance(value, tuple | str):
        raise StaticError(f"{describe(value)} cannot be indexed")
    if isinstance(item, slice):
        parts = (item.start, item.stop, item.step)
        if not all(p is None or isinstance(p, int) for p in parts) or item.step == 0:
            raise StaticError("a slice takes whole numbers, and a step other than 0")
        return value[item]
    if not isinstance(item, int):
        raise StaticError(f"a list's index is a whole number, not {describe(item)}")
    if not -len(value) <= item < len(value):
        raise StaticError(f"index {item} is outside a list of {len(value)}")
    return value[item]


def _iterable(value: Static) -> tuple[Static, ...]:
    if isinstance(value, tuple):
        return value
    if isinstance(value, dict):
        return tuple(value)
    raise StaticError(f"{describe(value)} is not a list")


def _range(*bounds: Static) -> tuple[int, ...]:
    if not 1 <= len(bounds) <= 3 or not all(isinstance(b, int) for b in bounds):
        raise StaticError(
            "range takes one to three known whole numbers",
            "NNC0505" if any(isinstance(b, Dim) for b in bounds) else "NNC0422",
        )
    if len(bounds) == 3 and bounds[2] == 0:
        raise StaticError("range takes a step other than 0")
    numbers = range(*bounds)
    if len(numbers) > MAX_ITEMS:
        raise StaticError(f"a list of {len(numbers)} items is too long (at most {MAX_ITEMS})", "NNC0423")
    return tuple(numbers)


def _extreme(pick: Callable[[Iterable[Any]], Any], symbolic: Callable[[Any, Any], Any]) -> Callable[..., Static]:
    def extreme(*values: Static) -> Static:
        items = _iterable(values[0]) if len(values) == 1 else values
        if not items:
            raise StaticError("there is nothing to choose from")
        if any(isinstance(i, Dim) for i in items):
            result = items[0]
            for item in items[1:]:
                if not isinstance(item, Dim | int):
                    raise StaticError(f"{describe(item)} is not a size")
                result = symbolic(result, item)
            return result
        if not all(_number(i) for i in items):
            raise StaticError("only numbers can be compared here")
        return pick(items)

    return extreme


def _sum(values: Static) -> Static:
    total: Static = 0
    for item in _iterable(values):
        total = binary("+", total, item)
    return total


def _real(name: str, compute: Callable[[float], float]) -> Callable[[Static], Static]:
    def real(value: Static) -> Static:
        if not _number(value):
            raise StaticError(f"{name} takes a known number, not {describe(value)}{_as_tensor(value)}")
        try:
            return _bounded(compute(value))
        except (ValueError, OverflowError):
            raise StaticError(f"{name}({value}) is not a number") from None

    return real


def _float(value: Static) -> Static:
    """`float("-inf")`, as a mask is often filled, and what Python's makes of numbers."""
    if isinstance(value, str) and value in ("inf", "-inf", "nan"):
        return float(value)
    return _real("float", float)(value)


def _round(value: Static, digits: Static = None) -> Static:
    if not _number(value) or not (digits is None or isinstance(digits, int)):
        raise StaticError("round takes a known number and a number of digits")
    if digits is not None and abs(digits) > 100:
        raise StaticError("round takes at most 100 digits")
    try:
        return round(value, digits)
    except (ValueError, OverflowError):
        raise StaticError(f"{value} cannot be rounded") from None


def _length(value: Static) -> int:
    return len(value) if isinstance(value, str) else len(_iterable(value))


def _ceildiv(a: Static, b: Static) -> Static:
    if not (isinstance(a, Dim | int) and isinstance(b, Dim | int)):
        raise StaticError("ceildiv takes two whole numbers or sizes")
    try:
        return ceildiv(a, b)
    except ZeroDivisionError:
        raise StaticError("division by zero") from None


def _make_divisible(value: Static, divisor: Static = 8) -> Static:
    """The multiple of `divisor` nearest to a scaled number of channels, at least one `divisor` and 90% of the number, as in
    torchvision.models._utils, by which MobileNet, MNASNet and EfficientNet scale their width."""
    if not _number(value) or not isinstance(divisor, int) or isinstance(divisor, bool) or divisor < 1:
        raise StaticError("make_divisible takes a known number and a whole number from 1")
    try:
        nearest = max(divisor, int(value + divisor / 2) // divisor * divisor)
    except (ValueError, OverflowError):
        raise StaticError(f"{value} has no multiple near it") from None
    return _bounded(nearest if nearest >= 0.9 * value else nearest + divisor)


# Functions of the language on known values. Where torch has one of the same name, tensors among the arguments select torch's.
FUNCTIONS: dict[str, Callable[..., Static]] = {
    "abs": _real("abs", abs),
    "all": lambda values: all(truth(v) for v in _iterable(values)),
    "any": lambda values: any(truth(v) for v in _iterable(values)),
    "ceil": _real("ceil", math.ceil),
    "ceildiv": _ceildiv,
    "enumerate": lambda values, start=0: tuple((start + i, v) for i, v in enumerate(_iterable(values))),
    "exp": _real("exp", math.exp),
    "float": _float,
    "floor": _real("floor", math.floor),
    "int": _real("int", int),
    "len": _length,
    "log": _real("log", math.log),
    "log2": _real("log2", math.log2),
    "make_divisible": _make_divisible,
    "max": _extreme(max, maximum),
    "min": _extreme(min, minimum),
    "range": _range,
    "reversed": lambda values: tuple(reversed(_iterable(values))),
    "round": _round,
    "sqrt": _real("sqrt", math.sqrt),
    "sum": _sum,
    "zip": lambda *lists: tuple(zip(*(_iterable(v) for v in lists), strict=False)),
}
