"""A tensor's type: its shape, whose dimensions may be symbolic, and its dtype."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nnc.compiler.types.dim import Dim, DimLike, Symbol, substitute
from nnc.compiler.types.dtype import DType

__all__ = ["Shape", "TensorType"]

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
