"""`nnc train`, `nnc eval` and `nnc predict` without the command line: spec or file in, result out, `Failure` where it
cannot be."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nnc.compiler.diagnostics import Problems
from nnc.compiler.driver import Compilation, compile_mapping
from nnc.compiler.source import read_text
from nnc.compiler.source.tree import Mapping as TreeMapping
from nnc.compiler.training import DataConfig, TrainConfig
from nnc.compiler.training.parallel import ParallelConfig
from nnc.compiler.training.read_transforms import read_transforms
from nnc.compiler.training.vocabulary import VOCABULARY
from nnc.compiler.weights import GivenWeights
from nnc.runtime import device as devices
from nnc.runtime import seed as seeds
from nnc.runtime.artifact import load_with_header, save
from nnc.runtime.averaging import averaged_weights
from nnc.runtime.balance import Weights, balance, with_weights
from nnc.runtime.checkpoint import CheckpointFolder, Damaged
from nnc.runtime.classes import ClassReport, Confusion
from nnc.runtime.data import Data, Split, open_data
from nnc.runtime.data.checks import check_inputs, feed
from nnc.runtime.data.ragged import read_plain_padding
from nnc.runtime.data.sizes import check_sizes
from nnc.runtime.data.vocabulary import Vocabulary, plain_vocabularies, read_vocabularies, same_vocabularies
from nnc.runtime.evaluate import evaluate
from nnc.runtime.failure import Failure, raise_errors
from nnc.runtime.files import write_file
from nnc.runtime.header import Header
from nnc.runtime.parallel.world import ALONE, World
from nnc.runtime.predict import Predictor, Preprocessing
from nnc.runtime.project import Project, Source, compile_source, read_project
from nnc.runtime.report import Reporter
from nnc.runtime.runs import ARTIFACT, CHECKPOINTS, RUN, RUN_FORMAT, read_document
from nnc.runtime.signature import Signature, signature_of
from nnc.runtime.state import load_model
from nnc.runtime.train import RunResult, train
from nnc.runtime.weights import load_weights

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
    parallel: ParallelConfig | None = None,
    world: World = ALONE,
) -> Trained:
    """Trains a spec on the data that it names, and saves the best weights as `model.safetensors` in the run's folder.

    `folder` is by default a new one, `runs/NAME-1` and so on; with `resume`, the last of these. `device`, `epochs` and
    `seed` replace what the spec says, and so do `pretrained`, the weights to begin with, and `parallel`; a run that is resumed
    has the arguments, sizes, epochs and seed that it was begun with, where others are not given. A spec given as Python data
    has paths relative to the working directory. Of several processes, each calls this with its `world`; the first saves.
    Raises `Failure`, or `SpecError` where the spec has faults.
    """
    project = read_project(spec, args or {}, sizes or {}, epochs=epochs)
    name = project.compilation.graph.name
    where = Path(world.agreed("folder", lambda: str(folder or _folder(name, resume=resume))))
    overrides = {"epochs": epochs, "seed": seed}
    if resume:
        begun = read_document(where)
        overrides = {k: begun["overrides"].get(k) if v is None else v for k, v in overrides.items()}
        project = read_project(spec, args or begun["args"], sizes or begun["sizes"], epochs=overrides["epochs"])
    if overrides["seed"] is not None:
        project = replace(project, train=replace(project.train, seed=overrides["seed"]))
    if parallel is not None:
        project = replace(project, train=replace(project.train, parallel=parallel))
    target = world.device(device or project.train.device)
    with world.first("data"):
        data = open_data(project.data, project.base)
    assert data.train is not None, "training data were asked for"
    _check_vocabularies(project, project.signature, data, project.data)
    if resume:
        same_vocabularies(begun, data.vocabularies, where)
    weights = balance(project.train, data.train, project.widths)
    project = replace(project, train=with_weights(project.train, weights))
    seeds.seed_everything(project.train.seed)
    model = project.module()
    with world.first("weights"):
        _begin_with(model, pretrained or project.compilation.weights, where, reporter or Reporter())
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
) -> Data:
    """The data that a spec names, all splits or one, held against the network's inputs. A spec needs no `train:` for
    that. Raises `Failure`, or `SpecError` where the spec has faults."""
    source = compile_source(spec, args or {}, sizes or {})
    config, training = source.sections()
    if config is None:
        raise Failure("NNC0824", source.span, "the spec has no `data:` section")
    signature = source.signature.carrying(training.carry if training else ())
    there = [p for p in ("train", "validation", "test") if getattr(config, p) is not None]
    if split is not None and split not in there:
        raise Failure("NNC0824", config.span, f"`data:` has no `{split}`")
    data = open_data(config, source.base, (split,) if split else tuple(there))
    _check_vocabularies(source, signature, data, config)
    feeding = feed(signature, data.fields, config.span, extras=config.padding.extras)
    _check_first(data.first, signature, feeding, config)
    return data


def run_evaluation(
    source: str | os.PathLike[str],
    *,
    split: str | None = None,
    device: str = "auto",
    base: str | os.PathLike[str] | None = None,
    classes: bool = False,
) -> Evaluation:
    """Loss and metrics of a run's folder (its best checkpoint) or of a saved model, on the test data of its spec, else
    on its validation data. `base` is the folder that the spec's paths are relative to: by default the one it was
    trained from, else the working directory. With `classes`, also what was taken for what. Raises `Failure`."""
    model, project, weights, vocabularies = _trained(Path(source), Path(base) if base is not None else None)
    if split not in (None, "train", "validation", "test"):
        raise Failure("NNC0824", str(source), f"there is no split `{split}`: train, validation or test")
    chosen = split or ("test" if project.data.test is not None else "validation")
    data = open_data(project.data, project.base, (chosen,), download=base is not None, vocabularies=vocabularies)
    part = {"train": data.train, "validation": data.validation, "test": data.test}[chosen]
    if part is None:
        raise Failure("NNC0824", project.data.span, f"`data:` has no `{chosen}`")
    target, signature = devices.resolve(device), project.signature
    feeding = feed(signature, data.fields, project.data.span, extras=project.data.padding.extras)
    _check_first(part, signature, feeding, project.data)
    confusion = Confusion(project.train, signature, data.classes, target) if classes else None
    quantities = evaluate(
        model.to(target), part, project.train, signature=signature, feeding=feeding, device=target,
        observers=[confusion] if confusion else [],
    )  # fmt: skip
    assert quantities is not None, "nothing asked it to stop"
    return Evaluation(chosen, len(part), quantities, weights, confusion.report() if confusion else None)


def run_prediction(
    source: str | os.PathLike[str],
    inputs: Sequence[str | os.PathLike[str]],
    *,
    device: str = "auto",
    batch_size: int = 64,
    top_k: int = 1,
) -> Iterator[dict[str, Any]]:
    """Results for the samples of files, as `Predictor.files` gives them. `source` is a saved model or a run's folder.
    Raises `Failure`."""
    path = Path(source)
    if path.is_dir():
        path = _artifact_of(path)
    model, header = load_with_header(path)
    signature = signature_of(_compiled(header).graph)
    preprocessing = _preprocessing(header, signature)
    predictor = Predictor(
        model, signature, preprocessing, classes=header.classes, scores=header.scores, device=devices.resolve(device)
    )
    return predictor.files([Path(i) for i in inputs], batch_size=batch_size, top_k=top_k)


# -- specs -------------------------------------------------------------------------------------------------------------


def _compiled(header: Header) -> Compilation:
    return compile_mapping(header.spec, name=str(header.path), args=header.args, sizes=header.sizes)


def _begin_with(model: nn.Module, given: GivenWeights | None, where: Path, reporter: Reporter) -> None:
    """Loads the weights that training begins with; a run that has a checkpoint goes on with that."""
    if given is None or CheckpointFolder(where / CHECKPOINTS).names():
        return
    for line in load_weights(model, given).lines():
        reporter.note(line)


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


def _begin(where: Path, project: Project, data: Data, weights: Weights, overrides: Mapping[str, int | None]) -> None:
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
    }
    write_file(where / RUN, json.dumps(document, indent=1).encode() + b"\n")


def _save_best(where: Path, project: Project, data: Data, result: RunResult, weights: Weights) -> Path | None:
    """The best checkpoint as a saved model, with all that is needed to use it."""
    if result.best is None:
        return None
    model = project.module()
    _load_checkpoint(model, where, result.best.checkpoint)
    feeding = feed(project.signature, data.fields, project.data.span, extras=project.data.padding.extras)
    transforms = {f: t.eval for f, t in project.data.transforms.items() if f in feeding.values()}
    metrics = {result.best.quantity: result.best.value, "epoch": result.best.epoch}
    return save(
        model,
        where / ARTIFACT,
        classes=data.classes or (),
        scores=_scores(project.train),
        metrics=metrics,
        preprocessing=Preprocessing(
            feeding, transforms, data.arrays, data.vocabularies, project.data.padding
        ).as_plain(),
        provenance={"seed": project.train.seed, "base": str(project.base.resolve()), "weights": dict(weights)},
    )


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
    weights = averaged_weights(saved.state["averaging"]) or saved.model
    load_model(model, weights, saved.state["transient"], saved.path)
    return saved.name


def _trained(source: Path, base: Path | None) -> tuple[nn.Module, Project, str, Mapping[str, Vocabulary] | None]:
    """The network of a run's folder or of a saved model, its spec, whose weights it has, and the tokens that it knows."""
    if source.is_dir():
        run = read_document(source)
        project = _weighed(read_project(run["spec"], run["args"], run["sizes"], base=base or Path(run["base"])), run)
        model = project.module()
        newest, _ = CheckpointFolder(source / CHECKPOINTS).newest()
        if newest is None:
            raise Failure("NNC0907", source, "the run has no checkpoint yet")
        best = newest.state["position"]["best"]
        name = _load_checkpoint(model, source, best["checkpoint"] if best else newest.name)
        kept = read_vocabularies(run.get("vocabularies"), source)
        said = f"checkpoint {name}" + (" (best)" if best and best["checkpoint"] == name else "")
        return model, project, said, kept
    model, header = load_with_header(source)
    trained_in = header.provenance.get("base")
    here = base or (Path(trained_in) if isinstance(trained_in, str) and Path(trained_in).is_dir() else Path())
    project = read_project(header.spec, header.args, header.sizes, base=here)
    kept = read_vocabularies(header.preprocessing.get("vocabularies"), source)
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


