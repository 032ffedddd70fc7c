"""Whatever is written in `data:` and `train:`, the check ends with diagnostics: no traceback, no hang."""

from __future__ import annotations

import random
import time

import pytest

from nnc.compiler.codes import CODES
from nnc.compiler.driver import compile_text
from tests.training.test_read import NETWORK

SECTIONS = """\
data:
  fields: [image, label]
  train: MNIST("data", train=True, download=True)
  test: {type: MNIST, root: data, train: false}
  validation: 0.1
  classes: [a, b]
  transforms:
    image:
      train:
        - ToImage
        - RandomApply([RandomCrop(8, padding=[1, 2])], p=0.5)
        - ToDtype(float32, scale=True)
      eval: [ToImage, {type: ToDtype, dtype: float32}]
train:
  loss: {type: CrossEntropyLoss(label_smoothing=0.1), from: [output, label]}
  optimizer:
    type: AdamW(lr=rate * 1e-2, betas=[0.9, 0.99])
    groups:
      - {match: ["*.bias", "fc.*"], weight_decay: 0}
  scheduler: SequentialLR([LinearLR(0.1, total_iters=steps // 10), LambdaLR("0.9 ** epoch")], [steps // 10])
  metrics: {right: Accuracy(top_k=2)}
  monitor: validation.right
  epochs: ${2 * 3}
  batch_size: 16
  clip_grad_norm: 1.0
"""
PICTURES = """\
data:
  fields: {photo: image, truth: mask, kind: label}
  train: OxfordIIITPet("pets", target_types=["segmentation", "category"])
  test: {type: OxfordIIITPet, root: pets, split: test, target_types: [segmentation, category]}
  transforms:
    photo, truth:
      train:
        - {type: RandomCrop, size: 28, fill: {image: 0, mask: 255}}
        - RandomApply([RandomHorizontalFlip, ElasticTransform], p=0.5)
      eval: [CenterCrop(28)]
    photo: ["ToDtype(float32, scale=True)", Grayscale]
    truth: ["ToDtype(float32)"]
train:
  loss: {type: CrossEntropyLoss, from: [output, kind]}
  optimizer: SGD(lr=0.1)
  mix: [{type: CutMix, p: 0.5, from: [photo, kind]}, "MixUp(alpha=0.2, num_classes=10)"]
  epochs: 1
"""
PIECES = [
    "image, mask", "photo, truth", "photo, photo", "mask", "fill", "CutMix", "OxfordIIITPet(", "Kinetics", "RandAugment",
    "${", "}", "[", "]", "{", "}", "(", ")", ",", ":", "'", '"', "$", "~", "-", "\n", "  ", "#",
    "!!python/object:os.system ", "&a ", "*a", "<<: ", "null", "true", "1e999", "-1", "0", "9" * 30, "9**9**9",
    "steps", "epochs", "rate", "x" * 50, "é", "\t", "lambda: 1", "*", "...", "Adam", "ToImage", "MNIST",
    "SequentialLR([", "LambdaLR(\"1 if epoch else\")", "RandomApply(", "from", "type", "groups", "nan", ".inf",
]  # fmt: skip


def mutated(text: str, chance: random.Random) -> str:
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(text))
        match chance.randrange(4):
            case 0:
                text = text[:at] + chance.choice(PIECES) + text[at:]
            case 1:
                text = text[:at] + text[at + chance.randint(1, 8) :]
            case 2:
                end = min(len(text), at + chance.randint(1, 12))
                text = text[:at] + chance.choice(PIECES) + text[end:]
            case _:
                lines = text.split("\n")
                i, j = chance.randrange(len(lines)), chance.randrange(len(lines))
                lines[i], lines[j] = lines[j], lines[i]
                text = "\n".join(lines)
    return text


def check(seed: int) -> None:
    text = NETWORK + mutated(PICTURES if seed % 2 else SECTIONS, random.Random(seed))
    began = time.process_time()
    for diagnostic in compile_text(text).problems:
        assert diagnostic.code in CODES, diagnostic
        assert 0 <= diagnostic.span.start <= diagnostic.span.end <= len(text)
        assert diagnostic.message
    assert time.process_time() - began < 2


def test_the_text_itself_has_no_fault() -> None:
    for sections in (SECTIONS, PICTURES):
        assert [str(p) for p in compile_text(NETWORK + sections).problems] == []


@pytest.mark.parametrize("block", range(10))
def test_mutations(block: int) -> None:
    for seed in range(block * 50, block * 50 + 50):
        check(seed)


@pytest.mark.nightly
@pytest.mark.parametrize("block", range(20))
def test_many_mutations(block: int) -> None:
    for seed in range(1_000_000 + block * 1000, 1_000_000 + block * 1000 + 1000):
        check(seed)
