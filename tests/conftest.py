"""Options of the whole suite: `--nightly` runs the thorough settings, `--update-golden` rewrites expected outputs."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

os.environ["NNC_CACHE"] = ""  # what is kept of long specs would outlive the compiler under test

SLOW_IS_FINE = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)

# The same examples on every run, so that a failure is one of the change at hand; the nightly run looks for new ones.
settings.register_profile("quick", max_examples=60, derandomize=True, deadline=None, suppress_health_check=SLOW_IS_FINE)
settings.register_profile("nightly", max_examples=3000, deadline=None, suppress_health_check=SLOW_IS_FINE)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--nightly", action="store_true", help="also run the thorough settings, which take minutes")
    parser.addoption("--update-golden", action="store_true", help="write what is printed now as what is expected")


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("nightly" if config.getoption("--nightly") else "quick")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--nightly"):
        return
    skip = pytest.mark.skip(reason="thorough settings that take minutes: run with --nightly")
    for item in items:
        if "nightly" in item.keywords:
            item.add_marker(skip)


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))
