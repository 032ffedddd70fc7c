"""Specs and the modules they mean."""

from tests.language.cases import loops, names, order, shapes, sharing

__all__ = ["CASES"]

CASES = [*loops.CASES, *sharing.CASES, *order.CASES, *shapes.CASES, *names.CASES]
