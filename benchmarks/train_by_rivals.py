"""The same networks with Keras 3 on torch and with Lightning, as their documentation writes them.

python benchmarks/train_by_rivals.py keras|lightning lenet|resnet SAMPLES FOLDER
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import numpy as np
from turns import skip, tell, wait

BATCH = {"lenet": 64, "resnet": 32}
RATE = {"lenet": {"lr": 0.05}, "resnet": {"lr": 0.01, "momentum": 0.9}}


def arrays(network: str, folder: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Images (N, C, H, W) as float32, and labels (N,)."""
    if network == "lenet":
        from torchvision import datasets

        data = datasets.MNIST(folder, train=True)
        return data.data[:, None].numpy().astype(np.float32) / 255, data.targets.numpy()
    stored = np.load(f"{folder}/train.npz")
    images = stored["image"].transpose(0, 3, 1, 2).astype(np.float32) / 255
    return (images - 0.5) / 0.25, stored["label"]


def keras(network: str, folder: str) -> None:
    os.environ["KERAS_BACKEND"] = "torch"
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    try:
        import keras as k
    except ImportError as error:
        skip(str(error))
    images, labels = arrays(network, folder)
    images = np.ascontiguousarray(images.transpose(0, 2, 3, 1))  # channels last, as Keras has them
    model = keras_lenet(k) if network == "lenet" else keras_resnet18(k)
    rate = RATE[network]
    optimizer = k.optimizers.SGD(learning_rate=rate["lr"], momentum=rate.get("momentum", 0.0))
    loss = k.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=optimizer, loss=loss)

    class Turns(k.callbacks.Callback):  # type: ignore[misc, name-defined]
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            wait()
            self.began = time.perf_counter()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            tell(time.perf_counter() - self.began, len(images), float(logs["loss"]), {})

    model.fit(images, labels, batch_size=BATCH[network], epochs=1000, shuffle=True, verbose=0, callbacks=[Turns()])


def keras_lenet(k: Any) -> Any:
    layers = k.layers
    return k.Sequential(
        [
            k.Input((28, 28, 1)),
            layers.Conv2D(6, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(16, 5, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(120, activation="relu"),
            layers.Dense(84, activation="relu"),
            layers.Dense(10),
        ]
    )


def keras_resnet18(k: Any) -> Any:
    """He et al., 2015, with basic blocks: Keras itself has none so small."""
    layers = k.layers

    def block(x: Any, width: int, stride: int) -> Any:
        out = layers.Conv2D(width, 3, stride, padding="same", use_bias=False)(x)
        out = layers.ReLU()(layers.BatchNormalization()(out))
        out = layers.BatchNormalization()(layers.Conv2D(width, 3, padding="same", use_bias=False)(out))
        if stride != 1 or x.shape[-1] != width:
            x = layers.BatchNormalization()(layers.Conv2D(width, 1, stride, use_bias=False)(x))
        return layers.ReLU()(layers.Add()([out, x]))

    inputs = k.Input((64, 64, 3))
    x = layers.Conv2D(64, 7, 2, padding="same", use_bias=False)(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.MaxPooling2D(3, 2, padding="same")(x)
    for width, stride in ((64, 1), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1)):
        x = block(x, width, stride)
    return k.Model(inputs, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


def lightning(network: str, folder: str) -> None:
    try:
        import lightning as pl
    except ImportError as error:
        skip(str(error))
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset
    from torchvision.models import resnet18
    from train_by_hand import LeNet

    images, labels = arrays(network, folder)
    loader = DataLoader(
        TensorDataset(torch.from_numpy(images), torch.from_numpy(labels)), batch_size=BATCH[network], shuffle=True
    )  # fmt: skip

    class Module(pl.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.model = LeNet() if network == "lenet" else resnet18(num_classes=10)
            self.loss = nn.CrossEntropyLoss()

        def training_step(self, batch: Any, index: int) -> Any:
            x, y = batch
            loss = self.loss(self.model(x), y)
            self.log("loss", loss, on_step=False, on_epoch=True)
            return loss

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), **RATE[network])

    class Turns(pl.Callback):  # type: ignore[misc, name-defined]
        def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
            wait()
            self.began = time.perf_counter()

        def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
            loss = float(trainer.callback_metrics["loss"])
            tell(time.perf_counter() - self.began, len(images), loss, {})

    trainer = pl.Trainer(
        max_epochs=1000, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, callbacks=[Turns()],
    )  # fmt: skip
    trainer.fit(Module(), loader)


if __name__ == "__main__":
    rival, network, _, folder = sys.argv[1:5]
    {"keras": keras, "lightning": lightning}[rival](network, folder)
