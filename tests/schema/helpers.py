"""Reading specs in tests, and the examples of the language's description."""

from __future__ import annotations

from dataclasses import dataclass, field

from nnc.compiler.diagnostics import Problems, Source
from nnc.compiler.driver import default_catalogue
from nnc.compiler.schema import Broken, check_document, read_spec
from nnc.compiler.schema.spec import EntryDecl, Spec
from nnc.compiler.source import read_text
from nnc.compiler.source.tree import Tree

CATALOGUE = default_catalogue()


@dataclass
class Read:
    tree: Tree | None
    spec: Spec | None
    problems: Problems
    broken: Broken = field(default_factory=frozenset)


def read(text: str, name: str = "t.yaml") -> Read:
    """The first two stages on a text."""
    problems = Problems()
    tree = read_text(text, name, problems)
    if tree is None:
        return Read(None, None, problems)
    broken = check_document(tree, CATALOGUE, problems)
    return Read(tree, read_spec(tree, Source(name, text), broken, problems), problems, broken)


def spec_of(text: str, name: str = "t.yaml") -> Spec:
    """The typed spec of a text without faults."""
    done = read(text, name)
    assert not len(done.problems), [str(d) for d in done.problems]
    assert done.spec is not None
    return done.spec


def entry_of(layer: str) -> EntryDecl:
    """The one entry of a spec whose `layers:` holds it, written at the indentation of a key."""
    (entry,) = spec_of(f"nnc: 1\ninputs: {{x: [B, 3]}}\nlayers:\n  {layer}\n").body.entries
    return entry


RESNET = """\
nnc: 1
name: resnet50
inputs: {x: [B, 3, H, W]}
args: {layers: [3, 4, 6, 3], num_classes: 1000}

blocks:
  Bottleneck:
    inputs: {x: [B, C, H, W]}            # a pattern
    args: {planes: , stride: 1}          # no default: must be given
    layers:
      conv1: Conv2d(planes, 1, bias=False)
      bn1: BatchNorm2d
      act1: relu
      conv2: Conv2d(planes, 3, stride, padding=1, bias=False)
      bn2: BatchNorm2d
      act2: relu
      conv3: Conv2d(planes * 4, 1, bias=False)
      bn3: BatchNorm2d
      downsample:
        if: stride != 1 or C != planes * 4
        from: x
        layers:
          - Conv2d(planes * 4, 1, stride, bias=False)
          - BatchNorm2d
      out: relu(bn3 + downsample)

layers:
  conv1: Conv2d(64, 7, stride=2, padding=3, bias=False)
  bn1: BatchNorm2d
  relu: ReLU
  maxpool: MaxPool2d(3, 2, padding=1)
  layer${s + 1}:
    for: s, n in enumerate(layers)
    repeat: n
    type: Bottleneck(64 * 2**s, stride=2 if s and not i else 1)
  avgpool: AdaptiveAvgPool2d(1)
  flat: flatten(1)
  fc: Linear(num_classes)
"""

VAE = """\
nnc: 1
name: vae
inputs: {image: [B, 784]}
args: {hidden: 400, latent: 20}
layers:
  encoder: {from: image, layers: [Linear(hidden), ReLU]}
  mu: {type: Linear(latent), from: encoder}
  logvar: {type: Linear(latent), from: encoder}
  z: mu + exp(0.5 * logvar) * randn_like(mu)
  decoder: {from: z, layers: [Linear(hidden), ReLU, Linear(784), Sigmoid]}
outputs: {reconstruction: decoder, mu: mu, logvar: logvar}

train:
  loss:
    layers:
      rec: {type: BCELoss(reduction="sum"), from: [reconstruction, image]}
      kl: -0.5 * sum(1 + logvar - mu**2 - exp(logvar))
      total: rec + kl
  optimizer: Adam(lr=1e-3)
  epochs: 15
"""

