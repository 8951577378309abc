"""Another framework: Keras' usual MNIST program, with the same network and batch size, on JAX.

    pip install '.[benchmarks]'
    python -m benchmarks.keras_program --data FOLDER --epochs 5

`FOLDER` has `MNIST/raw`. It prints a JSON line for each epoch, as `benchmarks.baseline` does.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
from keras import layers

from mnistcnn.data.verified_files import TEST_FILES, TRAIN_FILES, decode_idx


def read(folder: Path, names: tuple[str, str]) -> tuple[Any, Any]:
    """Read images (N, 28, 28, 1) float32 in 0 … 1 and labels (N,)."""
    images, labels = (decode_idx((folder / "MNIST" / "raw" / name).read_bytes()) for name in names)
    return images.reshape(-1, 28, 28, 1).astype("float32") / 255, labels


def build() -> keras.Model:
    """Build the network of `mnistcnn`."""
    options: dict[str, Any] = {
        "kernel_initializer": keras.initializers.RandomNormal(stddev=0.05),
        "bias_initializer": keras.initializers.Constant(0.1),
    }
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(25, 12, strides=2, activation="relu", **options),
            layers.Conv2D(64, 5, padding="same", activation="relu", **options),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(1024, activation="relu", **options),
            layers.Dropout(0.2),
            layers.Dense(10, activation="softmax", **options),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class Report(keras.callbacks.Callback):  # type: ignore[misc]
    """Prints a JSON line after each epoch."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._count, self._started = count, 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Start the clock."""
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Print the epoch's seconds and accuracy."""
        seconds = time.perf_counter() - self._started  # including its test
        record = {"epoch": epoch + 1, "seconds": seconds, "pictures_per_second": self._count / seconds}
        record["accuracy"] = float((logs or {}).get("val_accuracy", 0))
        print(json.dumps({**record, "wall_clock": time.time()}), flush=True)


def main() -> None:
    """Train and test."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    keras.utils.set_random_seed(arguments.seed)
    images, labels = read(arguments.data, TRAIN_FILES)
    images, labels = images[:55_000], labels[:55_000]
    test = read(arguments.data, TEST_FILES)
    reports = [Report(len(images))]
    build().fit(
        images, labels, batch_size=50, epochs=arguments.epochs, validation_data=test, callbacks=reports, verbose=0
    )


if __name__ == "__main__":
    main()
