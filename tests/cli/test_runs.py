"""`nnc runs`: one run in detail, several filtered and drawn. Runs here are written, not trained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nnc.cli.exits import FINDINGS, MISUSE, OK
from nnc.cli.filters import Condition, condition


def begun(folder: Path, *, seed: int = 0, epochs: int = 3, optimizer: str = "Adam(lr=0.1)") -> None:
    folder.mkdir(parents=True)
    document = {
        "format": 1, "version": "0.1.0", "torch": "2.15.0", "base": ".", "args": {"width": 8}, "sizes": {},
        "spec": {"nnc": 1, "name": "digits", "train": {"optimizer": optimizer}}, "overrides": {"seed": seed},
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(document))
    lines = [
        {
            "epoch": e, "epochs": epochs, "step": e, "train": {"loss": 1 / e}, "lr": [0.1], "best": e == 2,
            "validation": {"loss": 1.5 / e, "accuracy": (e + seed) / 100}, "monitor": "validation.accuracy",
            "goal": "max", "seconds": 61.0,
        }
        for e in range(1, epochs + 1)
    ]  # fmt: skip
    lines.append({"event": "left out", "step": 2, "epoch": 1, "reason": "the loss is nan"})
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture
def runs(folder: Path) -> Path:
    begun(folder / "runs" / "a", seed=1)
    begun(folder / "runs" / "b", seed=2, optimizer="SGD(lr=0.1)")
    begun(folder / "runs" / "c", seed=3, epochs=100)
    return folder / "runs"


def test_one_run_in_detail(nnc, runs: Path) -> None:
    ended = nnc("runs", "runs/a")
    assert ended.code == OK
    assert ended.out.splitlines() == [
        "digits in runs/a, stopped, 3 min 03 s",
        "  args: width=8",
        "  overrides: seed=1",
        "  begun with: nnc 0.1.0, torch 2.15.0",
        "",
        "epoch  validation.loss  validation.accuracy  train.loss  lr   seconds",
        "1      1.5000           0.0200               1.0000      0.1  61.0",
        "2      0.7500           0.0300               0.5000      0.1  61.0     best",
        "3      0.5000           0.0400               0.3333      0.1  61.0",
        "step 2: the loss is nan; left out",
    ]
    found = json.loads(nnc("runs", "runs/a", "--format", "json").out)
    assert [len(found["epochs"]), len(found["events"]), found["args"], found["best"]] == [3, 1, {"width": 8}, 2]


def test_of_many_epochs_some_are_shown(nnc, runs: Path) -> None:
    lines = nnc("runs", "runs/c").out.splitlines()
    assert len(lines) < 60
    assert [line for line in lines if line.startswith(("…", "20 ", "81 ", "100 "))] == [
        "20     0.0750           0.2300               0.0500      0.1  61.0",
        "…",
        "81     0.0185           0.8400               0.0123      0.1  61.0",
        "100    0.0150           1.0300               0.0100      0.1  61.0",
    ]


@pytest.mark.parametrize(
    ("conditions", "names"),
    [
        (["validation.accuracy>0.035"], "bc"),
        (["validation.accuracy>=0.04", "spec.train.optimizer=SGD*"], "b"),
        (["overrides.seed!=1"], "bc"),
        (["run=a"], "a"),
        (["epoch<10", "status=stopped"], "ab"),
        (["args.width=8.0"], "abc"),
        (["network>3"], ""),  # a text is neither more nor less
    ],
)
def test_only_some(nnc, runs: Path, conditions: list[str], names: str) -> None:
    ended = nnc("runs", *(x for c in conditions for x in ("--where", c)), "--format", "json")
    assert ended.code == OK
    assert [Path(r["run"]).name for r in json.loads(ended.out)] == list(names)


def test_several_folders_and_runs_are_one_table(nnc, runs: Path) -> None:
    rows = nnc("runs", "runs", "runs/a", "--sort", "validation.accuracy").out.splitlines()[1:]
    assert [row.split()[0] for row in rows] == ["runs/c", "runs/b", "runs/a", "runs/a"]


def test_plot(nnc, runs: Path, folder: Path) -> None:
    ended = nnc("runs", "runs/a", "--plot", "one.svg")
    assert (ended.code, ended.err) == (OK, "wrote one.svg\n")
    ended = nnc("runs", "runs/a", "runs/b", "--plot", "two.svg")
    assert "SGD(lr=0.1)" in ended.out
    assert nnc("runs", "--where", "run=b", "--plot", "all.png").code == OK
    assert all((folder / f).stat().st_size > 5000 for f in ("one.svg", "two.svg", "all.png"))


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (["runs", "runs/a", "--plot", "x.gif"], MISUSE, "--plot writes a .png, .svg or .pdf file"),
        (["runs", "--where", "accuracy>1"], MISUSE, "did you mean validation.accuracy?"),
        (["runs", "--where", "validation.acuracy>1"], MISUSE, "did you mean validation.accuracy?"),
        (["runs", "--where", "status"], MISUSE, "write NAME=VALUE"),
        (["runs", "--where", "run=x", "--plot", "x.svg"], FINDINGS, "nothing to draw"),
        (["runs", "runs/a", "nowhere"], FINDINGS, "there is no run in this folder"),
    ],
)
def test_misuse(nnc, runs: Path, argv: list[str], code: int, said: str) -> None:
    ended = nnc(*argv)
    assert ended.code == code
    assert said in ended.err


@pytest.mark.parametrize(
    "line", ['{"epoch": "x"}', '{"epoch": 1, "epochs": 1, "seconds": 1, "train": {"loss": []}}', "[1]x"]
)
def test_a_log_of_something_else_is_refused(nnc, runs: Path, line: str) -> None:
    (runs / "a" / "log.jsonl").write_text(line + "\n" + line + "\n")
    ended = nnc("runs", "runs/a")
    assert (ended.code, "NNC0907" in ended.err) == (FINDINGS, True)
    assert len(nnc("runs").out.splitlines()) == 3  # the others are listed


def test_conditions() -> None:
    assert condition(" a.b >= 3") == Condition("a.b", ">=", "3")
    assert condition("spec.name=x=y") == Condition("spec.name", "=", "x=y")
    assert Condition("a", "!=", "1").holds({})
    assert not Condition("a", "=", "1").holds({})
    assert not Condition("a", ">", "0").holds({"a": "nan"})
