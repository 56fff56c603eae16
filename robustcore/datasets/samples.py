"""The real, small subsets that ship with the package. `make_samples` writes them."""

from __future__ import annotations

import hashlib
import io
import lzma
from importlib import resources
from importlib.resources.abc import Traversable

import numpy as np

from ..errors import CorruptDataError, DataError, InputError
from .catalogue import CIFAR10, FASHION_MNIST, MNIST, ImageSet

SAMPLE_CLASSES = (1, 7, 2, 8)
"""CIFAR-10 classes in the sample: automobile, horse, bird, ship."""

IMAGE_SAMPLES: dict[str, ImageSet] = {
    "mnist-sample": MNIST,
    "fashion-mnist-sample": FASHION_MNIST,
    "cifar10-7x7": CIFAR10,
}
"""Name of each sample, and the set that it was cut from."""


def sample_file(name: str) -> Traversable:
    """A file of the samples folder inside the package.

    Source: own
    """
    return resources.files(__package__).joinpath("samples", name)


def sample_bytes(file: str) -> bytes:
    """A file of the samples folder, compared with its checksum and unpacked.

    Source: own

    Raises
    ------
    DataError
        If the file, or the list of checksums, is missing: the installation is not whole.
    CorruptDataError
        If its bytes are not those that were shipped.
    """
    try:
        packed = sample_file(file).read_bytes()
        lines = sample_file("SHA256SUMS").read_text("utf-8").splitlines()
    except OSError as missing:
        raise DataError(
            f"the package lacks its sample {file} or the checksums; install robustcore again."
        ) from missing
    wanted = {name: digest for digest, name in (line.split() for line in lines)}.get(file)
    got = hashlib.sha256(packed).hexdigest()
    if got != wanted:
        raise CorruptDataError(
            f"the package's sample {file} must have the sha256 {wanted}, got {got}; install "
            "robustcore again."
        )
    return lzma.decompress(packed)


def read_sample(name: str) -> dict[str, np.ndarray]:
    """The arrays of one image sample.

    Source: own

    Parameters
    ----------
    name : str
        "mnist", "fashion-mnist", "cifar10_7x7_stride" or "cifar10_7x7_block".

    Returns
    -------
    dict
        train_x, test_x (n, channels, height, width) uint8; train_y, test_y (n,) int64; and the
        strings source, licence, made.
    """
    raw = sample_bytes(f"{name}.npz.xz")
    with np.load(io.BytesIO(raw)) as arrays:
        found = {key: arrays[key] for key in arrays.files}
    return {k: v.astype(np.int64) if k.endswith("_y") else v for k, v in found.items()}


def sample_key(name: str, downsample: str | None) -> str:
    """Which file answers for a sample and a way of down-sampling.

    Source: own

    Raises
    ------
    InputError
        For a way of down-sampling that the sample does not hold.
    """
    if name == "cifar10-7x7":
        way = downsample or "stride"
        if way in ("stride", "block"):
            return f"cifar10_7x7_{way}"
        raise InputError(f"downsample must be 'stride' or 'block' for {name}, got {way!r}.")
    if downsample is not None:
        raise InputError(f"{name} holds the images at full size, got downsample={downsample!r}.")
    return name.removesuffix("-sample")