def _check_vocabularies(source: Source, signature: Signature, data: Data, config: DataConfig) -> None:
    """Holds the vocabularies against the network's embeddings. Raises `Failure`."""
    problems = Problems()
    feeding = feed(signature, data.fields, config.span, extras=config.padding.extras)
    check_sizes(source.compilation.graph, source.arguments, feeding, data, config, problems)
    raise_errors(problems)


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


def _preprocessing(header: Header, signature: Signature) -> Preprocessing:
    """The transforms of a saved model, read again as a spec's are: bound to the vocabulary and checked."""
    plain = header.preprocessing
    feeding = {n: str(plain.get("feeding", {}).get(n, n)) for n in signature.inputs}
    problems = Problems()
    transforms: dict[str, tuple[Any, ...]] = {}
    tree = read_text(json.dumps(plain.get("transforms", {})), str(header.path), problems)
    for entry in tree if isinstance(tree, TreeMapping) else ():
        done = read_transforms(entry.value, problems)
        transforms[str(entry.key.value)] = done.eval if done else ()
    raise_errors(problems)
    vocabularies = read_vocabularies(plain.get("vocabularies"), header.path) or {}
    return Preprocessing(
        feeding, transforms, plain.get("arrays") is True, vocabularies, read_plain_padding(plain.get("padding"), header.path)
    )
