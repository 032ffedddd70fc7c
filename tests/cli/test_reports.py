"""The commands that tell something: summary, layers, explain, schema, fmt."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema

from nnc.cli.exits import FINDINGS, MISUSE, OK
from nnc.compiler.codes import CODES
from nnc.compiler.driver import default_catalogue
from nnc.compiler.training.vocabulary import VOCABULARY

# -- summary -----------------------------------------------------------------------------------------------------------


def test_summary_with_free_sizes(nnc) -> None:
    ended = nnc("summary", "lenet.yaml")
    assert ended.code == OK
    assert "image: [B, 1, H, W] → [B, 10]" in ended.out
    assert "--size" in ended.out.splitlines()[-1]


def test_summary_with_sizes(nnc) -> None:
    ended = nnc("summary", "lenet.yaml", "--size", "B=1,H=28,W=28", "--set", "classes=2")
    (conv,) = (line.split() for line in ended.out.splitlines() if "Conv2d" in line)
    assert conv[1:] == ["conv", "Conv2d", "[1,", "6,", "24,", "24]", "156", "86,400"]
    assert f"parameters     {156 + 96 * 2 + 2:,}" in ended.out


def test_summary_as_json(nnc) -> None:
    data = json.loads(nnc("summary", "lenet.yaml", "--size", "B=1,H=28,W=28", "--format", "json").out)
    assert data["parameters"] == 156 + 96 * 10 + 10


def test_summary_depth_and_expand(nnc) -> None:
    def lines(*options: str) -> int:
        return len(nnc("summary", "zoo:resnet", *options).out.splitlines())

    assert lines("--depth", "1") < lines() < lines("--expand")


def test_summary_of_a_faulty_spec_shows_the_faults(nnc, folder: Path) -> None:
    (folder / "lenet.yaml").write_text("nnc: 1\n")
    ended = nnc("summary", "lenet.yaml")
    assert (ended.code, ended.out) == (FINDINGS, "")
    assert "error[NNC" in ended.err


# -- layers ------------------------------------------------------------------------------------------------------------


def test_layers_lists_everything_that_a_spec_may_name(nnc) -> None:
    listed = set(nnc("layers").out.split())
    assert set(default_catalogue()) <= listed
    assert {name for group in VOCABULARY.values() for name in group} <= listed


def test_every_name_has_a_card(nnc) -> None:
    for name in (*default_catalogue(), *(n for group in VOCABULARY.values() for n in group)):
        ended = nnc("layers", name)
        assert ended.code == OK
        assert ended.out.startswith(f"{name}(")
        (first, *_) = json.loads(nnc("layers", name, "--format", "json").out)
        assert first["name"] == name
        assert first["doc"]


def test_a_card(nnc) -> None:
    shown = nnc("layers", "Linear").out.splitlines()
    assert shown[0] == "Linear(out_features, bias=True, *, in_features=…)    (module, linear)"
    assert "  in_features   a positive integer; inferred from what flows in; written, it is checked" in shown


def test_layers_takes_a_name_as_python_writes_it(nnc) -> None:
    assert nnc("layers", "torch.nn.functional.relu").out == nnc("layers", "relu").out
    assert nnc("layers", "nn.Linear").out == nnc("layers", "Linear").out


def test_layers_says_what_another_library_s_layer_is_here(nnc) -> None:
    ended = nnc("layers", "Dense")
    assert (ended.code, ended.err) == (
        MISUSE,
        "nnc: error: `Dense` is neither a layer nor a function here: write `Linear(10)`\n",
    )


def test_layers_did_you_mean(nnc) -> None:
    ended = nnc("layers", "Conv2")
    assert (ended.code, ended.err) == (MISUSE, "nnc: error: nothing is called `Conv2`: did you mean `Conv2d`?\n")


# -- explain -----------------------------------------------------------------------------------------------------------


def test_explain_lists_every_code(nnc) -> None:
    lines = nnc("explain").out.splitlines()
    assert [line.split()[0] for line in lines] == sorted(CODES)


def test_every_code_is_explained_by_number_and_by_name(nnc) -> None:
    for number, code in CODES.items():
        shown = nnc("explain", number)
        assert shown.code == OK
        assert shown.out.startswith(f"{number} {code.name}\n\n{code.summary}")
        assert nnc("explain", code.name).out == nnc("explain", number.lower()).out == shown.out
        assert json.loads(nnc("explain", number, "--format", "json").out)["code"] == number


def test_explain_did_you_mean(nnc) -> None:
    assert "did you mean `unknown-layer`?" in nnc("explain", "unkown-layer").err
    assert nnc("explain", "NNC9999").code == MISUSE


# -- schema ------------------------------------------------------------------------------------------------------------


def test_schema_is_one(nnc, folder: Path) -> None:
    ended = nnc("schema")
    assert ended.code == OK
    schema = json.loads(ended.out)
    jsonschema.Draft7Validator.check_schema(schema)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert nnc("schema", "-o", "s/nnc.schema.json").out == ""
    assert (folder / "s/nnc.schema.json").read_text() == ended.out


# -- fmt ---------------------------------------------------------------------------------------------------------------


def test_fmt_there_and_back(nnc, folder: Path) -> None:
    before = (folder / "lenet.yaml").read_text()
    assert nnc("fmt", "--check", "lenet.yaml").code == OK
    there = nnc("fmt", "--form", "mapping", "lenet.yaml")
    assert (there.code, there.err) == (OK, "rewrote lenet.yaml\n")
    assert "conv: {type: Conv2d, out_channels: 6, kernel_size: 5}" in (folder / "lenet.yaml").read_text()
    checked = nnc("fmt", "--check", "lenet.yaml")
    assert (checked.code, checked.err) == (FINDINGS, "would rewrite lenet.yaml\n")
    assert nnc("fmt", "lenet.yaml").code == OK
    assert nnc("check", "lenet.yaml").code == OK
    assert "  conv: Conv2d(" in (folder / "lenet.yaml").read_text()
    assert before.splitlines()[:5] == (folder / "lenet.yaml").read_text().splitlines()[:5]


def test_fmt_leaves_a_faulty_file_alone(nnc, folder: Path) -> None:
    (folder / "lenet.yaml").write_text("nnc: 1\nlayers: {a: Linear(1}\n")
    ended = nnc("fmt", "lenet.yaml")
    assert ended.code == FINDINGS
    assert "error[NNC" in ended.err
    assert (folder / "lenet.yaml").read_text() == "nnc: 1\nlayers: {a: Linear(1}\n"


def test_fmt_leaves_what_ships_alone(nnc) -> None:
    assert nnc("fmt", "zoo:lenet5").code == MISUSE
    assert nnc("fmt", "--check", "zoo:lenet5").code == OK
