"""Interrupted anywhere and resumed equals never interrupted, bit for bit on the CPU: weights, log, and what is drawn at
random."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import nn

from nnc.compiler.training.vocabulary import VOCABULARY
from nnc.compiler.types.dim import size
from nnc.compiler.types.tensor import TensorType
from nnc.runtime.failure import Failure
from nnc.runtime.saving.checkpoint import CheckpointFolder
from nnc.runtime.signature import Signature
from tests.runtime.helpers import DATA, IMAGES, TRAIN, StopAfter, network, read, run, same_state, write_images
from tests.runtime.killing import started

AUGMENTED = """
    data:
      train: Npz("train.npz")
      validation: 12
      transforms:
        image:
          train: [ToImage, "RandomCrop(8, padding=1)", RandomHorizontalFlip, ToDtype(float32)]
          eval: [ToImage, ToDtype(float32)]
"""
STREAMED = """
    data:
      train: ImageFolder("pictures")
      validation: 6
      workers: {workers}
      transforms:
        image:
          train: [RandomHorizontalFlip, Grayscale, "ToDtype(float32, scale=True)"]
          eval: [Grayscale, "ToDtype(float32, scale=True)"]
"""


def log_of(folder: Path) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if "second" not in k} for line in lines]


def interrupted(folder: Path, text: str, after: int, base: Path, which: signal.Signals = signal.SIGTERM) -> None:
    result, _ = run(folder, text, base=base, reporter=StopAfter(after, which))
    assert result.status == "interrupted"
    assert result.exit_code == 128 + which


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 small image files in two classes."""
    from PIL import Image

    base = tmp_path_factory.mktemp("pictures")
    generator = torch.Generator().manual_seed(0)
    for i in range(20):
        folder = base / "pictures" / ("cat" if i % 2 else "dog")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(torch.randint(0, 255, (8, 8, 3), dtype=torch.uint8, generator=generator).numpy()).save(
            folder / f"{i}.png"
        )
    return base


@pytest.mark.parametrize("after", [1, 3, 4, 6])  # in the first epoch, at its end, in the second
@pytest.mark.parametrize("data", [DATA, AUGMENTED], ids=["plain", "augmented"])
def test_resumed_equals_uninterrupted(tmp_path: Path, data: str, after: int) -> None:
    text = data + TRAIN + "      scheduler: OneCycleLR(0.05, total_steps=steps)\n"
    whole, expected = run(tmp_path / "whole", text)
    interrupted(tmp_path / "run", text, after, tmp_path)
    torch.manual_seed(12345)  # whatever was drawn in between
    result, resumed = run(tmp_path / "run", text, resume=True, module=network(seed=99))
    assert result.status == "finished"
    assert same_state(resumed.state_dict(), expected.state_dict())
    assert result.quantities == whole.quantities
    assert log_of(tmp_path / "run") == log_of(tmp_path / "whole")
    assert result.step == whole.step == 12


def test_interrupted_in_every_step(tmp_path: Path) -> None:
    """A run that is stopped after each single step still ends with the same weights."""
    _, expected = run(tmp_path / "whole", AUGMENTED + TRAIN)
    interrupted(tmp_path / "run", AUGMENTED + TRAIN, 1, tmp_path)
    for _ in range(10):
        result, _ = run(tmp_path / "run", AUGMENTED + TRAIN, resume=True, reporter=StopAfter(1, signal.SIGINT))
        assert result.status == "interrupted"
    result, resumed = run(tmp_path / "run", AUGMENTED + TRAIN, resume=True)
    assert result.status == "finished"
    assert same_state(resumed.state_dict(), expected.state_dict())
    assert log_of(tmp_path / "run") == log_of(tmp_path / "whole")


def test_the_comparison_can_fail(tmp_path: Path) -> None:
    """Another seed gives other weights: equality above is not for want of randomness."""
    _, expected = run(tmp_path / "whole", AUGMENTED + TRAIN)
    _, other = run(tmp_path / "other", AUGMENTED + TRAIN.replace("seed: 7", "seed: 8"))
    assert not same_state(other.state_dict(), expected.state_dict())


