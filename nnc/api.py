"""nnc in Python: `load`, `check`, `compile`, `train`, `evaluate`, `predict`, `save`, as `import nnc` offers them.

A network is given as the path of a `.yaml` or `.json` spec, with `#NAME` behind it for one of its variants, as `zoo:NAME`
for one that ships with nnc, as plain Python data, or, where weights matter, as a `.safetensors` artifact. Keyword
arguments are values of the spec's `args:`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nnc.compiler.collector import collector_paused

if TYPE_CHECKING:
    import torch
    from torch import nn

    from nnc.compiler.diagnostics import Diagnostic
    from nnc.compiler.driver import Compilation, Stage
    from nnc.compiler.weights import GivenWeights
    from nnc.runtime.commands import Evaluation, Trained
    from nnc.runtime.export import Exported
    from nnc.runtime.weights.transfer import Transfer

__all__ = [
    "Given", "check", "compile", "evaluate", "export", "instantiate", "load", "load_weights", "predict", "save", "train",
]  # fmt: skip

Given = str | os.PathLike[str] | Mapping[str, Any]


def compile(
    spec: Given, /, *, sizes: Mapping[str, int] | None = None, stop_after: Stage = "verify", **args: Any
) -> Compilation:
    """Runs the pipeline without torch and returns what every stage delivered. `sizes` fixes free dimensions. Faults
    are in the result's `problems`; nothing is raised for them before `.graph` is asked for.

        >>> result = nnc.compile("zoo:unet", num_classes=3)
        >>> [r.text for r in result.solution.requirements]
        ['H >= 16', 'W >= 16']

    Raises KeyError for a `zoo:` name that does not exist."""
    return _compiled(spec, args, sizes=sizes, stop_after=stop_after, trust=True)  # nothing of the spec is run


def _compiled(spec: Given, args: Mapping[str, Any], **options: Any) -> Compilation:
    from nnc.compiler.driver import compile_file, compile_mapping

    source = _located(spec)
    if isinstance(source, str):
        return compile_file(source, args=args, **options)
    return compile_mapping(source, args=args, **options)


def _located(spec: Given) -> str | Mapping[str, Any]:
    """A path, or data. `zoo:NAME` becomes the path of that file, perhaps with a variant."""
    if isinstance(spec, Mapping):
        return spec
    path = os.fspath(spec)
    if not path.startswith("zoo:"):
        return path
    from nnc.specs import find

    return find(path)


def check(
    spec: Given, /, *, sizes: Mapping[str, int] | None = None, trust: bool = False, **args: Any
) -> list[Diagnostic]:
    """Every fault of a spec, by place; an empty list where there is none. Imports no torch. That a spec `imports:` Python
    files is a fault without `trust`.

    >>> for fault in nnc.check({"nnc": 1, "inputs": {"x": ["B", 8]}, "layers": {"fc": "Linear(10, bais=True)"}}):
    ...     print(fault)
    <dict>:10:23: error: [NNC0302] Linear has no argument `bais`
    """
    from nnc.compiler.weights.compare import check_weights

    result = _compiled(spec, args, sizes=sizes, trust=trust)
    check_weights(result)
    return result.problems.sorted()


def load(
    source: Given,
    /,
    *,
    sizes: Mapping[str, int] | None = None,
    device: torch.device | str | None = None,
    weights: str | Mapping[str, Any] | None = None,
    **args: Any,
) -> nn.Module:
    """The network as an ordinary `nn.Module`: from a spec with fresh parameters, or with those that its `weights:` names;
    from an artifact with the saved ones. `weights` replaces what the spec says: a file, the name of torchvision's
    weights, or `{"file": "model.pt", "strict": False}`.

        >>> model = nnc.load("zoo:lenet5", num_classes=26)
        >>> model(torch.zeros(1, 1, 28, 28)).shape
        torch.Size([1, 26])
        >>> model.spec["name"], model.source[:31]        # what it was made from, and the Python that runs
        ('lenet5', '\"""Lenet5, written by nnc. Need')

    Raises `nnc.SpecError` where the spec has faults, its text shows them all with their lines; `nnc.Failure` where an
    artifact is damaged or weights do not fit; TypeError for arguments of an artifact, which has been compiled already."""
    if not isinstance(source, Mapping) and os.fspath(source).endswith(".safetensors"):
        if args or sizes or weights is not None:
            raise TypeError("a saved model keeps the arguments and sizes that it was compiled with")
        from nnc.runtime.saving.artifact import load as load_artifact

        return load_artifact(os.fspath(source), device=device or "cpu")
    model, chosen = _network(_located(source), args, sizes or {}, device)
    if weights is not None:
        chosen = _weights(weights)
    if chosen is not None:
        from nnc.runtime.weights.transfer import load_weights as fill

        fill(model, chosen)
    return model


@collector_paused()  # until all that was read is gone, and only the network is left to look through
def _network(
    source: str | Mapping[str, Any], args: Mapping[str, Any], sizes: Mapping[str, int], device: Any
) -> tuple[nn.Module, GivenWeights | None]:
    """A spec's network, and the weights that the spec names. Long files are compiled once."""
    from nnc.compiler.backends.torch.build import build_kept, keep
    from nnc.compiler.backends.torch.remembered import shelf_of

    shelf = shelf_of(source, args=args, sizes=sizes) if isinstance(source, str) else None
    kept = shelf.take() if shelf is not None else None
    if shelf is not None and kept is not None:
        return build_kept(kept, spec=shelf.written, args=args, sizes=sizes, device=device), None
    result = compile(source, sizes=sizes, **args)
    model = instantiate(result, args=args, sizes=sizes, device=device)
    if shelf is not None and result.weights is None:
        keep(model, shelf)
    return model, result.weights


