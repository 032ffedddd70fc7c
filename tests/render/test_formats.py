"""The looks for programs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nnc.compiler.diagnostics import Diagnostic, Fix, Severity, Source, Span
from nnc.compiler.render import concise, full, github, sarif
from nnc.compiler.render import json as as_json
from tests.render.diagnostics import SPEC, at, diagnostic, duplicate, misspelled

EVIL = "\x1b[31m\u202e\r\n%::,"


def evil() -> Diagnostic:
    source = Source(f"{EVIL}.yaml", f"a: {EVIL}\n")
    return Diagnostic("NNC0302", Span(source, 3, 4), EVIL, notes=(EVIL,), fix=Fix(EVIL, Span(source, 0, 1), EVIL))


def nowhere() -> Diagnostic:
    return Diagnostic("NNC0101", Span(Source("a b.yaml", ""), 0, 0), "cannot read the file")


def test_concise() -> None:
    assert concise.render([misspelled(), duplicate()]) == (
        "net.yaml:7:18: error [NNC0302] Linear has no argument `bais` (did you mean `bias`?)\n"
        "net.yaml:7:3: warning [NNC0107] the key `fc` is given twice"
    )
    assert "\x1b[1;31merror\x1b[0m" in concise.render([misspelled()], color=True)
    assert len(concise.render([evil()]).split("\n")) == 1
    assert concise.render([evil()]).isprintable()


def test_json() -> None:
    [first, second] = json.loads(as_json.render([misspelled(), duplicate()]))
    place = {"file": "net.yaml", "line": 7, "column": 18, "end_line": 7, "end_column": 22}
    assert first == {
        "code": "NNC0302",
        "name": "unknown-argument",
        "severity": "error",
        "message": "Linear has no argument `bais`",
        **place,
        "labels": [],
        "notes": ["its arguments are out_features, bias"],
        "fix": {"title": "did you mean `bias`?", "edit": {**place, "replacement": "bias"}},
    }
    assert second["severity"] == "warning"
    assert second["labels"] == [
        {"file": "net.yaml", "line": 4, "column": 3, "end_line": 4, "end_column": 5, "text": "first given here"}
    ]
    assert second["fix"] is None
    assert as_json.render([evil()]).isascii()
    assert json.loads(as_json.render([])) == []


def test_an_edit_does_what_it_says() -> None:
    edit = as_json.as_json(misspelled())["fix"]["edit"]
    lines = SPEC.split("\n")
    line = lines[edit["line"] - 1]
    assert (
        line[: edit["column"] - 1] + edit["replacement"] + line[edit["end_column"] - 1 :]
        == "  fc: Linear(10, bias=False)"
    )


def results(*diagnostics: Diagnostic) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    log = json.loads(sarif.render(diagnostics))
    assert log["version"] == "2.1.0"
    [run] = log["runs"]
    assert run["columnKind"] == "unicodeCodePoints"
    driver = run["tool"]["driver"]
    assert driver["name"] == "nnc"
    for result in run["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    return driver, run["results"]


def test_sarif() -> None:
    driver, [first, second, third] = results(misspelled(), duplicate(), nowhere())
    assert [r["id"] for r in driver["rules"]] == ["NNC0101", "NNC0107", "NNC0302"]
    assert driver["rules"][2]["name"] == "UnknownArgument"
    assert (first["level"], second["level"]) == ("error", "warning")
    region = {"startLine": 7, "startColumn": 18, "endLine": 7, "endColumn": 22}
    assert first["locations"] == [{"physicalLocation": {"artifactLocation": {"uri": "net.yaml"}, "region": region}}]
    [change] = first["fixes"][0]["artifactChanges"]
    assert change["replacements"] == [{"deletedRegion": region, "insertedContent": {"text": "bias"}}]
    assert second["relatedLocations"][0]["message"] == {"text": "first given here"}
    assert third["locations"] == [{"physicalLocation": {"artifactLocation": {"uri": "a%20b.yaml"}}}]
    assert results(diagnostic(SPEC, "act", name="/tmp/a b/n.yaml"))[1][0]["locations"][0]["physicalLocation"][
        "artifactLocation"
    ] == {"uri": "file:///tmp/a%20b/n.yaml"}
    assert results()[1] == []
    assert sarif.render([evil()]).isascii()


def test_github() -> None:
    assert github.render([misspelled(), duplicate()]) == (
        "::error file=net.yaml,line=7,endLine=7,col=18,endColumn=22,title=NNC0302 unknown-argument::"
        "Linear has no argument `bais`%0Anote: its arguments are out_features, bias%0Ahelp: did you mean `bias`?\n"
        "::warning file=net.yaml,line=7,endLine=7,col=3,endColumn=5,title=NNC0107 duplicate-key::"
        "the key `fc` is given twice"
    )
    command = github.render([evil()])
    assert command.count("\n") == 0
    properties, message = command.removeprefix("::error ").split("::", 1)
    assert "%25%3A%3A%2C.yaml" in properties
    assert message.startswith("\\x1b[31m")


def test_github_has_columns_within_a_line_only() -> None:
    command = github.render([diagnostic("a: [1,\n2]\n", "[1,\n2]")])
    assert "line=1,endLine=2,title" in command


@pytest.mark.parametrize("look", [full, concise, as_json, sarif, github])
def test_a_code_that_nobody_explained_is_shown_all_the_same(look: Any) -> None:
    unknown = Diagnostic("NNC0999", at(SPEC, "act"), "wrong", Severity.ERROR)
    assert "NNC0999" in look.render([unknown])
    assert isinstance(look.render([], color=True), str)
