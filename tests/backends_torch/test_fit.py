"""Constants that differ between instances: the simplest formula over what the instances differ by, true of all of them."""

from __future__ import annotations

from typing import Any

import pytest

from nnc.compiler.backends.torch.fit import Fitter, Source, sources
from nnc.compiler.backends.torch.syntax import text

PLANES = Source("planes", (64, 128, 256), bound=False)
STRIDE = Source("stride", (1, 2, 2), bound=False)
CHANNELS = Source("C", (64, 256, 512), bound=True)
WINDOW = Source("window", ((7, 7), (8, 8), (7, 8)), bound=False)


@pytest.mark.parametrize(
    ("values", "formula"),
    [
        ((3, 3, 3), "3"),
        ((64, 128, 256), "planes"),
        ((256, 512, 1024), "planes * 4"),
        ((32, 64, 128), "planes // 2"),
        ((1, 2, 2), "stride"),
        ((65, 130, 258), "planes + stride"),
        ((64, 256, 512), "planes * stride"),
        ((True, False, True), "width"),
        ((64.0, 128.0, 256.0), "width"),
        ((0.1, 0.1, 0.2), "width"),
        (((7, 7), (8, 8), (7, 8)), "window"),
        (((1, 1), (2, 2), (2, 2)), "(stride, stride)"),
        ((5, 7, 11), "width"),
    ],
)
def test_formulas(values: tuple[Any, ...], formula: str) -> None:
    fitter = Fitter([PLANES, STRIDE, WINDOW])
    assert text(fitter.fit(values, ["width"])) == formula


def test_a_size_that_flows_in_is_a_bound_one() -> None:
    fitter = Fitter([PLANES, CHANNELS])
    assert text(fitter.fit((64, 256, 512), ["in_channels", "conv1_in_channels"], inferred=True)) == "in_channels"
    assert text(fitter.fit((64, 128, 256), ["out_channels"])) == "planes"
    assert text(fitter.fit((64, 256, 512), ["num_features"], inferred=True)) == "in_channels"
    assert [(p.name, p.values, p.annotation) for p in fitter.parameters] == [
        ("in_channels", (64, 256, 512), "int"),
        ("planes", (64, 128, 256), "int"),
    ]


def test_parameters_of_their_own_are_shared_and_distinct() -> None:
    fitter = Fitter()
    assert text(fitter.fit((3, 5), ["kernel_size", "conv1_kernel_size"])) == "kernel_size"
    assert text(fitter.fit((3, 5), ["kernel_size", "conv2_kernel_size"])) == "kernel_size"
    assert text(fitter.fit((5, 3), ["kernel_size", "conv3_kernel_size"])) == "conv3_kernel_size"
    assert text(fitter.fit((None, 0.5), ["p"])) == "p"
    assert [p.annotation for p in fitter.parameters] == ["int", "int", "float | None"]


def test_no_parameter_hides_a_name() -> None:
    fitter = Fitter([Source("torch", (1, 2), False), Source("Head", (3, 4), False)], taken=["Head"])
    assert text(fitter.fit((1, 2), ["n"])) == "torch2"
    assert text(fitter.fit((3, 4), ["n"])) == "Head2"


def test_a_comment_makes_no_parameter() -> None:
    fitter = Fitter([PLANES])
    assert fitter.look_up((64, 128, 256)) is None
    fitter.fit((64, 128, 256), ["n"])
    looked_up = fitter.look_up((128, 256, 512))
    assert looked_up is not None
    assert text(looked_up) == "planes * 2"
    assert fitter.look_up((5, 7, 11)) is None
    assert len(fitter.parameters) == 1


def test_sources_are_what_all_instances_have_and_differ_in() -> None:
    found = sources([({"a": 1, "b": 2, "t": object()}, {"C": 3}), ({"a": 1, "b": 5, "t": object()}, {"C": 4})])
    assert [(s.name, s.values, s.bound) for s in found] == [("b", (2, 5), False), ("C", (3, 4), True)]
