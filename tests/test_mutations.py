"""No input gives a traceback, a hang or a memory blow-up: thousands of damaged copies of the shipped specs, and hostile files."""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nnc.compiler.driver import compile_text

ROOT = Path(__file__).parents[1]
SPECS = {p.stem: p.read_text(encoding="utf-8") for p in sorted((ROOT / "specs").glob("*.yaml"))}
TOKENS = [
    "${", "}", "[", "]", "{", "(", ")", ",", ":", ": ", "- ", "&a ", "*a", "!!python/object:os.system ", "|", ">",
    "'", '"', "\t", "\0", "\N{SNOWMAN}", "\U0001f600", "\r\n", "...", "---", "9**9**9", "10**9", "-1", "0", "1e-3",
    "1e999", "nan", "null", "true", "~", "on", "x", "B", "self", "__class__", "lambda: 0", "if", "for", "repeat",
    "each", "use", "from", "type", "layers", "Linear", "Conv2d(0, 0)", "Conv2d(8, 3, stride=0)", "Linear(10**18)",
    "relu", "cat", "[B, -1, H]", "[...]", "_", "B // 0", "B - B", "H * W * B * H * W", "range(10**9)",
    "[0] * 10**9", "'a' * 10**9", "x[::0]", "x[..., ..., 0]", "layers[99]", "y@y", "not", "**", "//", "==", "=",
    "<<",
]  # fmt: skip


def mutate(text: str, rng: random.Random, others: list[str]) -> str:
    """One to three random damages: characters, words, lines, parts of another spec."""
    for _ in range(rng.randint(1, 3)):
        at, length = rng.randrange(len(text) + 1), rng.choice((1, 1, 2, 5, 20))
        lines = text.split("\n")
        i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
        match rng.randrange(8):
            case 0:
                text = text[:at] + text[at + length :]
            case 1 | 2:
                text = text[:at] + rng.choice(TOKENS) + text[at:]
            case 3:
                text = text[:at] + rng.choice(TOKENS) + text[at + length :]
            case 4:
                lines[i], lines[j] = lines[j], lines[i]
                text = "\n".join(lines)
            case 5:
                text = "\n".join([*lines[:i], *lines[min(i, j) : max(i, j)], *lines[i:]])
            case 6:
                lines[i] = " " * rng.randrange(8) + lines[i].lstrip()
                text = "\n".join(lines)
            case 7:
                other = rng.choice(others).split("\n")
                text = "\n".join([*lines[:i], *other[rng.randrange(len(other)) :][:6], *lines[i:]])
    return text


def survive(text: str) -> None:
    start = time.process_time()
    result = compile_text(text)
    spent = time.process_time() - start
    assert result.ok or result.problems.sorted()
    assert spent < 2, f"took {spent:.1f} s"
    if not result.ok:
        from nnc.compiler.render.full import render

        assert render(result.problems.sorted())


@pytest.mark.parametrize("part", range(8))
def test_two_thousand_mutations(part: int) -> None:
    rng, texts = random.Random(part), list(SPECS.values())
    for _ in range(250):
        text = mutate(rng.choice(texts), rng, texts)
        try:
            survive(text)
        except Exception:
            print(text)
            raise


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(100, 140))
def test_forty_thousand_mutations(part: int) -> None:
    rng, texts = random.Random(part), list(SPECS.values())
    for _ in range(1000):
        survive(mutate(rng.choice(texts), rng, texts))


def test_a_damaged_spec_is_mostly_refused() -> None:
    """The mutations do damage: a compiler that accepted everything would not pass."""
    rng, texts = random.Random(99), list(SPECS.values())
    refused = sum(not compile_text(mutate(rng.choice(texts), rng, texts)).ok for _ in range(100))
    assert refused > 50


