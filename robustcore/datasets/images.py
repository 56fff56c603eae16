"""Reading MNIST, Fashion-MNIST and CIFAR-10 from the published files, and making images smaller."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import tarfile
import zlib
from pathlib import Path

import numpy as np

from ..errors import CorruptDataError, InputError
from .catalogue import CIFAR10_BATCHES, ImageSet
from .files import fetch, find

# sha256 of the batches packed one by one with xz, an alternative to the tar archive
_XZ_BATCHES = {
    "data_batch_1.bin": "a2c0cd89a32819e735ded49d093755781cd9775eb7b5075464fe9120adb35639",
    "data_batch_2.bin": "eb4cbf94fa455b3cd67bc2a741c8ad7164e409b6f81ab54e8fb9969eed0c5b4b",
    "data_batch_3.bin": "6e3e489988abe1ce932d82d45714acd51a651044d83a906c3726a8f2e81fc28f",
    "data_batch_4.bin": "a254c123ac185f5127e85eb5f2a8957a8d399fc0b3fe788c54a437141e73a4c8",
    "data_batch_5.bin": "e82b5013f1260b11bec041b6a5a92f10d2268a9701040cc97586e0aa7e4bce86",
    "test_batch.bin": "785d423e86256b1c28ad6be66a13198d468ad8148ebd44865a13a9a3c21d0b01",
}
_RECORD = 1 + 3 * 32 * 32
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def read_idx(path: Path) -> np.ndarray:
    """The array in a gzipped idx file of bytes, the format of MNIST.

    Source: own

    Returns
    -------
    uint8 array
        (n, rows, columns) for images, (n,) for labels.

    Raises
    ------
    CorruptDataError
        If the file does not unpack or is not an idx file of bytes.
    """
    try:
        raw = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as bad:
        raise CorruptDataError(f"{path} must be a gzip file, but: {bad}.") from bad
    if len(raw) < 4 or raw[:3] != b"\x00\x00\x08":
        raise CorruptDataError(f"{path} must be an idx file of bytes, its first bytes differ.")
    n_axes = raw[3]
    start = 4 + 4 * n_axes
    shape = tuple(int(v) for v in np.frombuffer(raw[4:start], ">u4"))
    body = np.frombuffer(raw[start:], np.uint8)
    if body.size != np.prod(shape):
        raise CorruptDataError(f"{path} announces shape {shape} but holds {body.size} bytes.")
    return body.reshape(shape)


def read_cifar_batch(raw: bytes, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of one binary CIFAR-10 batch, checked against its published SHA-1.

    Source: own

    Returns
    -------
    (10000, 3, 32, 32) uint8 array, (10000,) int64 array
    """
    wanted = CIFAR10_BATCHES[name].removeprefix("sha1:")
    got = hashlib.sha1(raw, usedforsecurity=False).hexdigest()
    if got != wanted:
        raise CorruptDataError(f"{name} must have the sha1 {wanted} unpacked, got {got}.")
    records = np.frombuffer(raw, np.uint8).reshape(-1, _RECORD)
    return records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0].astype(np.int64)


def load_idx_set(images: ImageSet) -> tuple[Arrays, str]:
    """Train images, train labels, test images, test labels of MNIST or Fashion-MNIST.

    Source: own

    Returns
    -------
    (arrays, route)
        Images as (n, 1, 28, 28) uint8.
    """
    places = [fetch(file, images.name) for file in images.files]
    train_x, train_y, test_x, test_y = (read_idx(path) for path, _ in places)
    arrays = (train_x[:, None], train_y.astype(np.int64), test_x[:, None], test_y.astype(np.int64))
    return arrays, places[-1][1]


def load_cifar10(images: ImageSet) -> tuple[Arrays, str]:
    """Train images, train labels, test images, test labels of CIFAR-10.

    From the published tar archive or, in the data folder, from its six batches packed with xz;
    the arrays are the same.

    Source: own

    Returns
    -------
    (arrays, route)
        Images as (n, 3, 32, 32) uint8.
    """
    batches, route = _xz_batches() or _tar_batches(images)
    parts = [read_cifar_batch(batches[name], name) for name in CIFAR10_BATCHES]
    train_x = np.concatenate([x for x, _ in parts[:5]])
    train_y = np.concatenate([y for _, y in parts[:5]])
    return (train_x, train_y, *parts[5]), route


def _xz_batches() -> tuple[dict[str, bytes], str] | None:
    """The six batches where all of them lie, packed with xz, in one place."""
    raw, route = {}, ""
    for name, sha256 in _XZ_BATCHES.items():
        found = find(f"cifar10/{name}.xz", f"sha256:{sha256}")
        if found is None:
            return None
        route = found[1]
        raw[name] = lzma.decompress(found[0].read_bytes())
    return raw, route


def _tar_batches(images: ImageSet) -> tuple[dict[str, bytes], str]:
    path, route = fetch(images.files[0], images.name)
    raw = {}
    with tarfile.open(path) as archive:
        for member in archive:
            name = Path(member.name).name
            stream = archive.extractfile(member) if name in CIFAR10_BATCHES else None
            if stream is not None:
                raw[name] = stream.read()
    missing = sorted(set(CIFAR10_BATCHES) - set(raw))
    if missing:
        raise CorruptDataError(f"{path} must hold all six batches, it lacks {missing}.")
    return raw, route


# -- smaller images ----------------------------------------------------------------------------


def downsample_stride(images: np.ndarray, step: int = 5) -> np.ndarray:
    """Keep every `step`-th pixel of each axis: `x[::step, ::step]`.

    Source: own ([A] Section V does not say how its 32 x 32 images became 7 x 7)

    Parameters
    ----------
    images : (..., H, W) array

    Returns
    -------
    (..., ceil(H / step), ceil(W / step)) array
        32 with step 5 gives 7.
    """
    _check_images(images)
    return np.ascontiguousarray(images[..., ::step, ::step])


def downsample_block(images: np.ndarray, side: int = 7) -> np.ndarray:
    r"""Replace each of `side` x `side` blocks by its mean, rounded to a whole byte.

    Block edges are :math:`\mathrm{round}(i H / \mathrm{side})`: as 7 does not divide 32, blocks are
    5, 4, 5, 4, 5, 4, 5 pixels wide. A mean of exactly one half rounds up.

    Source: own ([A] Section V does not say how its 32 x 32 images became 7 x 7)

    Parameters
    ----------
    images : (..., H, W) uint8 array
        H and W at least `side`.

    Returns
    -------
    (..., side, side) uint8 array
        At most half a byte away from the exact mean.
    """
    _check_images(images)
    if images.dtype != np.uint8 or min(images.shape[-2:]) < side:
        raise InputError(
            f"block means need uint8 images of at least {side} x {side}, got {images.dtype} "
            f"{images.shape}; down-sample bytes before scaling them."
        )
    height, width = images.shape[-2:]
    rows = np.rint(np.linspace(0, height, side + 1)).astype(int)
    columns = np.rint(np.linspace(0, width, side + 1)).astype(int)
    sums = np.add.reduceat(images.astype(np.uint32), rows[:-1], axis=-2)
    sums = np.add.reduceat(sums, columns[:-1], axis=-1)
    counts = np.outer(np.diff(rows), np.diff(columns)).astype(np.uint32)
    return ((2 * sums + counts) // (2 * counts)).astype(np.uint8)


DOWNSAMPLINGS = {"stride": downsample_stride, "block": downsample_block}


def _check_images(images: np.ndarray) -> None:
    if images.ndim < 2:
        raise InputError(f"images must have shape (..., H, W), got {images.shape}.")
