"""What `loader:` says is what torch's DataLoader is told, and changes nothing but the time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from nnc.runtime.data import open_data, splits
from nnc.runtime.failure import Failure
from tests.runtime.helpers import read

CPU = torch.device("cpu")
TEXT = """
    data:
      train: ImageFolder("pictures")
      transforms: {{image: {{train: [RandomHorizontalFlip], eval: []}}}}
      loader: {loader}
    train: {{loss: CrossEntropyLoss, optimizer: Adam, epochs: 1}}
"""


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for i in range(10):
        folder = tmp_path / "pictures" / "ab"[i % 2]
        folder.mkdir(parents=True, exist_ok=True)
        image = torch.randint(0, 255, (6, 6, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(i))
        Image.fromarray(image.numpy()).save(folder / f"{i}.png")
    return tmp_path


def batches(base: Path, loader: str) -> list[Any]:
    data = open_data(read(TEXT.format(loader=loader))[0], base)
    assert data.train is not None
    found = []
    for epoch in (1, 2):
        found += [dict(b) for b in data.train.batches(torch.arange(10), 4, CPU, seed=3, epoch=epoch)]
    return found


SETTINGS: dict[str, dict[str, Any]] = {
    "{}": {"prefetch_factor": 2, "persistent_workers": True, "pin_memory": False, "timeout": 0},
    "{num_workers: 0}": {"num_workers": 0, "prefetch_factor": None, "persistent_workers": False},
    "{num_workers: 2, prefetch_factor: 5}": {"num_workers": 2, "prefetch_factor": 5, "persistent_workers": True},
    "{num_workers: 1, persistent_workers: false, timeout: 60, multiprocessing_context: fork}": {
        "persistent_workers": False,
        "timeout": 60,
    },
    "{num_workers: 1, pin_memory: true}": {"pin_memory": torch.accelerator.is_available()},
}


@pytest.mark.parametrize("loader", SETTINGS)
def test_what_dataloader_is_told(pictures: Path, loader: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    class Watched(torch.utils.data.DataLoader[Any]):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            made.append(self)

    expected = batches(pictures, "{num_workers: 0}")
    monkeypatch.setattr(splits, "DataLoader", Watched)
    found = batches(pictures, loader)
    (one,) = made
    told = {name: getattr(one, name) for name in SETTINGS[loader]}
    assert told == SETTINGS[loader]
    for ours, theirs in zip(found, expected, strict=True):
        assert all(torch.equal(ours[field], theirs[field]) for field in ("image", "label"))


@pytest.mark.nightly  # torch waits five seconds for a process that does not end
def test_workers_that_do_not_answer(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    from nnc.runtime.data.datasets import Samples

    monkeypatch.setattr(Samples, "__getitem__", lambda self, index: time.sleep(30))
    with pytest.raises(Failure, match=r"the processes that read samples stopped: .*timed out"):
        batches(pictures, "{num_workers: 1, timeout: 0.5}")
