"""Spec → typed graph, in one walk: a node gets its type the moment it is added."""

from nnc.compiler.elaborate.elaborate import Elaborated, elaborate

__all__ = ["Elaborated", "elaborate"]
