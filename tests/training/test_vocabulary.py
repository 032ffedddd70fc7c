"""The vocabulary says what torch and torchvision say: every signature is compared with the library's own."""

from __future__ import annotations

import enum
import inspect
from typing import Any

import pytest
import torch
import torchvision
import torchvision.transforms.v2

from nnc.compiler.ops.registry import REQUIRED
from nnc.compiler.training.vocabulary import VOCABULARY
from nnc.compiler.training.vocabulary.registry import CallDef

LIBRARY: dict[str, Any] = {
    "optimizer": torch.optim,
    "scheduler": torch.optim.lr_scheduler,
    "loss": torch.nn,
    "dataset": torchvision.datasets,
    "mixture": torchvision.transforms.v2,
    "transform": torchvision.transforms.v2,
    "sampler": torch.utils.data,
}
OURS = {"ChannelsBeforeTime", "Csv", "Npz", "Parquet", "Safetensors"}  # no counterpart in torchvision
TEXT = {
    d.name for group in ("dataset", "transform") for d in VOCABULARY[group].values() if d.traits & {"text", "stream"}
}  # type: ignore[index]  # a Group
OURS |= TEXT | {"Balanced", "ByLength", "Consecutive", "WeightedRandomSampler"}  # the last takes weights by class
LEADING = {"params", "optimizer", "data_source"}  # what the runtime itself passes first

CALLS = [d for group in LIBRARY for d in VOCABULARY[group].values() if d.name not in OURS]  # type: ignore[index]  # a Group


def plain(value: object) -> object:
    """Defaults as a spec writes them: enumerations by their value, lists as tuples."""
    if isinstance(value, enum.Enum):
        return value.value
    return tuple(value) if isinstance(value, list) else value


def signature(found: CallDef) -> list[inspect.Parameter]:
    cls = getattr(LIBRARY[found.group], found.name)
    parameters = [p for p in inspect.signature(cls).parameters.values() if p.name not in LEADING]
    if any(p.kind is p.VAR_KEYWORD for p in parameters):  # EMNIST(root, split, **kwargs) hands on MNIST's
        inherited = inspect.signature(cls.__mro__[1]).parameters
        names = {p.name for p in parameters}
        extra = [p.replace(kind=p.KEYWORD_ONLY) for p in inherited.values() if p.name not in names]
        parameters = [p for p in parameters if p.kind is not p.VAR_KEYWORD] + extra
    return parameters


@pytest.mark.parametrize("found", CALLS, ids=lambda d: f"{d.group}-{d.name}")
def test_arguments_are_the_library_s(found: CallDef) -> None:
    theirs = signature(found)
    assert {a.name for a in found.arguments} <= {p.name for p in theirs}
    left_out = {p.name for p in theirs} - {a.name for a in found.arguments}
    assert left_out <= set(found.omitted), "every argument is either offered or refused with a reason"
    order = {p.name: i for i, p in enumerate(theirs)}
    assert sorted(found.arguments, key=lambda a: (a.keyword_only, order[a.name])) == list(found.arguments)
    for parameter in theirs:
        argument = found.argument(parameter.name)
        if argument is None:
            continue
        required = parameter.default is parameter.empty
        assert (argument.default is REQUIRED) == required, parameter.name
        if not required:
            assert argument.default == plain(parameter.default), parameter.name


@pytest.mark.parametrize("found", CALLS, ids=lambda d: f"{d.group}-{d.name}")
def test_a_position_means_what_it_means_in_the_library(found: CallDef) -> None:
    """An argument behind one that is left out can only be given by keyword."""
    theirs = [p.name for p in signature(found) if p.kind is not p.KEYWORD_ONLY]
    ours = [a.name for a in found.positional]
    assert ours == theirs[: len(ours)]


@pytest.mark.parametrize("found", list(VOCABULARY["loss"].values()), ids=lambda d: d.name)
def test_a_loss_takes_the_tensors_of_torch_s_forward(found: CallDef) -> None:
    theirs = list(inspect.signature(getattr(torch.nn, found.name).forward).parameters)[1:]
    named = ["input" if found.name == "PoissonNLLLoss" and n == "log_input" else n for n in theirs]
    assert list(found.inputs) == named


@pytest.mark.parametrize("found", list(VOCABULARY["metric"].values()), ids=lambda d: d.name)
def test_a_metric_takes_what_torchmetrics_takes(found: CallDef) -> None:
    import torchmetrics.classification
    import torchmetrics.image
    import torchmetrics.regression
    import torchmetrics.text

    homes = (torchmetrics.classification, torchmetrics.regression, torchmetrics.image, torchmetrics.text)
    cls = next(getattr(home, found.name) for home in homes if hasattr(home, found.name))
    made_by = cls.__new__ if "task" in inspect.signature(cls.__new__).parameters else cls.__init__
    theirs = {n: p for n, p in inspect.signature(made_by).parameters.items() if n not in ("self", "cls")}
    names = [a.name for a in found.arguments]
    assert names == sorted(names, key=list(theirs).index), "in torchmetrics' order"
    assert theirs.keys() - set(names) <= set(found.omitted), "every argument is either offered or refused with a reason"
    for argument in found.arguments:
        if argument.name in ("task", "data_range"):
            continue  # read off the tensors; a width, where torchmetrics also takes two ends
        default = theirs[argument.name].default
        assert argument.default == (REQUIRED if default is inspect.Parameter.empty else default), argument.name


def test_all_optimizers_and_schedulers_are_there() -> None:
    optimizers = {
        n for n, c in vars(torch.optim).items() if isinstance(c, type) and issubclass(c, torch.optim.Optimizer)
    }
    assert set(VOCABULARY["optimizer"]) == optimizers - {"Optimizer"}
    module = torch.optim.lr_scheduler
    schedulers = {n for n, c in vars(module).items() if isinstance(c, type) and issubclass(c, module.LRScheduler)}
    assert set(VOCABULARY["scheduler"]) == schedulers - {"LRScheduler", "_LRScheduler"}


def test_a_wrong_table_is_noticed() -> None:
    """The comparison can fail: a default, an order and a name that torch does not have."""
    from nnc.compiler.training.vocabulary.registry import declare

    def Adam(lr: float = 2e-3) -> None: ...

    def SGD(*, momentum: float = 0, learning_rate: float = 1e-3) -> None: ...

    for rule in (Adam, SGD):
        rule.__annotations__ = dict.fromkeys(rule.__annotations__, "Finite")
        wrong = declare("optimizer", omitted={})(rule)
        with pytest.raises(AssertionError):
            test_arguments_are_the_library_s(wrong)
