"""`data:` and `train:` through the whole check: every fault at its word, once. The expectation stands beside the
mistake."""

from __future__ import annotations

import textwrap

import pytest

from nnc.compiler.driver import compile_text
from nnc.compiler.training import DataConfig, TrainConfig, read_sections
from nnc.compiler.training.network import network_of
from tests.expectations import compare

NETWORK = """\
nnc: 1
name: net
inputs: {image: [B, 1, 8, 8]}
args: {rate: 0.1}
layers:
  conv: Conv2d(4, 3, padding=1)
  flat: flatten(1)
  fc: Linear(10)
"""
DATA = "data: {train: 'MNIST(\"data\")', validation: 0.1}\n"
TRAIN = "train: {loss: CrossEntropyLoss, optimizer: Adam, epochs: 3}\n"

FAULTS = {
    "two averages": """
        train:
          loss: CrossEntropyLoss
          optimizer: Adam
          epochs: 3
          ema: 0.999
          swa: 2  # error: [conflicting-settings] "averaged in one way"
    """,
    "an average that never begins": """
        train:
          loss: CrossEntropyLoss
          optimizer: Adam
          epochs: 3
          swa: {start: 4, lr: 0.1}  # error: [conflicting-settings] "begins with epoch 4, and there are 3"
    """,
    "annealing to nowhere": """
        train:
          loss: CrossEntropyLoss
          optimizer: Adam
          epochs: 3
          swa: {start: 2, anneal_epochs: 1}  # error: [missing-section-key] "annealing goes to a learning rate"
    """,
    "a decay of one": """
        train:
          loss: CrossEntropyLoss
          optimizer: Adam
          epochs: 3
          ema: 1  # error: [wrong-training-value] "a decay below 1"
    """,
    "an average without its beginning": """
        train:
          loss: CrossEntropyLoss
          optimizer: Adam
          epochs: 3
          swa: {lr: 0.1}  # error: [missing-key] "start"
    """,
    "a misspelled setting of an average": """
        train:
          loss: CrossEntropyLoss
          optimizer: Adam
          epochs: 3
          ema: {decy: 0.9}  # error: [unknown-key] "decay"
    """,
    "no patience": """
        train:
          loss: CrossEntropyLoss
          optimizer: Adam
          epochs: 3
          early_stopping: 0  # error: [wrong-training-value] "a number of epochs ≥ 1"
    """,
    "another policy": """
        train:
          loss: CrossEntropyLoss
          optimizer: Adam
          epochs: 3
          non_finite: skp  # error: [wrong-training-value] "skip"
    """,
    "unknown optimizer": """
        train:
          loss: CrossEntropyLoss
          optimizer: Adm(lr=1e-3)  # error: [unknown-training-name] "did you mean `Adam`"
          epochs: 3
    """,
    "a loss where an optimizer belongs": """
        train:
          loss: CrossEntropyLoss
          optimizer: MSELoss  # error: [unknown-training-name] "`MSELoss` is a loss, and an optimizer is needed here"
          epochs: 3
    """,
    "misspelled argument": """
        train:
          loss: CrossEntropyLoss
          optimizer: SGD(lr=0.1, momentm=0.9)  # error: [unknown-training-argument] "did you mean `momentum`"
          epochs: 3
    """,
    "misspelled argument in mapping form": """
        train:
          loss: CrossEntropyLoss
          optimizer:
            type: SGD
            momentm: 0.9  # error: [unknown-training-argument] "did you mean `momentum`"
          epochs: 3
    """,
    "misspelled argument of a loss": """
        train:
          loss: CrossEntropyLoss(label_smothing=0.1)  # error: [unknown-training-argument] "did you mean `label_smoothing`"
          optimizer: Adam
          epochs: 3
    """,
    "negative rate": """
        train:
          loss: CrossEntropyLoss
          optimizer: SGD(lr=-0.1)  # error: [wrong-training-value] "`lr` must be a number ≥ 0, not the number -0.1"
          epochs: 3
    """,
    "text instead of a number": """
        train:
          loss: CrossEntropyLoss
          optimizer: SGD("fast")  # error: [wrong-training-value] "not the text \\"fast\\""
          epochs: 3
    """,
    "misspelled choice": """
        train:
          loss: CrossEntropyLoss(reduction="men")  # error: [wrong-training-value] "did you mean \\"mean\\""
          optimizer: Adam
          epochs: 3
    """,
    "what the runtime gives itself": """
        train:
          loss: CrossEntropyLoss
          optimizer: Adam(params=1)  # error: [refused-training-argument] "parameters are given by `nnc`"
          epochs: 3
    """,
    "a deprecated argument": """
        train:
          loss: MSELoss(size_average=True)  # error: [refused-training-argument] "use reduction"
          optimizer: Adam
          epochs: 3
    """,
    "given twice": """
        train:
          loss: CrossEntropyLoss
          optimizer: SGD(0.1, lr=0.2)  # error: [given-twice] "`lr` is given twice"
          epochs: 3
    """,
    "too many by position": """
        train:
          loss: CrossEntropyLoss
          optimizer: SGD(0.1, 0.9, 0, 0, True, False)  # error: [too-many-training-arguments] "takes 5 arguments"
          epochs: 3
    """,
    "missing argument": """
        train:
          loss: CrossEntropyLoss
          optimizer: Adam
          scheduler: StepLR  # error: [missing-training-argument] "StepLR needs `step_size`: an integer ≥ 1"
          epochs: 3
    """,
    "torch's own rule between arguments": """
        train:
          loss: CrossEntropyLoss
          optimizer: SGD(0.1, nesterov=True)  # error: [conflicting-settings] "nesterov needs a momentum above 0"
          epochs: 3
    """,
    "milestones and schedulers": """
        train:
          loss: CrossEntropyLoss
          optimizer: Adam
          scheduler: SequentialLR([LinearLR(0.1), StepLR(3)], [1, 2])  # error: [conflicting-settings] "1 milestones"
          epochs: 3
    """,
    "inside a nested scheduler": """
        train:
          loss: CrossEntropyLoss
          optimizer: Adam
          scheduler: ChainedScheduler([StepLR(3, gama=0.5)])  # error: [unknown-training-argument] "did you mean `gamma`"
          epochs: 3
    """,
    "plateau in a sequence": """
        train:
          loss: CrossEntropyLoss
          optimizer: Adam
          scheduler: ChainedScheduler([ReduceLROnPlateau])  # error: [conflicting-settings] "cannot be combined"
          epochs: 3
    """,
    "plateau with the wrong mode": """
        train:
          loss: CrossEntropyLoss
          optimizer: Adam
          metrics: [Accuracy]
          scheduler: ReduceLROnPlateau(mode="min")  # error: [conflicting-settings] "is better when it is higher"
          epochs: 3
    """,
    "an unknown name in an expression": """
        train:
          loss: CrossEntropyLoss
          optimizer: Adam(lr=rat)  # error: [unknown-training-value] "did you mean `rate`"
          epochs: 3
    """,
    "the length of the data where it is not known": """
        train:
          loss: CrossEntropyLoss
          optimizer: Adam
          epochs: ${steps}  # error: [unknown-training-value] "there is no `steps` here"
    """,
    "a deferred value of the wrong kind": """
        train:
          loss: CrossEntropyLoss
          optimizer: Adam
          scheduler: OneCycleLR(0.1, total_steps=steps / 2)  # error: [wrong-training-value] "must be an integer ≥ 1"
          epochs: 3
    """,
    "a formula with a fault": """
        train:
          loss: CrossEntropyLoss
          optimizer: Adam
          scheduler: LambdaLR("0.95 ** epoh")  # error: [unknown-training-value] "did you mean `epoch`"
          epochs: 3
    """,
    "unknown key": """
        train:
          loss: CrossEntropyLoss
          optimizer: Adam
          epochs: 3
          bach_size: 32  # error: [unknown-section-key] "did you mean `batch_size`"
    """,
    "unknown monitor": """
        train:
          loss: CrossEntropyLoss
          optimizer: Adam
          metrics: [Accuracy]
          monitor: validation.acuracy  # error: [unknown-quantity] "did you mean `validation.accuracy`"
          epochs: 3
    """,
    "unknown output": """
        train:
          loss:
            type: CrossEntropyLoss
            from: [output, lable]  # error: [unknown-quantity] "did you mean `label`"
          optimizer: Adam
          epochs: 3
    """,
    "too few tensors for a loss": """
        train:
          loss: TripletMarginLoss  # error: [missing-section-key] "TripletMarginLoss takes 3 tensors"
          optimizer: Adam
          epochs: 3
    """,
    "a loss block of many numbers": """
        train:
          loss:
            layers: {total: output - 1}  # error: [no-loss] "one number, not [B, 10]"
          optimizer: Adam
          epochs: 3
    """,
    "a loss block with an unknown name": """
        train:
          loss:
            layers: {total: mean(outptu)}  # error: [unknown-name] "did you mean `output`"
          optimizer: Adam
          epochs: 3
    """,
    "a loss block with parameters": """
        train:
          loss:
            layers:
              score: {type: Linear(1), from: output}  # error: [no-loss] "nobody trains a loss's"
              total: mean(score)
          optimizer: Adam
          epochs: 3
    """,
    "a loss block whose shapes do not fit": """
        train:
          loss:
            layers:
              total: mse_loss(output, image)  # error: [wrong-rank] "[B, 1, 8, 8]"
          optimizer: Adam
          epochs: 3
    """,
    "a loss block with a misspelled setting": """
        train:
          loss:
            reduction: meen  # error: [wrong-training-value] "mean"
            layers: {total: mean(output)}
          optimizer: Adam
          epochs: 3
    """,
    "a metric twice": """
        train:
          loss: CrossEntropyLoss
          optimizer: Adam
          metrics: [Accuracy, Accuracy]  # error: [given-twice] "there is a quantity `accuracy` already"
          epochs: 3
    """,
    "a pattern that fits no parameter": """
        train:
          loss: CrossEntropyLoss
          optimizer:
            type: Adam
            groups:
              - {match: "*.bais", weight_decay: 0}  # warning: [group-matches-nothing] "no parameter is called `*.bais`"
          epochs: 3
    """,
    "a group's misspelled setting": """
        train:
          loss: CrossEntropyLoss
          optimizer:
            type: Adam
            groups:
              - {match: "*.bias", wieght_decay: 0}  # error: [unknown-section-key] "did you mean `weight_decay`"
          epochs: 3
    """,
    "unknown dataset": """
        data:
          train: MINST("data")  # error: [unknown-training-name] "did you mean `MNIST`"
    """,
    "a download outside": """
        data:
          train: MNIST("../data", download=True)  # error: [path-leaves-folder] "only write below the folder"
    """,
    "a download to an absolute path": """
        data:
          train: MNIST("/data", download=True)  # error: [path-leaves-folder] "only write below the folder of the spec"
    """,
    "transforms as an argument": """
        data:
          train: MNIST("data", transform=1)  # error: [refused-training-argument] "under `transforms:`"
    """,
    "unknown field": """
        data:
          train: MNIST("data")
          transforms:
            imge: [ToImage]  # error: [unknown-quantity] "did you mean `image`"
    """,
    "unknown transform": """
        data:
          train: MNIST("data")
          transforms:
            image:
              - Normalise([0.1], [0.3])  # error: [unknown-training-name] "did you mean `Normalize`"
    """,
    "a deprecated transform": """
        data:
          train: MNIST("data")
          transforms:
            image: [ToTensor]  # error: [unknown-training-name] "write ToImage, then ToDtype(float32, scale=True)"
    """,
    "augmentation in evaluation": """
        data:
          train: MNIST("data")
          transforms:
            image:
              - RandomHorizontalFlip  # error: [random-in-evaluation] "this list is for training and evaluation alike"
              - ToImage
    """,
    "augmentation in the eval list": """
        data:
          train: MNIST("data")
          transforms:
            image:
              train: [RandomHorizontalFlip, ToImage]
              eval: [RandomHorizontalFlip]  # error: [random-in-evaluation] "the same way"
    """,
    "arrays and fields": """
        data:
          fields: [image, label]
          train: Npz("a.npz", ["x"])  # error: [unknown-quantity] "1 arrays for 2 fields"
    """,
    "a division by zero": """
        train:
          loss: CrossEntropyLoss
          optimizer: Adam(lr=1 / 0)  # error: [bad-operation] "division by zero"
          epochs: 3
    """,
}


