"""Whatever stands under `init:` and `freeze:`: a check ends in diagnostics, and where it has no error the network is
built."""

from __future__ import annotations

import itertools
import json
import random
from typing import Any

import pytest

import nnc
from nnc.compiler.driver import compile_text

SPEC: dict[str, Any] = {
    "nnc": 1,
    "inputs": {"x": ["B", 4]},
    "args": {"a": "Linear"},
    "layers": {"fc": "Linear(3)", "p": "Parameter([3])"},
}
PATTERNS: list[Any] = [
    None, True, 1, "", "*", "fc", "fc.*", "[", "[!", "Linear", ["Linear", "*"], [], {}, "p", "fc.weight", "fc..weight", "**",
    "\u0000", "é", "fc\n",
]  # fmt: skip
KEYS = ["weight", "bias", "value", "*", "", "match2", "w*", "[", "é.b"]
VALUES: list[Any] = [
    None, True, 1, -1.5, "", "zeros_", "zeros_()", "normal_(std=fan_in)", "normal_(std=1/0)", "normal_(std=fan_in/0)",
    "normal_(std=fan_in**fan_in**9)", "normal_(**x)", "${a}", "$a", [], ["zeros_"], {}, {"type": "zeros_"},
    {"type": "normal_", "std": "${fan_in}"}, {"type": "normal_", "std": "$a"}, {"type": 1}, {"type": "zeros_", "x": 1},
    "a.b()", "lambda: 1", "uniform_(-inf, inf)", "constant_(nan)", "constant_(1e400)", "kaiming_normal_(mode=3)", "1+1",
    "fan_in", "x", "normal_(std=int(fan_in)//0)", "normal_(std=sqrt(0-fan_in))", "normal_(std=log(fan_in-4))",
    "normal_(std=round(fan_in, 2))", "normal_(std=max(fan_in))", "normal_(std=min(fan_in, 1, fan_out))", "normal_(std=max())",
    "sparse_(0.5)", "normal_(std=True)", "normal_(std=fan_in if fan_in else 1)", "normal_(std=[i for i in [fan_in]][0])",
]  # fmt: skip
RULES = [{"match": p, k: v} for p, k, v in itertools.product(PATTERNS, KEYS, VALUES)]


def built_where_it_passes(**sections: Any) -> None:
    spec = SPEC | sections
    if compile_text(json.dumps(spec), name="net.json").ok:
        nnc.load(spec)


def test_a_sample_of_odd_rules() -> None:
    for rule in random.Random(0).sample(RULES, 300):
        built_where_it_passes(init=[rule])


@pytest.mark.nightly
def test_all_odd_rules() -> None:
    for rule in RULES:
        built_where_it_passes(init=[rule])


def test_several_odd_rules_at_once() -> None:
    chosen = random.Random(1)
    for _ in range(100):
        built_where_it_passes(init=chosen.sample(RULES, 3))


@pytest.mark.parametrize(
    "freeze",
    [
        None, 1, "", "*", [], ["fc", 1], {}, {"match": 1}, {"match": "fc", "statistics": "x"}, {"match": "fc", "statistics": 1},
        "[", "[!]", {"match": "*", "except": "*"}, {"match": "fc", "except": []}, "p", ["p", "fc.bias"], "\u0000",
        {"except": "fc"},
    ],
)  # fmt: skip
def test_odd_freezes(freeze: Any) -> None:
    built_where_it_passes(freeze=freeze)
