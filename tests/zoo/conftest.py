"""Time and memory of every comparison, printed at the end of `make test-zoo`."""

from __future__ import annotations

import ctypes
import gc
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Cost:
    """Seconds, and the peak of memory above what was held before (Linux tells it), by model."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[float, int | None]] = {}

    @contextmanager
    def measured(self, name: str) -> Iterator[None]:
        before = _reset_peak()
        start = time.perf_counter()
        yield
        seconds = time.perf_counter() - start
        self.rows[name] = (seconds, None if before is None else _megabytes("VmHWM") - before)

    def table(self) -> list[str]:
        """A Markdown table, in the order in which the models ran."""
        lines = ["| model | seconds | peak memory |", "|---|---:|---:|"]
        for name, (seconds, peak) in self.rows.items():
            lines.append(f"| {name} | {seconds:.1f} | {'' if peak is None else f'{peak} MB'} |")
        return lines


def _reset_peak() -> int | None:
    """What is held now, in MB; the peak starts again from here. None where the system does not tell."""
    if not CLEAR.exists():
        return None
    gc.collect()
    with suppress(OSError, AttributeError):  # glibc alone: what was freed goes back, lest it be taken again unseen
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    CLEAR.write_text("5")
    return _megabytes("VmRSS")


def _megabytes(field: str) -> int:
    found = re.search(rf"{field}:\s+(\d+) kB", STATUS.read_text())
    assert found, f"no {field} in {STATUS}"
    return int(found[1]) // 1024


_COST = Cost()


@pytest.fixture(scope="session")
def cost() -> Cost:
    return _COST


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.getoption("--nightly") and _COST.rows:
        terminalreporter.section("compared with torchvision, weights and all: both modes, gradients")
        for line in _COST.table():
            terminalreporter.write_line(line)