def spec(section: str) -> str:
    section = textwrap.dedent(section).lstrip("\n")
    return NETWORK + section + (DATA if section.startswith("train") else TRAIN)


@pytest.mark.parametrize("name", FAULTS)
def test_faults(name: str) -> None:
    text = spec(FAULTS[name])
    assert compare(text, compile_text(text).problems.sorted()) == []


def read(data: str, train: str) -> tuple[DataConfig, TrainConfig]:
    text = NETWORK + textwrap.dedent(data) + textwrap.dedent(train)
    compilation = compile_text(text)
    assert compilation.problems.found == []
    assert compilation.spec is not None
    found = read_sections(compilation.spec.sections, compilation.problems, graph=compilation.graph, names={"rate": 0.1})
    assert found[0] is not None
    assert found[1] is not None
    return found[0], found[1]


def test_a_whole_section() -> None:
    data, train = read(
        """
        data:
          fields: [image, label]
          train: MNIST("data", train=True, download=True)
          test: {type: MNIST, root: data, train: false}
          validation: 0.1
          transforms:
            image:
              - ToImage
              - ToDtype(torch.float32, scale=True)
              - {type: Resize, size: [8, 8], interpolation: nearest}
        """,
        """
        train:
          loss: CrossEntropyLoss(label_smoothing=0.1)
          optimizer:
            type: AdamW(lr=rate / 100, weight_decay=0.05)
            groups:
              - {match: ["*.bias", "*bn*"], weight_decay: 0}
              - {match: "fc.*", lr: "${rate / 10}"}
          scheduler: OneCycleLR(max_lr=0.01, total_steps=steps)
          metrics: [Accuracy(top_k=5)]
          epochs: 5
          precision: bf16
        """.replace('match: ["*.bias", "*bn*"]', 'match: ["*.bias"]'),
    )
    assert data.train.as_plain() == {"type": "MNIST", "root": "data", "train": True, "download": True}
    assert data.test is not None
    assert data.test.arguments == {"root": "data", "train": False}
    assert [c.name for c in data.transforms["image"].train] == ["ToImage", "ToDtype", "Resize"]
    assert data.transforms["image"].train == data.transforms["image"].eval
    assert train.optimizer.call.arguments["lr"] == pytest.approx(0.001)
    assert train.optimizer.groups[1].settings == {"lr": pytest.approx(0.01)}
    assert train.scheduler is not None
    assert train.scheduler.every == "step"
    assert train.scheduler.call.deferred
    assert str(train.scheduler.call) == "OneCycleLR(max_lr=0.01, total_steps=steps)"
    assert train.loss.first.source == ("output", "label")
    assert (train.monitor, train.goal) == ("validation.top5_accuracy", "max")


