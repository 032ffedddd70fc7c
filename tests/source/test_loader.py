"""Files: what cannot be read is said, with the place where there is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnc.compiler.diagnostics import Problems
from nnc.compiler.source import read_file
from nnc.compiler.source.guard import Limits
from nnc.compiler.source.tree import to_plain


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text("a: größe\n", encoding="utf-8")
    problems = Problems()
    read = read_file(path, problems)
    assert read is not None
    source, tree = read
    assert (source.name, source.text, to_plain(tree)) == (str(path), "a: größe\n", {"a": "größe"})
    assert tree.span.source is source


def test_the_suffix_says_json(tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    path.write_text("a: 1\n")
    problems = Problems()
    assert read_file(path, problems) is None
    assert [p.code for p in problems] == ["NNC0106"]


def test_a_byte_order_mark_is_no_character(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    read = read_file(path, Problems())
    assert read is not None
    assert read[1].span.column == 1
    assert to_plain(read[1]) == {"a": 1}


@pytest.mark.parametrize(
    ("content", "code", "place", "part"),
    [
        (b"a: 1\nb: \xfc\n", "NNC0102", (2, 4), "byte 0xfc"),
        ("größe: x\n".encode("latin-1"), "NNC0102", (1, 3), "byte 0xf6"),
        ("a: 1\n".encode("utf-16"), "NNC0102", (1, 1), "UTF-16"),
        (b"a: \xed\xa0\x80\n", "NNC0102", (1, 4), "byte 0xed"),
        (b"a: 1\nb: \x00\n", "NNC0103", (2, 4), "NUL"),
        (b"PK\x03\x04\x14\x00", "NNC0103", (1, 3), "U+0003"),
        (b"", "NNC0114", (1, 1), "empty"),
    ],
)
def test_what_is_not_text(tmp_path: Path, content: bytes, code: str, place: tuple[int, int], part: str) -> None:
    path = tmp_path / "net.yaml"
    path.write_bytes(content)
    problems = Problems()
    assert read_file(path, problems) is None
    [fault] = problems
    assert (fault.code, (fault.span.line, fault.span.column)) == (code, place)
    assert part in fault.message


def test_what_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "lenet5.yaml").write_text("a: 1")
    for path, part, fix in [
        (tmp_path / "lenet.yaml", "there is none of this name", f"did you mean `{tmp_path / 'lenet5.yaml'}`?"),
        (tmp_path / "other.yaml", "there is none of this name", None),
        (tmp_path / "no" / "where.yaml", "there is none of this name", None),
        (tmp_path, "it is a directory", None),
        (Path("a\0b"), "NUL", None),
    ]:
        problems = Problems()
        assert read_file(path, problems) is None
        [fault] = problems
        assert fault.code == "NNC0101"
        assert part in fault.message
        assert (fault.fix.title if fault.fix else None) == fix


def test_a_file_without_an_end_is_read_no_further_than_the_bound() -> None:
    problems = Problems()
    assert read_file("/dev/zero", problems, limits=Limits(characters=1000)) is None
    assert [p.code for p in problems] == ["NNC0104"]
