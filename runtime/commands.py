"""`nnc train`, `nnc eval` and `nnc predict` without the command line: spec or file in, result out, `Failure` where it
cannot be."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import torch
from torch import nn

from nnc.compiler.backends.torch.build import origin
from nnc.compiler.diagnostics import Problems
from nnc.compiler.training import DataConfig, TrainConfig
from nnc.compiler.training.config.parallel import ParallelConfig
from nnc.compiler.training.vocabulary import VOCABULARY
from nnc.compiler.weights import GivenWeights
from nnc.runtime import device as devices
from nnc.runtime.data import Data, Split, open_data
from nnc.runtime.data.checks import check_inputs, feed
from nnc.runtime.data.labels import with_right_labels
from nnc.runtime.data.vocabulary import Vocabulary, plain_vocabularies, read_vocabularies, same_vocabularies
from nnc.runtime.evaluation.classes import ClassReport, Confusion
from nnc.runtime.evaluation.evaluate import evaluate
from nnc.runtime.failure import Failure, raise_errors
from nnc.runtime.loggers import with_tensorboard
from nnc.runtime.own import adopt
from nnc.runtime.parallel.again import place
from nnc.runtime.parallel.world import ALONE, World
from nnc.runtime.prediction.predict import Predictor
from nnc.runtime.prediction.saved import preprocessing_of, read_preprocessing
from nnc.runtime.prediction.write import MaskFolder
from nnc.runtime.project import Project, compile_source, read_project
from nnc.runtime.report import Reporter
from nnc.runtime.runs import ARTIFACT, CHECKPOINTS, RUN, RUN_FORMAT, read_document
from nnc.runtime.saving.artifact import load_with_header, save
from nnc.runtime.saving.checkpoint import CheckpointFolder, Damaged
from nnc.runtime.saving.files import write_file
from nnc.runtime.saving.provenance import provenance_of
from nnc.runtime.signature import Signature, signature_of
from nnc.runtime.training.averaging import averaged_weights
from nnc.runtime.training.balance import Weights, with_weights
from nnc.runtime.training.folds import fold_provenance
from nnc.runtime.training.leavings import Seen
from nnc.runtime.training.loop import RunResult, train
from nnc.runtime.training.prepare import check_vocabularies, overridden, prepare
from nnc.runtime.training.state import Position, load_model, what_was_saved

__all__ = ["ARTIFACT", "Evaluation", "Trained", "open_spec_data", "run_evaluation", "run_prediction", "run_training"]


@dataclass(frozen=True)
class Trained:
    """A run that ended. `artifact` holds the best weights; None where a run was interrupted before its first epoch's
    end."""

    result: RunResult
    artifact: Path | None
    model: nn.Module


@dataclass(frozen=True)
class Evaluation:
    """Loss and metrics of `samples` samples of a split; `weights` says whose they are."""

    split: str
    samples: int
    quantities: Mapping[str, float]
    weights: str
    classes: ClassReport | None = None


def run_training(
    spec: str | os.PathLike[str] | Mapping[str, Any],
    *,
    args: Mapping[str, Any] | None = None,
    sizes: Mapping[str, int] | None = None,
    device: str | None = None,
    folder: str | os.PathLike[str] | None = None,
    resume: bool = False,
    epochs: int | None = None,
    seed: int | None = None,
    reporter: Reporter | None = None,
    pretrained: GivenWeights | None = None,
    precision: str | None = None,
    speed: str | None = None,
    fold: str | None = None,
    trust: bool = False,
    parallel: ParallelConfig | None = None,
    world: World = ALONE,
    tensorboard: bool = False,
) -> Trained:
    """Trains a spec on the data that it names, and saves the best weights as `model.safetensors` in the run's folder.

    `folder` is by default a new one, `runs/NAME-1` and so on; with `resume`, the last of these. `device`, `epochs`, `seed`,
    `precision`, `speed` (in text, `{compile: true}`) and `fold` (such as `2/5`) replace what the spec says, and so do
    `pretrained`, the weights to begin with, and `parallel`; a run that is resumed has the arguments and settings that it was
    begun with, where others are not given. A spec given as Python data has paths relative to the working directory. Of several
    processes, each calls this with its `world`; the first saves. Only with `trust` are Python files that the spec imports run.
    Raises `Failure`, or `SpecError` where the spec has faults.
    """
    project = read_project(spec, args or {}, sizes or {}, epochs=epochs, trust=trust)
    name = project.compilation.graph.name
    asked = os.fspath(folder) if folder is not None else None
    where, resume = place(world, asked, lambda last: _folder(name, resume=last), resume=resume)
    overrides: dict[str, Any] = {"epochs": epochs, "seed": seed, "precision": precision, "speed": speed, "fold": fold}
    if resume:
        begun = read_document(where)
        overrides = {k: begun["overrides"].get(k) if v is None else v for k, v in overrides.items()}
        given = args or {}, sizes or {}, epochs
        args, sizes, epochs = args or begun["args"], sizes or begun["sizes"], overrides["epochs"]
        if (args, sizes, epochs) != given:
            project = read_project(spec, args, sizes, epochs=epochs, trust=trust)
    project = overridden(project, overrides, parallel)
    project = replace(project, train=with_tensorboard(project.train, where, wanted=tensorboard))
    target = world.device(device or project.train.device)

    def same_data(data: Data) -> None:
        if resume:
            same_vocabularies(begun, data.vocabularies, where)
            _same_fingerprint(begun, data, where)

    going_on = bool(CheckpointFolder(where / CHECKPOINTS).names())  # with the weights of its checkpoint
    prepared = prepare(project, pretrained, reporter=reporter, world=world, begun=going_on, check=same_data)
    project, data, model, weights = prepared.project, prepared.data, prepared.model, prepared.weights
    world.begin(target, project.train.parallel.timeout)
    result = train(
        model, project.train, data, where, signature=project.signature, data_config=project.data,
        device=target, resume=resume, reporter=reporter, world=world,
        begin=lambda: _begin(where, project, data, weights, overrides) if world.main else None,
    )  # fmt: skip
    artifact = _save_best(where, project, data, result, weights) if world.main else None
    world.end()
    return Trained(result, artifact, model)


def open_spec_data(
    spec: str | os.PathLike[str] | Mapping[str, Any],
    *,
    args: Mapping[str, Any] | None = None,
    sizes: Mapping[str, int] | None = None,
    split: str | None = None,
    trust: bool = False,
) -> Data:
    """The data that a spec names, all splits or one, held against the network's inputs. A spec needs no `train:` for
    that; Python files that it imports are run with `trust` only. Raises `Failure`, or `SpecError` where the spec has faults."""
    source = compile_source(spec, args or {}, sizes or {}, trust=trust)
    config, training = source.sections()
    if trust and config is not None and config.imports:
        config = adopt(config, source.base)
    if config is None:
        raise Failure("NNC0824", source.span, "the spec has no `data:` section")
    signature = source.signature.carrying(training.carry if training else ())
    there = [p for p in ("train", "validation", "test") if getattr(config, p) is not None]
    if split is not None and split not in there:
        raise Failure("NNC0824", config.span, f"`data:` has no `{split}`")
    data = open_data(config, source.base, (split,) if split else tuple(there))
    check_vocabularies(source, signature, data, config)
    feeding = feed(signature, data.fields, config)
    _check_first(data.first, signature, feeding, config)
    return data


def run_evaluation(
    source: str | os.PathLike[str],
    *,
    split: str | None = None,
    device: str = "auto",
    base: str | os.PathLike[str] | None = None,
    classes: bool = False,
    trust: bool = False,
) -> Evaluation:
    """Loss and metrics of a run's folder (its best checkpoint) or of a saved model, on the test data of its spec, else
    on its validation data. `base` is the folder that the spec's paths are relative to: by default the one it was
    trained from, else the working directory. With `classes`, also what was taken for what. Raises `Failure`."""
    model, project, weights, vocabularies = _trained(
        Path(source), Path(base) if base is not None else None, trust=trust
    )
    if split not in (None, "train", "validation", "test"):
        raise Failure("NNC0824", str(source), f"there is no split `{split}`: train, validation or test")
    chosen = split or ("test" if project.data.test is not None else "validation")
    data = open_data(project.data, project.base, (chosen,), download=base is not None, vocabularies=vocabularies)
    data = with_right_labels(data, project.train, project.widths, project.data)
    part = {"train": data.train, "validation": data.validation, "test": data.test}[chosen]
    if part is None:
        raise Failure("NNC0824", project.data.span, f"`data:` has no `{chosen}`")
    target, signature = devices.resolve(device), project.signature
    feeding = feed(signature, data.fields, project.data)
    _check_first(part, signature, feeding, project.data)
    confusion = Confusion(project.train, signature, data.classes, target) if classes else None
    seen = Seen()
    quantities = evaluate(
        model.to(target), part, project.train, signature=signature, feeding=feeding, device=target,
        observers=[seen, confusion] if confusion else [seen],
    )  # fmt: skip
    assert quantities is not None, "nothing asked it to stop"
    return Evaluation(chosen, seen.samples, quantities, weights, confusion.report() if confusion else None)


def run_prediction(
    source: str | os.PathLike[str],
    inputs: Iterable[str | os.PathLike[str]],
    *,
    device: str = "auto",
    batch_size: int = 64,
    top_k: int = 1,
    probabilities: bool = False,
    masks: str | os.PathLike[str] | None = None,
    passed_over: Callable[[Failure], None] | None = None,
    stdin: IO[bytes] | None = None,
) -> Iterator[dict[str, Any]]:
    """Results for samples of files, folders, and with `-` of `stdin`, as `Predictor.files` gives them. `source` is a saved model
    or a run's folder; masks are written below the folder `masks`. What cannot be used ends it, unless `passed_over` is told.
    Raises `Failure`."""
    path = Path(source)
    if path.is_dir():
        path = _artifact_of(path)
    model, header = load_with_header(path)
    made = origin(model)
    assert made is not None, "what is loaded was compiled"
    signature = signature_of(made.graph)
    predictor = Predictor(
        model, signature, read_preprocessing(header, signature), classes=header.classes, scores=header.scores,
        device=devices.resolve(device),
    )  # fmt: skip
    return predictor.files(
        [Path(i) for i in inputs], batch_size=batch_size, top_k=top_k, probabilities=probabilities,
        save_mask=None if masks is None else MaskFolder(Path(masks)).save, passed_over=passed_over, stdin=stdin,
    )  # fmt: skip


# -- folders -----------------------------------------------------------------------------------------------------------


def _folder(name: str, *, resume: bool) -> Path:
    """`runs/NAME-N`: the number after the last run's, or with `resume` that one. Of the spec's name only letters, digits,
    - and _ are used."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:60] or "network"
    begun = [p.parent.name for p in Path("runs").glob(f"{plain}-*/{RUN}")]
    last = max((int(m[1]) for name in begun if (m := re.fullmatch(rf"{plain}-(\d{{1,9}})", name))), default=0)
    if resume and not last:
        raise Failure("NNC0907", Path("runs"), f"there is no run of `{plain}` to resume")
    return Path("runs") / f"{plain}-{last if resume else last + 1}"


