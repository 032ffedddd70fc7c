"""What is emitted, read as a whole: the expected text of each network stands in `golden/`, for people to review."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nnc.compiler.backends.torch.emit import emit_source
from tests.backends_torch.networks import SMALL, compiled

GOLDEN = Path(__file__).parent / "golden"
SHIPPED: dict[str, dict[str, Any]] = {
    "alexnet": {},
    "bilstm": {},
    "lenet5": {},
    "mlp": {"dropout": 0.2},
    "resnet": {},
    "siamese": {},
    "unet": {},
    "vit": {},
}


@pytest.mark.parametrize("name", [*SHIPPED, *SMALL])
def test_emitted_text(name: str, update_golden: bool) -> None:
    found = compiled(name, **SHIPPED.get(name, {}))
    assert found.ok, found.problems.sorted()
    text = emit_source(found.graph).text
    file = GOLDEN / f"{name}.txt"
    if update_golden:
        file.write_text(text)
    assert text == file.read_text()


@pytest.mark.parametrize("name", SHIPPED)
def test_every_line_is_ascii_and_of_readable_length(name: str) -> None:
    text = emit_source(compiled(name, **SHIPPED[name]).graph).text
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 120


def test_lines_know_their_place_in_the_spec() -> None:
    graph = compiled("lenet5").graph
    emitted = emit_source(graph)
    lines = emitted.text.splitlines()
    places = {lines[number - 1].strip(): span.text for number, span in emitted.line_spans.items()}
    assert places["nn.Conv2d(1, 6, kernel_size=5, padding=2),"] == "Conv2d"
    assert places["x = torch.flatten(x, 1)  # (B, 400)"].startswith("flat")
