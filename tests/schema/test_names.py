"""Names: what torch keeps for itself is known without torch, and control keys clash with no argument of an op."""

from __future__ import annotations

import pytest
import torch.nn as nn

from nnc.compiler.schema.data_section import DATA
from nnc.compiler.schema.document import ACTIONS, CONTROLS
from nnc.compiler.schema.names import (
    ACTION_KEYS,
    CONTROL_KEYS,
    RESERVED_NAMES,
    identifier_fault,
    layer_name_fault,
)
from nnc.compiler.schema.train_section import TRAIN
from nnc.compiler.training.read import data as read_data
from nnc.compiler.training.read import train as read_train
from tests.schema.helpers import CATALOGUE


def test_reserved_names_are_those_of_the_installed_torch() -> None:
    added_by_dynamo = {n for n in dir(nn.Module()) if n.startswith("___")}  # once torch.compile has run in this process
    assert set(dir(nn.Module())) - added_by_dynamo <= RESERVED_NAMES


@pytest.mark.parametrize("name", ["conv1", "block1-0", "0", "a b", "größe", "in", "lambda", "_x", "features"])
def test_torch_takes_what_we_take(name: str) -> None:
    assert layer_name_fault(name) is None
    nn.Module().add_module(name, nn.ReLU())


@pytest.mark.parametrize("name", ["", "a.b", "forward", "training", "_modules", "__class__"])
def test_torch_refuses_what_we_refuse(name: str) -> None:
    assert layer_name_fault(name) is not None
    with pytest.raises((KeyError, TypeError)):
        nn.Module().add_module(name, nn.ReLU())


@pytest.mark.parametrize("name", ['a" + str(print("run")) + "', "it's", "a\\"])
def test_what_torch_fx_would_run_as_code_is_refused(name: str) -> None:
    assert layer_name_fault(name) == (
        "NNC0706",
        f"`{name}` cannot be the name of a layer: torch.fx allows no quote and no backslash",
    )


@pytest.mark.parametrize("name", ["spec", "graph", "source"])
def test_a_compiled_model_keeps_names_too(name: str) -> None:
    assert layer_name_fault(name) == ("NNC0309", f"`{name}` is taken: every nn.Module has an attribute of that name")


@pytest.mark.parametrize("name", ["", "1a", "a-b", "a.b", "if", "true", "None", "class", "lambda", "x" * 201])
def test_no_identifiers(name: str) -> None:
    assert identifier_fault(name) is not None


@pytest.mark.parametrize("name", ["a", "_", "B", "größe", "x1", "type", "layers"])
def test_identifiers(name: str) -> None:
    assert identifier_fault(name) is None


def test_the_two_lists_of_control_keys_agree() -> None:
    assert set(CONTROLS) == CONTROL_KEYS
    assert tuple(ACTIONS) == ACTION_KEYS


def test_no_op_has_an_argument_with_the_name_of_a_control_key() -> None:
    clashes = {(op.name, a.name) for op in CATALOGUE.values() for a in op.arguments if a.name in CONTROL_KEYS}
    assert not clashes


def test_sections_have_the_keys_that_their_readers_read() -> None:
    assert set(DATA.keys) == set(read_data.KEYS)
    assert set(TRAIN.keys) == set(read_train.KEYS)