@pytest.mark.parametrize("workers", [0, 2])
def test_streamed_data_with_any_number_of_workers(tmp_path: Path, pictures: Path, workers: int) -> None:
    train = TRAIN.replace("batch_size: 16", "batch_size: 4")
    _, expected = run(tmp_path / "whole", STREAMED.format(workers=0) + train, base=pictures, module=network(2))
    text = STREAMED.format(workers=workers) + train
    stopped, _ = run(tmp_path / "run", text, base=pictures, module=network(2), reporter=StopAfter(6, signal.SIGTERM))
    assert stopped.status == "interrupted"
    result, resumed = run(tmp_path / "run", text, base=pictures, module=network(2, seed=5), resume=True)
    assert result.status == "finished"
    assert same_state(resumed.state_dict(), expected.state_dict())


def test_a_checkpoint_in_the_middle_of_an_epoch(tmp_path: Path) -> None:
    """`checkpoint_every` saves between batches, and changes nothing else."""
    _, expected = run(tmp_path / "whole")
    _, with_more = run(tmp_path / "more", DATA + TRAIN + "      checkpoint_every: 3\n")
    assert same_state(with_more.state_dict(), expected.state_dict())
    assert CheckpointFolder(tmp_path / "more" / "checkpoints").names()[-1] > "000004"


def test_validation_does_not_touch_training(tmp_path: Path) -> None:
    """The same weights with and without a metric, although a network may draw random numbers in evaluation too."""

    class Noisy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = network()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            scores: torch.Tensor = self.inner(x) + 0.01 * torch.randn(())
            return scores

    validated = DATA.replace("validation: 12", 'validation: Npz("train.npz")')
    _, one = run(
        tmp_path / "one", DATA.replace("validation: 12", "") + TRAIN.replace("metrics: [Accuracy]", ""), module=Noisy()
    )
    _, other = run(tmp_path / "other", validated + TRAIN, module=Noisy())
    assert same_state(one.state_dict(), other.state_dict())


def test_interrupted_in_validation(tmp_path: Path) -> None:
    class Stopping(nn.Module):
        """Asks to stop in its third evaluation batch: the preflight is the first."""

        def __init__(self, at: int) -> None:
            super().__init__()
            self.inner, self.seen, self.at = network(), 0, at

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if not self.training:
                self.seen += 1
                if self.seen == self.at:
                    os.kill(os.getpid(), signal.SIGTERM)
            scores: torch.Tensor = self.inner(x)
            return scores

    text = DATA.replace("validation: 12", "validation: 36") + TRAIN
    _, expected = run(tmp_path / "whole", text, module=Stopping(0))
    result, _ = run(tmp_path / "run", text, module=Stopping(3))
    assert (result.status, result.step, result.epoch) == ("interrupted", 3, 1)
    result, resumed = run(tmp_path / "run", text, module=Stopping(0), resume=True)
    assert same_state(resumed.state_dict(), expected.state_dict())
    assert log_of(tmp_path / "run") == log_of(tmp_path / "whole")


# -- every optimizer, every scheduler ----------------------------------------------------------------------------------

VECTORS = Signature({"x": TensorType((size("B"), 64))})


def vectors() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(64, 5, bias=False), nn.Tanh(), nn.Linear(5, 3, bias=False))


class Words(nn.Module):
    """Sparse gradients only: SparseAdam takes no others."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.embedding = nn.EmbeddingBag(20, 3, sparse=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.embedding(x.long().clamp(0, 19))
        return scores


FLAT = """
    data:
      train: Npz("flat.npz", ["x", "label"])
      fields: [x, label]
      transforms: {x: [ToDtype(float32)]}
    train:
      loss: CrossEntropyLoss
      optimizer: OPTIMIZER
      epochs: 2
      batch_size: 10
      seed: 7