@pytest.mark.parametrize(
    ("scheduler", "every"),
    [
        ("StepLR(3)", "epoch"),
        ("CosineAnnealingLR(T_max=epochs)", "epoch"),
        ("CosineAnnealingLR(T_max=steps)", "step"),
        ("CyclicLR(0.1, 0.2)", "step"),
        ("SequentialLR([LinearLR(0.1, total_iters=steps_per_epoch), StepLR(3)], [5])", "step"),
        ("{type: CosineAnnealingLR, T_max: 100, every: step}", "step"),
    ],
)
def test_when_a_scheduler_steps(scheduler: str, every: str) -> None:
    _, train = read(
        DATA, f"train:\n  loss: CrossEntropyLoss\n  optimizer: Adam\n  epochs: 3\n  scheduler: {scheduler}\n"
    )
    assert train.scheduler is not None
    assert train.scheduler.every == every


def test_without_validation_the_training_loss_decides() -> None:
    _, train = read("data: {train: 'MNIST(\"data\")'}\n", TRAIN)
    assert (train.monitor, train.goal) == ("train.loss", "min")


def test_a_validation_quantity_needs_validation() -> None:
    text = NETWORK + "data: {train: 'MNIST(\"data\")'}\n" + TRAIN.replace("}", ", monitor: validation.loss}")
    (found,) = compile_text(text).problems
    assert found.code == "NNC0810"
    assert found.notes == ("add `validation: 0.1` to `data:`",)


def test_parameters_are_named_as_in_the_state_dict() -> None:
    network = network_of(compile_text(NETWORK).graph)
    assert [p.name for p in network.parameters or ()] == ["conv.weight", "conv.bias", "fc.weight", "fc.bias"]
    assert (network.inputs, network.outputs) == (("image",), ("output",))


def test_no_torch_is_needed() -> None:
    import subprocess
    import sys

    script = (
        "import sys; from nnc.compiler.driver import compile_text\n"
        f"c = compile_text({(NETWORK + DATA + TRAIN)!r}); assert not c.problems.found\n"
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules, 'imported'"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