def _begin(where: Path, project: Project, data: Data, weights: Weights, overrides: Mapping[str, Any]) -> None:
    """Writes down what is trained, so that the folder can be evaluated and resumed on its own."""
    from nnc import __version__

    document = {
        "format": RUN_FORMAT,
        "version": __version__,
        "spec": project.spec,
        "args": dict(project.args),
        "sizes": dict(project.sizes),
        "base": str(project.base.resolve()),
        "torch": torch.__version__,
        "weights": dict(weights),
        "vocabularies": plain_vocabularies(data.vocabularies),
        "overrides": {k: v for k, v in overrides.items() if v is not None},
        "provenance": {"seed": project.train.seed} | provenance_of(project.base, data.fingerprint),
    }
    write_file(where / RUN, json.dumps(document, indent=1).encode() + b"\n")


def _same_fingerprint(begun: Mapping[str, Any], data: Data, where: Path) -> None:
    """Raises `Failure` where the data are not those that a run was begun with."""
    written = begun.get("provenance")
    before = written.get("data") if isinstance(written, dict) else None
    if isinstance(before, str) and before != data.fingerprint:
        notes = (
            f"their fingerprint was {before}, and is {data.fingerprint} now",
            f"train on other data in another folder: `--weights {where / ARTIFACT}` begins with these weights",
        )
        raise Failure("NNC0902", where, "the data are not those that the run was begun with", notes=notes)


