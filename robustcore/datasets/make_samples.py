"""Write the samples inside the package from the full data sets.

Run: python -m robustcore.datasets.make_samples

Needs the full sets (data folder, cache or network). The result is the same arrays
on every machine; `tests/datasets/test_samples.py` compares them with the full sets.
"""

from __future__ import annotations

import gzip
import io
import lzma
from pathlib import Path

import numpy as np

from ..errors import DataError
from .catalogue import CIFAR10, FASHION_MNIST, MNIST, ImageSet, uci_sets
from .files import data_folder, digest
from .images import DOWNSAMPLINGS, Arrays, load_cifar10, load_idx_set
from .samples import SAMPLE_CLASSES
from .uci import canonical_table

FOLDER = Path(__file__).parent / "samples"
N_TRAIN, N_TEST = 3000, 1000
N_PER_CLASS = 1000
MAX_TABLE = 25_000  # bytes, packed: a UCI table up to this size ships with the package


def first_rows(y: np.ndarray, classes: tuple[int, ...], n_per_class: int) -> np.ndarray:
    """Numbers of the first rows of each class, in file order.

    Source: own
    """
    kept = [np.flatnonzero(y == label)[:n_per_class] for label in classes]
    return np.sort(np.concatenate(kept))


def pack(name: str, arrays: dict[str, np.ndarray]) -> None:
    """Write arrays as an .npz file packed with xz.

    Source: own
    """
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    pack_bytes(f"{name}.npz.xz", buffer.getvalue())


def pack_bytes(name: str, raw: bytes) -> None:
    """Write bytes packed with xz into the samples folder, and say how many.

    Source: own
    """
    packed = lzma.compress(raw, preset=9 | lzma.PRESET_EXTREME)
    (FOLDER / name).write_bytes(packed)
    print(f"{name}: {len(packed):,} bytes")


def pack_images(name: str, images: ImageSet, arrays: Arrays, made: str) -> None:
    """One image sample with its origin and licence inside.

    Source: own
    """
    train_x, train_y, test_x, test_y = arrays
    pack(
        name,
        {
            "train_x": train_x,
            "train_y": train_y.astype(np.uint8),
            "test_x": test_x,
            "test_y": test_y.astype(np.uint8),
            "source": np.array(f"{images.citation}. {images.files[0].url}"),
            "licence": np.array(images.licence),
            "made": np.array(made),
        },
    )


def make_idx_samples() -> None:
    """The first images of MNIST and Fashion-MNIST.

    Source: own
    """
    made = f"the first {N_TRAIN} training and the first {N_TEST} test images"
    for images in (MNIST, FASHION_MNIST):
        (train_x, train_y, test_x, test_y), _ = load_idx_set(images)
        part = (train_x[:N_TRAIN], train_y[:N_TRAIN], test_x[:N_TEST], test_y[:N_TEST])
        pack_images(images.name, images, part, made)


def make_cifar_samples() -> None:
    """Four classes of CIFAR-10 at 7 x 7, down-sampled in both ways.

    Source: own
    """
    (train_x, train_y, test_x, test_y), _ = load_cifar10(CIFAR10)
    train = first_rows(train_y, SAMPLE_CLASSES, N_PER_CLASS)
    test = first_rows(test_y, SAMPLE_CLASSES, N_PER_CLASS)
    for way, smaller in DOWNSAMPLINGS.items():
        part = (smaller(train_x[train]), train_y[train], smaller(test_x[test]), test_y[test])
        made = (
            f"classes {SAMPLE_CLASSES}: the first {N_PER_CLASS} training images of each in file "
            f"order and all its test images, downsample_{way} to 7 x 7"
        )
        pack_images(f"cifar10_7x7_{way}", CIFAR10, part, made)


def make_uci_samples() -> None:
    """The small UCI tables.

    Source: own
    """
    for entry in uci_sets().values():
        table, _ = canonical_table(entry)
        if len(lzma.compress(table, preset=9)) <= MAX_TABLE:
            pack_bytes(f"uci-{entry.name}.csv.xz", table)


def make_published() -> None:
    """The splits and the imputed cells published with paper B.

    Source: own

    Raises
    ------
    DataError
        If the data folder, which alone holds them in full, is missing.
    """
    folder = data_folder()
    if folder is None:
        raise DataError("the published splits are read from the data folder; set ROBUSTCORE_DATA.")
    with np.load(folder / "uci" / "paper_splits.npz") as splits:
        small = {k: splits[k].astype(np.min_scalar_type(splits[k].max())) for k in splits.files}
    pack("uci_published_splits", small)
    cells = gzip.decompress((folder / "uci" / "paper_imputed_cells.csv.gz").read_bytes())
    pack_bytes("uci_published_imputed.csv.xz", cells)


def write_checksums() -> None:
    """The SHA-256 of every sample, which each reading is compared with.

    Source: own
    """
    lines = [f"{digest(p, 'sha256')}  {p.name}\n" for p in sorted(FOLDER.glob("*.xz"))]
    (FOLDER / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    make_idx_samples()
    make_cifar_samples()
    make_uci_samples()
    make_published()
    write_checksums()