def _weights(written: str | Mapping[str, Any]) -> GivenWeights:
    from nnc.compiler.diagnostics import Problems
    from nnc.compiler.weights import parse_weights
    from nnc.runtime.failure import Failure

    problems = Problems()
    found = parse_weights(written, problems)
    if found is None:
        raise Failure.of(problems.sorted())
    return found


def load_weights(model: nn.Module, weights: str | Mapping[str, Any]) -> Transfer:
    """Puts the weights of a file, or torchvision's, into a compiled network, and says what was taken and what not.

        >>> print(nnc.load_weights(model, {"file": "resnet18.pt", "strict": False}))
        transferred 120 of 122 tensors from resnet18.pt
          of another shape: fc.weight is [1000, 512], in the network [10, 512]; …

    Raises `nnc.Failure` where they cannot be read or do not fit."""
    from nnc.runtime.weights.transfer import load_weights as fill

    return fill(model, _weights(weights))


def save(model: nn.Module, path: str | os.PathLike[str]) -> Path:
    """Writes a compiled model to one .safetensors file, its spec and its weights: `nnc.load` reads it anywhere, without
    pickle and without the YAML. The file appears whole or not at all.

        >>> nnc.save(model, "lenet5.safetensors")
        PosixPath('lenet5.safetensors')

    Raises `nnc.Failure` for a model that nnc did not compile, or a file that cannot be written."""
    from nnc.runtime.saving.artifact import save as save_artifact

    return save_artifact(model, os.fspath(path))


def export(model: nn.Module, path: str | os.PathLike[str], /, *, sizes: Mapping[str, int] | None = None) -> Exported:
    """Writes a compiled model in the form that the file's name says: `.pt` and `.safetensors` hold the state_dict, `.py` the
    source, `.onnx` and `.pt2` the model as a program in evaluation mode. A program is run again and compared with the
    model, at several sizes, before the file is there; free sizes stay free as far as torch can show that they may, and
    `sizes` fixes some.

        >>> print(*nnc.export(nnc.load("lenet5.safetensors"), "lenet5.onnx").lines(), sep="\\n")
        compared with the network at B=2; B=3; B=1: 4.0e-07 apart at most
        free sizes: B >= 1

    Raises `nnc.Failure` where it cannot be exported, computes something else, or a package is missing."""
    from pathlib import Path

    from nnc.runtime.export import export as write

    return write(model, Path(path), sizes=sizes)


