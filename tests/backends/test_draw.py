"""Pictures: with no `dot` on the machine, with one, with neither; in bounded time."""

from __future__ import annotations

import importlib.util
import os
import shutil
import stat
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from nnc.compiler.backends.dot import to_dot
from nnc.compiler.backends.draw import DrawingError, Format, draw
from nnc.compiler.backends.sketch import sketch
from tests.backends.attacks import all_attacks
from tests.backends.graphs import flat, lenet, resnet, vit

SIGNATURES: dict[Format, bytes] = {"svg": b"<?xml", "png": b"\x89PNG\r\n\x1a\n", "pdf": b"%PDF-"}
HELLO = "digraph { a -> b }"

needs_graphviz = pytest.mark.skipif(
    shutil.which("dot") is None and importlib.util.find_spec("pygraphviz") is None, reason="no Graphviz here"
)


@pytest.fixture
def no_dot(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without the program."""
    if importlib.util.find_spec("pygraphviz") is None:
        pytest.skip("no pygraphviz here")
    monkeypatch.setattr("shutil.which", lambda name: None)


@pytest.mark.parametrize("form", SIGNATURES)
@pytest.mark.usefixtures("no_dot")
def test_without_the_program(form: Format) -> None:
    picture = draw(to_dot(sketch(lenet())), form)
    assert picture.startswith(SIGNATURES[form])
    assert len(picture) > 3000


@pytest.mark.usefixtures("no_dot")
def test_text_outside_ascii_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONUTF8", "0")
    monkeypatch.setenv("LC_ALL", "POSIX")
    monkeypatch.setenv("PYTHONCOERCECLOCALE", "0")
    assert "⌈H/32⌉" in draw(to_dot(sketch(resnet(), depth=0)), "svg").decode()


@needs_graphviz
def test_an_svg_shows_names_and_leads_nowhere() -> None:
    root = ElementTree.fromstring(draw(to_dot(sketch(all_attacks())), "svg"))
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "g", "title", "polygon", "path", "text", "ellipse", "polyline"}
    assert not any("href" in key or key.startswith("on") for element in root.iter() for key in element.attrib)


@needs_graphviz
def test_the_words_of_a_picture() -> None:
    root = ElementTree.fromstring(draw(to_dot(sketch(vit())), "svg"))
    words = {
        (element.text or "").replace("\xa0", " ").strip() for element in root.iter("{http://www.w3.org/2000/svg}text")
    }
    assert {"class_token", "×12", "EncoderBlock", "197×3072", "B×1000"} <= words


@needs_graphviz
def test_a_thousand_layers_are_folded_and_drawn_in_time() -> None:
    start = time.monotonic()
    picture = draw(to_dot(sketch(flat(1000), expand=True)), "svg")
    assert time.monotonic() - start < 10
    assert b"602 more" in picture.replace(b"&#160;", b" ")


@needs_graphviz
def test_the_largest_drawing_that_is_not_folded_is_drawn_in_time() -> None:
    diagram = sketch(resnet((3, 8, 36, 3)), expand=True)  # resnet152
    assert diagram.notes == ()
    start = time.monotonic()
    draw(to_dot(diagram), "svg")
    assert time.monotonic() - start < 20


# -- with a program of our own in place of Graphviz -------------------------------------------------------------------


def program(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    path = folder / "dot"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.skipif(os.name != "posix", reason="a shell script stands in for the program")
class TestTheProgram:
    def test_is_taken_where_there_is_one(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        program(tmp_path, monkeypatch, 'echo "$@"; cat')
        assert draw(HELLO, "png").decode() == f"-Tpng -Gdpi=144\n{HELLO}"

    def test_that_fails_is_quoted(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        program(tmp_path, monkeypatch, "cat > /dev/null; echo first >&2; echo no memory >&2; exit 3")
        with pytest.raises(DrawingError, match=r"^Graphviz failed: no memory$"):
            draw(HELLO, "svg")

    def test_that_says_nothing_is_an_error_too(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        program(tmp_path, monkeypatch, "cat > /dev/null")
        with pytest.raises(DrawingError, match="exit code 0"):
            draw(HELLO, "svg")

    def test_that_hangs_is_stopped(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        program(tmp_path, monkeypatch, "exec sleep 60")
        start = time.monotonic()
        with pytest.raises(DrawingError, match=r"within 0\.5 s: fold the drawing"):
            draw(HELLO, "svg", timeout=0.5)
        assert time.monotonic() - start < 10

    def test_that_cannot_run_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        program(tmp_path, monkeypatch, "")
        (tmp_path / "dot").write_text("#!/nowhere/sh\n")
        with pytest.raises(DrawingError, match="cannot be run"):
            draw(HELLO, "svg")


@pytest.mark.usefixtures("no_dot")
def test_text_that_is_no_dot() -> None:
    with pytest.raises(DrawingError, match="Graphviz failed"):
        draw("digraph {", "svg")


def test_neither_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DrawingError, match=r"pip install 'nnc\[render\]'"):
        draw(HELLO, "svg")


def test_another_format_is_refused() -> None:
    with pytest.raises(DrawingError, match="svg, png or pdf, not 'gif'"):
        draw(HELLO, "gif")  # type: ignore[arg-type]  # as a caller without types would


# -- fonts ------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="a shell script stands in for the program")
@pytest.mark.parametrize(
    ("found", "family"),
    [
        ("DejaVu Sans", "DejaVu Sans,Verdana,Helvetica,Arial,sans-serif"),
        ("Nimbus Sans", "Nimbus Sans,Helvetica,Arial,sans-serif"),
        ("Helvetica", "Helvetica,Arial,sans-serif"),
        ('evil" onload="alert(1)', "Helvetica,Arial,sans-serif"),
    ],
)
def test_an_svg_names_the_font_it_was_measured_with(
    found: str, family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, monkeypatch, "cat > /dev/null; echo '<text font-family=\"Helvetica,Arial,sans-serif\"/>'")
    matcher = tmp_path / "fc-match"
    matcher.write_text(f"#!/bin/sh\nprintf '%s' '{found}'\n")
    matcher.chmod(0o755)
    assert draw(HELLO, "svg").decode().strip() == f'<text font-family="{family}"/>'