def _save_best(where: Path, project: Project, data: Data, result: RunResult, weights: Weights) -> Path | None:
    """The best checkpoint as a saved model, with all that is needed to use it."""
    if result.best is None:
        return None
    model = project.module()
    _load_checkpoint(model, where, result.best.checkpoint)
    feeding = feed(project.signature, data.fields, project.data)
    metrics = {result.best.quantity: result.best.value, "epoch": result.best.epoch}
    return save(
        model,
        where / ARTIFACT,
        classes=data.classes or (),
        scores=_scores(project.train),
        metrics=metrics,
        preprocessing=preprocessing_of(project.data, data, feeding, project.train.carry).as_plain(),
        provenance={
            **_provenance_of(where),
            "seed": project.train.seed,
            "base": str(project.base.resolve()),
            "weights": dict(weights),
            **fold_provenance(project.data),
        },
    )


def _provenance_of(where: Path) -> dict[str, Any]:
    """What was written down when the run began, but not when that was: equal runs save equal files."""
    written = read_document(where).get("provenance")
    return {k: v for k, v in written.items() if k != "begun"} if isinstance(written, dict) else {}


def _scores(config: TrainConfig) -> str:
    """What the network's first output holds, judged by the loss that it was trained with."""
    kinds = ("logits", "log_probabilities", "probabilities", "binary_logits")
    first = config.loss.first
    traits = VOCABULARY["loss"][first.call.name].traits if first is not None else frozenset()
    return next((k for k in kinds if k in traits), "")


