"""Hostile texts: each is answered in bounded time and memory, with one error, and never with an exception."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnc.compiler.diagnostics import Problems, Source
from nnc.compiler.source import read_text
from nnc.compiler.source.guard import LIMITS, Guard, Limits, Refused
from tests.source.reading import faults

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
LADDER = "".join(f"k{i}: &k{i} [[[[[[[[[[{'*k' + str(i - 1) if i else 1}]]]]]]]]]]\n" for i in range(20))

HOSTILE = {
    "60 kB of brackets": "[" * 30_000 + "]" * 30_000,
    "1 MB of brackets": "a: " + "[" * 500_000 + "]" * 500_000,
    "1 MB of braces": "{" * 1_000_000,
    "1 MB of keys in braces": "{a: " * 250_000,
    "brackets on lines": "[\n" * 500_000,
    "8 MB of brackets": "[" * 7_999_990,
    "deep blocks": "".join(" " * i + "a:\n" for i in range(2_000)),
    "deep lists": "- " * 1_000_000,
    "deep question marks": "? " * 1_000_000,
    "aliases that multiply": BOMB,
    "aliases that nest": LADDER,
    "aliases of one list": "a: &a [" + "x, " * 1000 + "]\nb: [" + "*a, " * 100_000 + "]\n",
    "wide lists": "[" + "[]," * 2_000_000 + "]",
    "wide mappings": "[" + "{}," * 2_000_000 + "]",
    "many items": "[" + "a," * 3_000_000 + "]",
    "many equal keys": "a: 1\n" * 1_000_000,
    "many numbers as keys": "".join(f"{i}: 1\n" for i in range(200_000)),
    "a million values": "[" + "1, " * 1_100_000 + "]",
    "many tags": "- !!str a\n" * 200_000,
    "many unknown aliases": "- *abcdef\n" * 200_000,
    "many unknown aliases among many anchors": "".join(f"- &abc{i} 1\n" for i in range(50_000)) + "- *xyz1\n" * 50_000,
    "many cut calls": "[" + "f(1, 2), " * 100_000 + "]",
    "one long cut call": "[f(" + "1, " * 200_000 + "]",
    "opened calls": "[" + "f(, " * 100_000 + "]",
    "many huge numbers": "- 1e999\n" * 200_000,
    "one huge number": "a: " + "9" * 7_000_000,
    "one huge text": 'a: "' + "x" * 7_900_000 + '"',
    "one huge plain text": "a: " + "x " * 3_900_000,
    "one huge key": "x" * 7_900_000 + ": 1",
    "one huge text of escapes": 'a: "' + "\\n" * 3_900_000 + '"',
    "one huge block": "a: |\n" + "  x\n" * 1_900_000,
    "huge emptiness": "\n" * 7_900_000,
    "huge comments": "#\n" * 3_900_000,
    "huge white space": "a:" + " " * 7_900_000,
    "open quote": "a: '" + "x\n" * 3_900_000,
    "anchors": "- " + "&a " * 2_000_000,
    "one huge anchor": "a: &" + "x" * 7_900_000 + " 1",
    "one huge tag": "a: !" + "x" * 7_900_000 + " 1",
    "documents": "---\n" * 1_900_000,
    "directives": "%a b\n" * 1_500_000,
    "tabs": "a:\n" + "\t" * 7_900_000,
    "too many characters": " " * 9_000_000,
    "a text without line breaks": "x: [" + "a, b: " * 1_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(name: str) -> None:
    begun = time.process_time()
    problems = Problems()
    read_text(HOSTILE[name], "t.yaml", problems)
    assert time.process_time() - begun < 4
    assert len(problems) <= LIMITS.faults + 1
    str(problems.sorted()[:10])


@pytest.mark.parametrize(
    "name", ["1 MB of brackets", "many items", "one huge text", "one huge number", "wide mappings"]
)
def test_hostile_json(name: str) -> None:
    begun = time.process_time()
    problems = Problems()
    assert read_text(HOSTILE[name], "t.json", problems) is None
    assert time.process_time() - begun < 4


@pytest.mark.parametrize(
    "name", ["one huge plain text", "one huge text of escapes", "wide mappings", "many items", "huge emptiness", "tabs"]
)
def test_memory(name: str) -> None:
    """Those that make the most of their length, each in a process of its own. (Where Linux tells it, the peak is that of the
    program: `ru_maxrss` begins with what the process took that started it.)"""
    code = (
        "import os, re, resource, sys\n"
        "from nnc.compiler.diagnostics import Problems\n"
        "from nnc.compiler.source import read_text\n"
        "read_text(sys.stdin.read(), 't.yaml', Problems())\n"
        "if os.path.exists('/proc/self/status'):\n"
        "    print(re.search(r'VmHWM:\\s+([0-9]+) kB', open('/proc/self/status').read())[1])\n"
        "else:\n"
        "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=HOSTILE[name], capture_output=True, text=True, timeout=120, check=True
    )
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(done.stdout) * unit < 2**30


def test_bounds_are_where_they_are_said_to_be() -> None:
    deep = LIMITS.depth
    assert faults("[" * deep + "]" * deep) == []
    assert [f.code for f in faults("[" * (deep + 1) + "]" * (deep + 1))] == ["NNC0104"]
    limits = Limits(nodes=5)
    for text, fits in [
        ("[a, b, c, d]", True),
        ("[a, b, c, d, e]", False),
        ("{a: b, c: d}", True),
        ("{a: b, c: d, e: f}", False),
    ]:
        problems = Problems()
        assert (read_text(text, "t.yaml", problems, limits=limits) is not None) == fits
        assert problems.has_errors != fits


def test_an_alias_counts_as_what_it_stands_for() -> None:
    limits = Limits(nodes=12)
    for aliases, fits in [(3, True), (4, False)]:
        text = "[&a [x], " + ", ".join(["*a"] * aliases) + ", 1, 2, 3]"  # 1 + 2 + 2 · aliases + 3
        assert (read_text(text, "t.yaml", Problems(), limits=limits) is not None) == fits
    limits = Limits(copies=6)
    for aliases, fits in [(3, True), (4, False)]:
        text = "[&a [x], " + ", ".join(["*a"] * aliases) + "]"
        assert (read_text(text, "t.yaml", Problems(), limits=limits) is not None) == fits
    nested = "a: &a [[[1]]]\nb: [[*a]]\n"
    assert read_text(nested, "t.yaml", Problems(), limits=Limits(depth=6)) is not None
    assert read_text(nested, "t.yaml", Problems(), limits=Limits(depth=5)) is None


def test_faults_are_bounded() -> None:
    found = faults("".join(f"{i}: 1\n" for i in range(5000)))
    assert len(found) == LIMITS.faults + 1
    assert [f.code for f in found].count("NNC0104") == 1


def test_a_guard_refuses_at_once() -> None:
    with pytest.raises(Refused):
        Guard(Source("t", "12345"), Problems(), Limits(characters=4))


PIECES = [
    "a", "b: ", "- ", "\n", "  ", "[", "]", "{", "}", ", ", ": ", "&x ", "*x", "!t ", "'", '"', "|\n", ">-\n", "# c",
    "\\", "? ", "---\n", "...\n", "%Y", "\t", "\r\n", "1", "~", "<<: ", "f(", ")", "${", "@", "`", "é", "😀",
    "\ufeff", "\x85", "\u2028", "\x00", "{{", "=",
]  # fmt: skip


@given(
    st.lists(st.sampled_from(PIECES), max_size=25).map("".join) | st.text(max_size=50),
    st.sampled_from(["t.yaml", "t.json"]),
)
def test_any_text_ends_in_a_tree_or_in_faults(text: str, name: str) -> None:
    faults(text.removeprefix("\ufeff"), name)
