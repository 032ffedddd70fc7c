"""Writes `digits/digits.npz` from scikit-learn's copy of the UCI handwritten digits. Run once; scikit-learn is needed
for nothing else.

    python examples/data/export_digits.py

The split is fixed: within each class, every fifth image in the order of the source is a test image. The file is the
same, byte for byte, wherever it is written.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

TARGET = Path(__file__).parent / "digits" / "digits.npz"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip file knows


def split(labels: np.ndarray) -> np.ndarray:
    """Which samples are for testing: (N,) bool."""
    test = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        test[np.flatnonzero(labels == label)[4::5]] = True
    return test


def main() -> None:
    digits = load_digits()
    images, labels = digits.images.astype(np.uint8), digits.target.astype(np.uint8)
    test = split(labels)
    arrays = {
        "train_images": images[~test],
        "train_labels": labels[~test],
        "test_images": images[test],
        "test_labels": labels[test],
    }
    TARGET.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(TARGET, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", EPOCH), content.getvalue(), zipfile.ZIP_DEFLATED, 9)
    print(f"{TARGET}: {(~test).sum()} training and {test.sum()} test images, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