"""


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    import numpy as np

    write_images(tmp_path / "train.npz", 40)
    arrays = np.load(tmp_path / "train.npz")
    np.savez(tmp_path / "flat.npz", x=arrays["image"].reshape(40, 64), label=arrays["label"])
    return tmp_path


def resumes(base: Path, text: str, make: type[nn.Module] | None = None) -> None:
    def module() -> nn.Module:
        return make() if make else vectors()

    _, expected = run(base / "whole", text, module=module(), signature=VECTORS)
    assert not same_state(expected.state_dict(), module().state_dict()), "it learns something"
    run(base / "run", text, module=module(), signature=VECTORS, reporter=StopAfter(3, signal.SIGTERM))
    result, resumed = run(base / "run", text, module=module(), signature=VECTORS, resume=True)
    assert result.status == "finished"
    assert same_state(resumed.state_dict(), expected.state_dict())


@pytest.mark.parametrize("name", VOCABULARY["optimizer"])
def test_every_optimizer_trains_and_resumes(flat: Path, name: str) -> None:
    resumes(flat, FLAT.replace("OPTIMIZER", name), Words if name == "SparseAdam" else None)


SCHEDULERS = {
    "LambdaLR": '"0.9 ** epoch"',
    "MultiplicativeLR": '"0.5 if epoch < 2 else 1"',
    "StepLR": "1",
    "MultiStepLR": "[1, 3]",
    "ConstantLR": "",
    "LinearLR": "",
    "ExponentialLR": "0.5",
    "PolynomialLR": "",
    "CosineAnnealingLR": "epochs",
    "CosineAnnealingWarmRestarts": "1",
    "ChainedScheduler": "[StepLR(1), ExponentialLR(0.5)]",
    "SequentialLR": "[LinearLR(0.1, total_iters=2), CosineAnnealingLR(steps)], [2]",
    "ReduceLROnPlateau": "patience=0, threshold=10.0",
    "CyclicLR": "0.01, 0.1, 3",
    "OneCycleLR": "0.1, total_steps=steps",
}


@pytest.mark.parametrize("every", ["step", "epoch", None])
@pytest.mark.parametrize("name", VOCABULARY["scheduler"])
def test_every_scheduler_trains_and_resumes(flat: Path, name: str, every: str | None) -> None:
    if name == "ReduceLROnPlateau" and every == "step":
        return  # refused when it is read: it waits for a quantity of the epoch
    text = FLAT.replace("OPTIMIZER", "SGD(0.1, momentum=0.9)")
    call = f"{name}({SCHEDULERS[name]})"
    scheduler = f"{{type: '{call}', every: {every}}}" if every else f"'{call}'"
    resumes(flat, text + f"      scheduler: {scheduler}\n")


def test_the_schedule_is_torch_s(flat: Path) -> None:
    """The rates in the log are those of a hand-written loop."""
    text = FLAT.replace("OPTIMIZER", "SGD(0.1)").replace("epochs: 2", "epochs: 5")
    run(flat / "run", text + "      scheduler: StepLR(2, gamma=0.1)\n", module=vectors(), signature=VECTORS)
    rates = [r["lr"] for r in log_of(flat / "run")]
    optimizer = torch.optim.SGD(vectors().parameters(), 0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2, gamma=0.1)
    expected = []
    for _ in range(5):
        expected.append([optimizer.param_groups[0]["lr"]])
        optimizer.step()
        scheduler.step()
    assert rates == expected


# -- what is refused, and what is not ----------------------------------------------------------------------------------


def test_more_epochs_may_follow(tmp_path: Path) -> None:
    _, expected = run(tmp_path / "whole", epochs=4)
    run(tmp_path / "run", epochs=2)
    result, resumed = run(tmp_path / "run", epochs=4, resume=True)
    assert same_state(resumed.state_dict(), expected.state_dict())
    again, _ = run(tmp_path / "run", epochs=4, resume=True)
    assert (again.status, again.step, again.quantities) == ("finished", result.step, result.quantities)


def test_other_settings_are_refused(tmp_path: Path) -> None:
    run(tmp_path / "run")
    with pytest.raises(Failure) as caught:
        run(
            tmp_path / "run",
            DATA + TRAIN.replace("lr=1e-2", "lr=1e-3").replace("batch_size: 16", "batch_size: 8"),
            resume=True,
        )
    assert caught.value.code == "NNC0902"
    assert caught.value.diagnostics[0].notes == (
        "optimizer was ['AdamW(lr=0.01)', []], now ['AdamW(lr=0.001)', []]",
        "batch_size was 16, now 8",
    )


def test_another_network_is_refused(tmp_path: Path) -> None:
    run(tmp_path / "run")
    with pytest.raises(
        Failure, match=r"another network's[\s\S]*`5.weight` is \[3, 256\], and in the network \[4, 256\]"
    ):
        run(tmp_path / "run", resume=True, module=network(4))


def test_a_new_run_does_not_overwrite_an_old_one(tmp_path: Path) -> None:
    run(tmp_path / "run")
    with pytest.raises(Failure, match="holds a run already"):
        run(tmp_path / "run")


def test_resuming_before_the_first_checkpoint_begins(tmp_path: Path) -> None:
    _, expected = run(tmp_path / "whole")
    _, resumed = run(tmp_path / "run", resume=True)
    assert same_state(resumed.state_dict(), expected.state_dict())


def test_a_damaged_checkpoint_is_passed_over_and_said(tmp_path: Path) -> None:
    from nnc.runtime.report import Reporter

    notes: list[str] = []

    class Listening(Reporter):
        def note(self, text: str) -> None:
            notes.append(text)

    _, expected = run(tmp_path / "run")
    newest = tmp_path / "run" / "checkpoints" / "000003"
    (newest / "state.json").write_text("{}")
    result, resumed = run(tmp_path / "run", resume=True, reporter=Listening())
    assert result.status == "finished"
    assert same_state(resumed.state_dict(), expected.state_dict())
    assert str(newest) in notes[0]


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    from filelock import FileLock

    (tmp_path / "run").mkdir()
    script = (
        "import sys, time; from filelock import FileLock; lock = FileLock(sys.argv[1]); lock.acquire();"
        "print('locked', flush=True); time.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, "-c", script, tmp_path / "run" / ".lock"], stdout=subprocess.PIPE)
    try:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(Failure) as caught:
            run(tmp_path / "run")
        assert caught.value.code == "NNC0906"
    finally:
        other.kill()
        other.wait()
    with FileLock(tmp_path / "run" / ".lock", timeout=0):
        pass  # a dead process holds no lock
    assert run(tmp_path / "run")[0].status == "finished"


# -- a process of its own ----------------------------------------------------------------------------------------------

SCRIPT = """
import sys, torch
from pathlib import Path
torch.set_num_threads(1)
from tests.runtime.helpers import DATA, TRAIN, run
result, _ = run(Path(sys.argv[1]), DATA + TRAIN, epochs=int(sys.argv[2]), resume="--resume" in sys.argv)
sys.exit(result.exit_code)
"""


def train_process(folder: Path, epochs: int, *options: str) -> subprocess.Popen[bytes]:
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", SCRIPT, str(folder), str(epochs), *options]
    return subprocess.Popen(command, cwd=root, env=environment)


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGKILL])
def test_a_process_that_is_signalled_can_be_resumed(tmp_path: Path, which: signal.Signals) -> None:
    """SIGTERM and SIGINT end with a documented code after saving; SIGKILL asks nobody. All can go on."""
    write_images(tmp_path / "train.npz")
    _, expected = run(tmp_path / "whole", epochs=25)
    process = train_process(tmp_path / "run", 25)
    deadline = time.monotonic() + 120
    while not CheckpointFolder(tmp_path / "run" / "checkpoints").names():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(which)
    code = process.wait(60)
    assert code == (-signal.SIGKILL if which is signal.SIGKILL else 128 + which)
    result, resumed = run(tmp_path / "run", epochs=25, resume=True)
    assert result.status == "finished"
    assert same_state(resumed.state_dict(), expected.state_dict())
    assert log_of(tmp_path / "run") == log_of(tmp_path / "whole")


@pytest.mark.parametrize("trials", [6, pytest.param(200, marks=pytest.mark.nightly)])
def test_killed_at_random_moments(tmp_path: Path, trials: int) -> None:
    """Killed twice without warning, anywhere in training or saving, a run that is resumed ends with the same weights."""
    torch.set_num_threads(1)
    text = AUGMENTED + TRAIN + "      checkpoint_every: 1\n"
    _, expected = run(tmp_path / "whole", text)
    chance, last = random.Random(trials), set()
    for trial in range(trials):
        folder = tmp_path / f"run{trial}"
        for _ in range(2):
            child = started(run, folder, text, base=tmp_path, resume=True)
            wanted = chance.randrange(12)  # of the 12 steps; then anywhere in the next one, or in saving it
            deadline = time.monotonic() + 60
            while child.is_alive() and wanted and (not (names := newest(folder)) or int(names[-1]) < wanted):
                assert time.monotonic() < deadline, "the run hangs"
                time.sleep(0.001)
            time.sleep(chance.uniform(0, 0.02))
            child.kill()
            child.join()
        last.update(newest(folder)[-1:])
        _, resumed = run(folder, text, base=tmp_path, resume=True)
        assert same_state(resumed.state_dict(), expected.state_dict()), trial
        assert log_of(folder) == log_of(tmp_path / "whole")
    assert len(last) > 2, "the deaths came at different moments"


def newest(folder: Path) -> list[str]:
    return CheckpointFolder(folder / "checkpoints").names()


def test_reading_helpers_say_what_they_read() -> None:
    data, config = read(DATA + TRAIN)
    assert (config.epochs, data.validation, IMAGES.outputs) == (3, 12, ("output",))
