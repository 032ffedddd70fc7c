"""Ready-made settings of the arguments: what choosing one means, and what may stand in one."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnc.compiler.driver import Compilation, compile_file, compile_text
from nnc.compiler.schema.canonical import canonical
from nnc.compiler.source.location import split_variant
from tests.schema.helpers import spec_of

TEXT = """\
nnc: 1
name: family
inputs: {x: [B, 4]}
args: {width: 8, hidden: "${width * 2}", act: relu, bias: true}
variants:
  small: {width: 2}
  wide: {width: 16, hidden: 5, act: null, bias: false}
  plain: {}
layers:
  fc: Linear(hidden, bias=bias)
  last: {if: act != null, type: $act}
"""


def chosen(variant: str | None, text: str = TEXT, **args: object) -> Compilation:
    return compile_text(text, name="family.yaml", variant=variant, args=args)


@pytest.mark.parametrize(
    ("variant", "given", "arguments"),
    [
        (None, {}, {"width": 8, "hidden": 16, "act": "relu", "bias": True}),
        ("small", {}, {"width": 2, "hidden": 4, "act": "relu", "bias": True}),
        ("wide", {}, {"width": 16, "hidden": 5, "act": None, "bias": False}),
        ("wide", {"hidden": 7, "act": "gelu"}, {"width": 16, "hidden": 7, "act": "gelu", "bias": False}),
        ("plain", {}, {"width": 8, "hidden": 16, "act": "relu", "bias": True}),
    ],
)
def test_what_is_given_comes_before_the_variant_before_the_default(
    variant: str | None, given: dict[str, object], arguments: dict[str, object]
) -> None:
    result = chosen(variant, **given)
    assert result.problems.sorted() == []
    assert result.elaborated is not None
    assert result.elaborated.arguments == arguments
    assert result.graph.name == (variant or "family")


def test_a_chosen_variant_is_a_spec_of_its_own() -> None:
    """What an artifact carries says nothing of other variants, and compiles to the same."""
    document = chosen("wide").document
    assert "variants" not in document
    assert document["name"] == "wide"
    assert document["args"] == {"width": 16, "hidden": 5, "act": "${None}", "bias": False}
    assert chosen(None).document["variants"]["wide"] == {"width": 16, "hidden": 5, "act": None, "bias": False}


def test_a_file_is_compiled_as_the_variant_behind_its_name(tmp_path: Path) -> None:
    (tmp_path / "family.yaml").write_text(TEXT)
    assert compile_file(f"{tmp_path}/family.yaml#small").graph.name == "small"
    (fault,) = compile_file(f"{tmp_path}/family.yaml#smal").problems
    assert fault.code == "NNC0709"
    assert fault.fix is not None
    assert fault.fix.title == "did you mean `small`?"


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("resnet.yaml#resnet18", ("resnet.yaml", "resnet18")),
        ("a#b/resnet.json#c", ("a#b/resnet.json", "c")),
        ("a.yml#b.yaml#c", ("a.yml#b.yaml", "c")),
        ("resnet#18.yaml", ("resnet#18.yaml", None)),
        ("a.yaml#b/c", ("a.yaml#b/c", None)),
        ("resnet.yaml#", ("resnet.yaml#", None)),
        ("resnet.yaml", ("resnet.yaml", None)),
    ],
)
def test_only_a_specs_file_has_variants(path: str, parts: tuple[str, str | None]) -> None:
    assert split_variant(path) == parts


@pytest.mark.parametrize(
    ("variants", "code", "at"),
    [
        ("{small: {widht: 2}}", "NNC0302", "widht"),
        ("{3d: {}}", "NNC0210", "3d"),
        ("[small]", "NNC0201", "[small]"),
        ("{small: 3}", "NNC0201", "3"),
        ("{small: {width: '${1 +}'}}", "NNC0401", None),
    ],
)
def test_every_variant_must_be_sound_chosen_or_not(variants: str, code: str, at: str | None) -> None:
    text = TEXT.partition("variants:")[0] + f"variants: {variants}\n" + TEXT[TEXT.index("layers:") :]
    (fault,) = chosen(None, text).problems
    assert fault.code == code, fault
    assert at is None or fault.span.text == at


def test_a_value_at_fault_is_shown_in_the_variant() -> None:
    (fault,) = chosen("small", TEXT.replace("{width: 2}", '{width: "${widht}"}')).problems
    assert fault.span.text == "widht", fault
    assert fault.span.line == 6


def test_a_file_that_extends_may_take_variants_out_and_set_what_only_the_other_declares() -> None:
    text = "extends: zoo:swin\nname: other\nvariants:\n  swin_t: ~\n  mine: {depths: [1, 1]}\n"
    spec = spec_of(text)
    assert [(v.name, v.removed) for v in spec.variants.values()] == [("swin_t", True), ("mine", False)]
    assert canonical(spec)["variants"] == {"swin_t": None, "mine": {"depths": [1, 1]}}
