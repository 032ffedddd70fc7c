"""Specs and the modules they mean."""

from tests.language.cases import environment, loops, names, order, shapes, sharing

__all__ = ["CASES"]

CASES = [*loops.CASES, *sharing.CASES, *order.CASES, *shapes.CASES, *names.CASES, *environment.CASES]
