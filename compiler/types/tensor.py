"""A tensor's type: its shape, whose dimensions may be symbolic, and its dtype."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

from nnc.compiler.types.dim import Dim, DimLike, Symbol, substitute
from nnc.compiler.types.dtype import DType, promote

__all__ = ["Shape", "TensorType", "result_dtype"]

Shape = tuple[DimLike, ...]


@dataclass(frozen=True, slots=True)
class TensorType:
    """`TensorType((B, 3, 224, 224), DType.float32)`; a known size is a plain int, a free one a `Dim`."""

    shape: Shape
    dtype: DType = DType.float32

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def numel(self) -> DimLike:
        """Number of elements, as a dimension expression."""
        total: DimLike = 1
        for d in self.shape:
            total = total * d
        return total

    @property
    def symbols(self) -> frozenset[Symbol]:
        """The free dimensions that the shape depends on."""
        return frozenset[Symbol]().union(*(d.symbols for d in self.shape if isinstance(d, Dim)))

    def with_shape(self, *shape: DimLike) -> TensorType:
        return TensorType(shape, self.dtype)

    def with_dtype(self, dtype: DType) -> TensorType:
        return TensorType(self.shape, dtype)

    def substitute(self, sizes: Mapping[Symbol, DimLike]) -> TensorType:
        """Puts sizes, or other expressions, in the place of symbols."""
        if not sizes or all(not isinstance(d, Dim) for d in self.shape):
            return self
        return TensorType(tuple(substitute(d, sizes) for d in self.shape), self.dtype)

    def __str__(self) -> str:
        suffix = "" if self.dtype is DType.float32 else f" {self.dtype}"
        return f"[{', '.join(map(str, self.shape))}]{suffix}"


def result_dtype(*operands: TensorType | bool | int | float) -> DType:
    """`torch.result_type` of one or more tensors and Python numbers.

    Tensors with dimensions decide together; zero-dimensional ones, and after them numbers, count only where they are of
    a higher kind: bool, integer, floating, complex. (For torch's half-precision complex dtypes, complex64 stands here.)
    """
    tensors = [t.dtype for t in operands if isinstance(t, TensorType) and t.shape]
    scalars = [t.dtype for t in operands if isinstance(t, TensorType) and not t.shape]
    numbers = [_number(n) for n in operands if not isinstance(n, TensorType)]
    levels = [reduce(promote, level) for level in (tensors, scalars, numbers) if level]
    return reduce(lambda lower, higher: _outranked(higher, lower), reversed(levels))


def _number(number: bool | int | float) -> DType:
    return DType.bool if isinstance(number, bool) else DType.int64 if isinstance(number, int) else DType.float32


def _outranked(higher: DType, lower: DType) -> DType:
    if _kind(higher) >= _kind(lower):
        return higher
    if lower.is_complex and higher.is_floating:
        return DType.complex128 if higher is DType.float64 else DType.complex64
    return promote(higher, lower)


def _kind(dtype: DType) -> int:
    return 3 if dtype.is_complex else 2 if dtype.is_floating else 1 if dtype.is_integer else 0