HOSTILE = {
    "nested brackets": "[" * 30_000,
    "nested flow, closed": "[" * 30_000 + "]" * 30_000,
    "a megabyte of nesting": "nnc: 1\nlayers: " + "{a: [" * 100_000,
    "aliases": "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{b}: &{b} [{', '.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefghijklm", "bcdefghijklmn", strict=True)
    ),
    "an alias of itself": "nnc: 1\nlayers: &a [*a]",
    "deep blocks": "".join("  " * i + "a:\n" for i in range(3000)),
    "a python object": "nnc: 1\nlayers: !!python/object/apply:os.system ['touch canary']",
    "a huge power": "nnc: 1\ninputs: {x: [B, 16]}\nlayers:\n  fc: Linear(9**9**9)",
    "a huge repeat": "nnc: 1\ninputs: {x: [B, 16]}\nlayers:\n  a: {repeat: 10**9, type: ReLU}",
    "repeats of repeats": "nnc: 1\ninputs: {x: [B, 16]}\nblocks:\n" + "".join(
        f"  A{i}: {{layers: {{a: {{repeat: 1000, type: A{i + 1}()}}}}}}\n" for i in range(9)
    ) + "  A9: {layers: {a: relu}}\nlayers:\n  a: A0()",
    "two calls of two calls": "nnc: 1\ninputs: {x: [B, 16]}\nblocks:\n" + "".join(
        f"  A{i}: {{args: {{n: 0}}, layers: {{p: A{i + 1}(2*n), q: A{i + 1}(2*n + 1)}}}}\n" for i in range(30)
    ) + "  A30: {args: {n: 0}, layers: {a: relu}}\nlayers:\n  a: A0()",
    "nested loops": "nnc: 1\ninputs: {x: [B, 16]}\nlayers:\n  a:\n    - each: i in range(9999)\n      layers:\n"
    "        - {each: j in range(9999), layers: [ReLU]}",
    "long lists": 'nnc: 1\ninputs: {x: [B, 16]}\nlayers:\n  fc: "Linear(len([[0] * 99999 for a in range(99999)]))"',
    "growing sizes": "nnc: 1\ninputs: {x: [B, T]}\nlayers:\n  c0: x\n" + "".join(
        f"  c{i + 1}: cat([c{i}, c{i}], 1)\n" for i in range(80)
    ),
    "growing products": "nnc: 1\ninputs: {x: [B, T]}\nlayers:\n  c0: x\n" + "".join(
        f"  c{i + 1}: reshape(c{i}, -1, 2) @ transpose(reshape(c{i}, -1, 2), 0, 1)\n" for i in range(30)
    ),
    "a long sum": "nnc: 1\ninputs: {x: [B, 16]}\nlayers:\n  y: " + " + ".join(["x"] * 5000),
    "deep parentheses": "nnc: 1\ninputs: {x: [B, 16]}\nlayers:\n  y: " + "(" * 5000 + "x" + ")" * 5000,
    "many entries in reverse": "nnc: 1\ninputs: {x: [B, 16]}\nlayers:\n" + "".join(
        f"  n{i}: relu(n{i + 1})\n" for i in range(3000)
    ) + "  n3000: relu(x)",
}  # fmt: skip

CHILD = """
import os, re, resource, sys, time
from nnc.compiler.driver import compile_text
text = sys.stdin.read()
start = time.process_time()
result = compile_text(text)
spent, peak = time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
if os.path.exists("/proc/self/status"):  # `ru_maxrss` begins with what the process took that started this one
    peak = int(re.search("VmHWM: *\t* *([0-9]+) kB", open("/proc/self/status").read())[1]) // 1024
print(spent, peak, result.ok, *[d.code for d in result.problems][:3])
"""


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_answered_in_two_seconds_and_a_gibibyte(name: str, tmp_path: Path) -> None:
    limit = 2**30 + 2**28  # address space, the interpreter's own included

    def confine() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    done = subprocess.run(
        [sys.executable, "-c", CHILD], input=HOSTILE[name], capture_output=True, text=True, timeout=120, cwd=tmp_path,
        preexec_fn=confine, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    seconds, megabytes, *rest = done.stdout.split()
    assert float(seconds) < 2, done.stdout
    assert int(megabytes) < 1024, done.stdout
    assert rest
    assert not list(tmp_path.iterdir()), "a file appeared"