TRAINING = """\
extends: lenet5.yaml
data:
  fields: [image, label]
  train: MNIST(root="data", train=True, download=True)
  test: MNIST(root="data", train=False)
  validation: 0.1
  transforms:
    image:
      - ToImage
      - ToDtype(float32, scale=True)
      - Normalize([0.1307], [0.3081])
train:
  loss: CrossEntropyLoss(label_smoothing=0.1)
  optimizer:
    type: AdamW(lr=1e-3, weight_decay=0.05)
    groups:
      - {match: ["*.bias", "*bn*"], weight_decay: 0}
      - {match: "fc.*", lr: 1e-2}
  scheduler: OneCycleLR(max_lr=0.01, total_steps=steps)
  metrics: [Accuracy(top_k=1)]
  epochs: 5
  batch_size: 64
  precision: bf16
  seed: 0
"""

EVERYTHING = """\
nnc: 1
name: everything
description: every construct of the language once
imports: {mylib: ./my_layers.py}
inputs:
  tokens: {shape: [B, T], dtype: int64}
  image: [B, 3, H, "2 * W"]
args:
  dim: 64
  half: ${dim // 2}
  norm: LayerNorm
  rates: [0.1, 0.2]
  table: {a: 1, b: [$dim, null]}
  none: ${None}
let: {quarter: dim // 4, both: [dim, half]}
variants:
  small: {dim: 8, rates: [$half, null]}
  plain: {}
dims: {H: {multiple_of: 32, min: 64}, W: 224, T: {max: 512}}
blocks:
  Any: {layers: [ReLU]}
  Net:
    inputs: {x: [B, C]}
    args: {width: 3}
    let: {twice: width * 2}
    blocks: {Any: {layers: [Linear(twice)]}}
    layers: [Any, ReLU]
  Pair:
    description: two in, two out
    inputs: {left: [..., C], right: {shape: [..., _], dtype: float32}}
    args: {width: , act: relu}
    layers:
      a: {type: Linear, out_features: $width, from: left}
      b: {type: $act, from: right}
    outputs: {first: a, second: {from: b, mode: train}}
    tie: {b.weight: a.weight}
layers:
  embed: Embedding(1000, dim)
  class_token: Parameter([1, 1, dim])
  mask: Buffer(tril(ones([8, 8])), persistent=False)
  scale: {type: Parameter, args: ["${ones([dim])}"], requires_grad: false}
  attn:
    type: MultiheadAttention
    num_heads: 4
    from: {query: embed, key: embed, value: embed}
    call: {need_weights: false}
  first: attn.attn_output[:, 0]
  stack${i}:
    for: i in range(2)
    let: {width: dim * (i + 1), sizes: [width, width // 2]}
    if: width > 0
    repeat: 2
    layers:
      - {type: Linear, out_features: "${sizes[0]}"}
      - relu
      - [Dropout(0.5), GELU]
    from: first
  spliced:
    each: r in rates
    let: {on: true}
    layers:
      drop_${r}: {type: Dropout, p: $r}
  normed: {type: "${norm}", eps: 1e-6, from: first}
  again: {use: attn, from: [normed, normed, normed]}
  own: mylib.CenteredLayer()
  pair: {type: "Pair(8, act=\\"tanh\\")", from: [normed, first]}
  low: {type: masked_fill, args: [$mask, -0.5], from: normed}
  group:
    from: {left: pair.first, right: low}
    layers:
      sum: left + right
      out: {expr: relu(sum)}
    outputs: [sum, out]
outputs: {logits: group.sum, aux: {from: group.out, mode: train}}
tie: {pair.a.weight: normed.weight}
init:
  - {match: Linear, weight: kaiming_normal_(mode="fan_out"), bias: zeros_}
weights: {file: w.safetensors, strict: false, rename: {"module.": ""}}
freeze: [embed.*]
metadata: {author: nobody, tags: [1, 2]}
"""

EXAMPLES = {"resnet": RESNET, "vae": VAE, "training": TRAINING, "everything": EVERYTHING}
