"""What a spec may have read: bounded in place, in number, in depth and in size."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nnc.compiler.driver import compile_file, compile_mapping, compile_text
from nnc.compiler.files import references
from tests.files.helpers import LENET, compiled, faults, one_fault, written


@pytest.mark.parametrize(
    "reference",
    ["../lenet.yaml", "./../up/lenet.yaml", "a/../../lenet.yaml", "/etc/passwd", "/tmp/lenet.yaml", "notes.txt", ".env",
     "lenet.yaml.bak", "C:/lenet.yaml", "..\\lenet.yaml", "http://x.org/lenet.yaml", "file:lenet.yaml", "a/..", "lenet"],
)  # fmt: skip
@pytest.mark.parametrize("form", ["extends: REF", "include: [REF]"])
def test_places_that_are_not_read(tmp_path: Path, reference: str, form: str) -> None:
    (tmp_path / "lenet.yaml").write_text(LENET)
    result = compiled(tmp_path / "up", form.replace("REF", f"'{reference}'"))
    (fault,) = faults(result)
    assert (fault.code, fault.span.text) == ("NNC0219", reference)
    assert fault.notes


def test_a_link_does_not_lead_out(tmp_path: Path) -> None:
    (tmp_path / "lenet.yaml").write_text(LENET)
    inside = tmp_path / "inside"
    written(inside, {"main.yaml": "extends: link.yaml"})
    os.symlink(tmp_path / "lenet.yaml", inside / "link.yaml")
    assert one_fault(compile_file(inside / "main.yaml"))[0] == "NNC0219"
    (inside / "link.yaml").unlink()
    os.symlink(inside / "lenet.yaml", inside / "link.yaml")
    assert faults(compile_file(inside / "main.yaml")) == []


def test_what_is_read_through_another_file_stays_below_the_first(tmp_path: Path) -> None:
    files = {"parts/a.yaml": "extends: ../lenet.yaml", "parts/b.yaml": "extends: lenet.yaml", "parts/lenet.yaml": LENET}
    assert one_fault(compiled(tmp_path, "extends: parts/a.yaml", files))[:2] == ("NNC0219", "a.yaml")
    assert faults(compiled(tmp_path, "extends: parts/b.yaml", files)) == []


@pytest.mark.parametrize("form", ["extends: ./lenet.yaml", "nnc: 1\ninputs: {x: [B, 1]}\nlayers: {a: ./lenet.yaml}"])
def test_a_text_names_the_zoo_only(tmp_path: Path, form: str) -> None:
    assert [d.code for d in compile_text(form).problems] == ["NNC0219"]
    assert [d.code for d in compile_mapping({"extends": "./lenet.yaml"}).problems] == ["NNC0219"]
    written(tmp_path, {})
    assert "NNC0219" not in {d.code for d in compile_text(form, folder=str(tmp_path)).problems}


@pytest.mark.parametrize(
    "files",
    [
        {"main.yaml": "extends: main.yaml"},
        {"main.yaml": "extends: a.yaml", "a.yaml": "extends: b.yaml", "b.yaml": "extends: ./main.yaml#x"},
        {"main.yaml": "nnc: 1\ninclude: a.yaml", "a.yaml": "nnc: 1\ninclude: a.yaml\nblocks: {A: {layers: [ReLU]}}"},
        {"main.yaml": "nnc: 1\ninputs: {x: [B, 1]}\nlayers: {a: ./main.yaml}"},
        {"main.yaml": "extends: a.yaml", "a.yaml": "nnc: 1\ninputs: {x: [B, 1]}\nlayers: {a: ./main.yaml}"},
    ],
)
def test_a_circle_of_files(tmp_path: Path, files: dict[str, str]) -> None:
    (fault,) = faults(compile_file(written(tmp_path, files) / "main.yaml"))
    assert fault.code == "NNC0220"
    assert "need each other" in fault.message


def test_the_same_file_twice_is_no_circle(tmp_path: Path) -> None:
    text = "nnc: 1\ninputs: {x: [B, 1, 28, 28]}\nlayers: {a: ./lenet.yaml()(x), b: ./lenet.yaml#tiny()(x), c: b * 1}"
    assert {d.severity for d in faults(compiled(tmp_path, text))} <= {"warning"}


def test_a_long_chain_of_files(tmp_path: Path) -> None:
    def chain(length: int) -> dict[str, str]:
        links = {f"f{i}.yaml": f"extends: f{i + 1}.yaml" for i in range(length)}
        return links | {f"f{length}.yaml": LENET}

    deepest = references.MAX_DEPTH
    assert faults(compiled(tmp_path / "a", "extends: f0.yaml", chain(deepest - 1))) == []
    assert one_fault(compiled(tmp_path / "b", "extends: f0.yaml", chain(deepest + 1)))[0] == "NNC0220"


def test_many_files(tmp_path: Path) -> None:
    blocks = {f"b{i}.yaml": f"nnc: 1\nblocks: {{B{i}: {{layers: [ReLU]}}}}" for i in range(references.MAX_FILES + 1)}
    listed = ", ".join(blocks)
    result = compiled(tmp_path, f"nnc: 1\ninputs: {{x: [B]}}\ninclude: [{listed}]\nlayers: {{a: B0}}", blocks)
    assert one_fault(result)[0] == "NNC0220"


def test_files_that_include_the_next_a_hundred_times(tmp_path: Path) -> None:
    files = {f"n{i}.yaml": f"nnc: 1\ninclude: [{', '.join([f'n{i + 1}.yaml'] * 100)}]\nblocks: {{}}" for i in range(9)}
    files["n9.yaml"] = "nnc: 1\nblocks: {}"
    result = compiled(tmp_path, "nnc: 1\ninputs: {x: [B]}\ninclude: n0.yaml\nlayers: [ReLU]", files)
    assert {d.code for d in faults(result)} == {"NNC0220"}
    assert len(result.problems) == 1


def test_networks_within_each_other_do_not_multiply(tmp_path: Path) -> None:
    """Each of ten files calls the next three times over: written out, that is 3¹⁰ networks."""
    files = {
        f"n{i}.yaml": f"nnc: 1\ninputs: {{x: [B, 1]}}\nlayers: [{', '.join(f'./n{i + 1}.yaml#v{k}' for k in range(3))}]\n"
        + "variants: {v0: {}, v1: {}, v2: {}}"
        for i in range(10)
    }
    files["n10.yaml"] = "nnc: 1\ninputs: {x: [B, 1]}\nvariants: {v0: {}, v1: {}, v2: {}}\nlayers: [ReLU]"
    result = compiled(tmp_path, "nnc: 1\ninputs: {x: [B, 1]}\nlayers: [./n0.yaml]", files)
    assert {d.code for d in faults(result)} == {"NNC0220"}


def test_a_file_that_is_faulty_is_reported_where_it_is(tmp_path: Path) -> None:
    files = {"bad.yaml": "nnc: 1\nlayers: {a: [1, }"}
    found = faults(compiled(tmp_path, "extends: bad.yaml", files))
    assert {Path(d.span.source.name).name for d in found} == {"bad.yaml"}
    missing = compiled(tmp_path, "extends: lenett.yaml")
    assert one_fault(missing) == ("NNC0218", "main.yaml", 1, "lenett.yaml")
    assert faults(missing)[0].fix is not None