def train(
    spec: Given,
    /,
    *,
    sizes: Mapping[str, int] | None = None,
    device: str | None = None,
    run_dir: str | os.PathLike[str] | None = None,
    resume: bool = False,
    epochs: int | None = None,
    seed: int | None = None,
    progress: bool = True,
    weights: str | Mapping[str, Any] | None = None,
    tensorboard: bool = False,
    fold: str | None = None,
    trust: bool = False,
    **args: Any,
) -> Trained:
    """Trains a spec on the data that its `data:` section names, as its `train:` section says. `run_dir` gets the
    checkpoints, a log and the best weights as `model.safetensors`; by default it is a new folder in `runs/`. `resume`
    goes on with a run that was interrupted. `device`, `epochs`, `seed`, `weights`, which training begins with, and `fold`, such
    as "2/5", replace what the spec says. Python files that the spec imports are run with `trust` only. With
    `tensorboard`, the run is also written for TensorBoard, into `tensorboard/` of its folder.

        >>> trained = nnc.train("examples/digits.yaml", epochs=3, run_dir="out/digits")
        >>> trained.result.best.quantity, trained.artifact
        ('validation.accuracy', PosixPath('out/digits/model.safetensors'))

    Raises `nnc.SpecError` where the spec has faults, `nnc.Failure` where the data or the folder has."""
    from nnc.runtime.commands import run_training
    from nnc.runtime.report import Reporter, reporter_for

    return run_training(
        _located(spec),
        args=args,
        sizes=sizes,
        device=device,
        folder=run_dir,
        resume=resume,
        epochs=epochs,
        seed=seed,
        reporter=reporter_for() if progress else Reporter(),
        pretrained=None if weights is None else _weights(weights),
        tensorboard=tensorboard,
        fold=fold,
        trust=trust,
    )


def evaluate(
    source: str | os.PathLike[str],
    /,
    *,
    split: str | None = None,
    device: str = "auto",
    base: str | os.PathLike[str] | None = None,
    trust: bool = False,
) -> Evaluation:
    """Loss and metrics of a run's folder or of a saved model, on the test data of its spec, or on the `split` that is
    named: "train", "validation" or "test". `base` is the folder that the spec's data paths are relative to. Python files that the
    spec imports are run with `trust` only.

        >>> nnc.evaluate("out/digits").quantities
        {'loss': 0.5269, 'accuracy': 0.9972}

    Raises `nnc.Failure`."""
    from nnc.runtime.commands import run_evaluation

    return run_evaluation(source, split=split, device=device, base=base, trust=trust)


def predict(
    source: str | os.PathLike[str],
    inputs: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    /,
    *,
    device: str = "auto",
    batch_size: int = 64,
    top_k: int = 1,
    probabilities: bool = False,
    masks: str | os.PathLike[str] | None = None,
    on_error: Literal["fail", "skip"] = "fail",
) -> list[dict[str, Any]]:
    """One result for every sample in files of images (.png, .jpg, …) and folders of them, arrays (.npy, .npz, .safetensors),
    tables (.csv, .parquet) or lines of JSON (.jsonl), which go through the transforms that the model was trained with. `source`
    is a saved model, or a run's folder. Masks are written below the folder `masks`. With `on_error="skip"` what cannot be used
    is left out, with a warning.

        >>> nnc.predict("out/digits/model.safetensors", "seven.png")
        [{'input': 'seven.png', 'class': '7', 'index': 7, 'probability': 0.98}]

    Raises `nnc.Failure`."""
    import warnings

    from nnc.runtime.commands import run_prediction
    from nnc.runtime.failure import Failure

    def warned(failure: Failure) -> None:
        warnings.warn(str(failure), stacklevel=3)

    paths = [inputs] if isinstance(inputs, str | os.PathLike) else list(inputs)
    found = run_prediction(
        source, paths, device=device, batch_size=batch_size, top_k=top_k, probabilities=probabilities, masks=masks,
        passed_over=warned if on_error == "skip" else None,
    )  # fmt: skip
    return list(found)


def instantiate(
    result: Compilation,
    *,
    args: Mapping[str, Any] | None = None,
    sizes: Mapping[str, int] | None = None,
    device: torch.device | str | None = None,
) -> nn.Module:
    """The module of a compilation; it remembers what it was made from. Raises SpecError where the spec has faults."""
    from nnc.compiler.backends.torch.build import build

    return build(result.graph, spec=result.written or result.document, args=args, sizes=sizes, device=device)