def _load_checkpoint(model: nn.Module, where: Path, name: str) -> str:
    """Puts a checkpoint's weights into the network; the newest good one where that one is damaged. Its name."""
    folder = CheckpointFolder(where / CHECKPOINTS)
    try:
        saved = folder.load(name)
    except Damaged:
        newest, _ = folder.newest()
        if newest is None:
            raise Failure("NNC0901", where, "the run has no checkpoint") from None
        saved = newest
    with what_was_saved(saved.path):
        weights = averaged_weights(saved.state["averaging"]) or saved.model
        load_model(model, weights, saved.state["transient"], saved.path)
    return saved.name


def _trained(
    source: Path, base: Path | None, *, trust: bool
) -> tuple[nn.Module, Project, str, Mapping[str, Vocabulary] | None]:
    """The network of a run's folder or of a saved model, its spec, whose weights it has, and the tokens that it knows."""
    if source.is_dir():
        run = read_document(source)
        project = _weighed(
            read_project(run["spec"], run["args"], run["sizes"], base=base or Path(run["base"]), trust=trust), run
        )
        project = overridden(project, {"fold": run["overrides"].get("fold")})
        model = project.module()
        newest, _ = CheckpointFolder(source / CHECKPOINTS).newest()
        if newest is None:
            raise Failure("NNC0907", source, "the run has no checkpoint yet")
        with what_was_saved(newest.path):
            best = Position.of(newest.state["position"]).best
        name = _load_checkpoint(model, source, best.checkpoint if best else newest.name)
        kept = read_vocabularies(run.get("vocabularies"), source)
        said = f"checkpoint {name}" + (" (best)" if best and best.checkpoint == name else "")
        return model, project, said, kept
    model, header = load_with_header(source)
    trained_in = header.provenance.get("base")
    here = base or (Path(trained_in) if isinstance(trained_in, str) and Path(trained_in).is_dir() else Path())
    project = read_project(header.spec, header.args, header.sizes, base=here, trust=trust)
    kept = read_vocabularies(header.preprocessing.get("vocabularies"), source)
    fold = header.provenance.get("fold")
    project = overridden(project, {"fold": fold if isinstance(fold, str) else None})
    return model, _weighed(project, header.provenance), str(source), kept


def _weighed(project: Project, saved: Mapping[str, Any]) -> Project:
    """With the weights that the classes had in training, of which the data may not be there now."""
    weights = saved.get("weights")
    known = weights if isinstance(weights, dict) else {}
    numbers = {
        str(k): tuple(float(x) for x in v)
        for k, v in known.items()
        if isinstance(v, list) and all(isinstance(x, int | float) for x in v)
    }
    return replace(project, train=with_weights(project.train, numbers))


def _check_first(part: Split, signature: Signature, feeding: Mapping[str, str], config: DataConfig) -> None:
    """Holds a first batch against the network's inputs. Raises `Failure`."""
    problems = Problems()
    order = torch.arange(min(len(part), 64))
    batch = next((b for b in part.batches(order, 1, torch.device("cpu")) if b), None)
    if batch is None:
        raise Failure("NNC0823", config.span, f"none of the first {len(order)} samples can be read")
    check_inputs(signature, batch, feeding, config, problems)
    raise_errors(problems)


def _artifact_of(folder: Path) -> Path:
    if not (folder / ARTIFACT).is_file():
        raise Failure("NNC0907", folder, f"there is no {ARTIFACT} in this folder: no run has finished an epoch in it")
    return folder / ARTIFACT
