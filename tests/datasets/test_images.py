"""The authors' formats, read from small files of the same form, and the down-samplings."""

import gzip
import hashlib
import io
import lzma
import tarfile

import numpy as np
import pytest

from robustcore.datasets import catalogue, images, load
from robustcore.datasets.catalogue import CIFAR10, MNIST, RemoteFile
from robustcore.errors import CorruptDataError, DataError, InputError


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return gzip.compress(header + array.tobytes(), mtime=0)


def test_idx_files_hold_the_array(tmp_path):
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    (tmp_path / "a.gz").write_bytes(idx(array))
    np.testing.assert_array_equal(images.read_idx(tmp_path / "a.gz"), array)


@pytest.mark.parametrize(
    "raw",
    [
        b"no gzip",
        idx(np.zeros(9, np.uint8))[:-12],
        gzip.compress(b"\1\2\3\4"),
        gzip.compress(b"\0\0\x08\1\0\0\0\x09abc"),
        b"",
    ],
    ids=["not-gzip", "cut", "not-idx", "too-short", "empty"],
)
def test_other_files_are_refused(tmp_path, raw):
    (tmp_path / "a.gz").write_bytes(raw)
    with pytest.raises(CorruptDataError, match=r"a\.gz"):
        images.read_idx(tmp_path / "a.gz")


@pytest.fixture
def tiny_mnist(site, cache, monkeypatch):
    """MNIST with 5 + 3 images, on the test's server."""
    rng = np.random.default_rng(0)
    arrays = [
        rng.integers(0, 256, (5, 28, 28), np.uint8),
        np.arange(5, dtype=np.uint8),
        rng.integers(0, 256, (3, 28, 28), np.uint8),
        np.arange(3, dtype=np.uint8),
    ]
    remote = []
    for file, array in zip(MNIST.files, arrays, strict=True):
        raw = idx(array)
        site.files[file.path] = raw
        digest = hashlib.sha256(raw).hexdigest()
        remote.append(RemoteFile(file.path, site.url(file.path), f"sha256:{digest}"))
    tiny = catalogue.ImageSet(
        "mnist", tuple(remote), MNIST.image_shape, MNIST.class_names, "cited", "licensed"
    )
    monkeypatch.setitem(catalogue.IMAGE_SETS, "mnist", tiny)
    return arrays


def test_load_downloads_then_reads_the_cache(tiny_mnist, site):
    first, second = load("mnist"), load("mnist", scale="byte")
    assert (first.source, second.source) == ("download", "cache")
    assert len(site.ranges) == 4
    train, train_y, test, test_y = tiny_mnist
    np.testing.assert_array_equal(second.train.x, train.reshape(5, -1))
    np.testing.assert_array_equal(first.test.x, test.reshape(3, -1) / 255)
    np.testing.assert_array_equal(first.train.y, train_y)
    np.testing.assert_array_equal(first.test.y, test_y)
    assert (first.image_shape, first.box, second.box) == ((1, 28, 28), (0.0, 1.0), (0.0, 255.0))


def test_a_cut_download_resumes_at_the_next_load(tiny_mnist, site):
    site.cut_after = [100, 100, 100]
    with pytest.raises(DataError, match="mnist needs"):
        load("mnist")
    assert load("mnist").source == "download"
    assert site.ranges[3] == "bytes=300-"


@pytest.fixture
def tiny_cifar(cache, tmp_path, monkeypatch):
    """CIFAR-10 with four records a batch, in both packings."""
    rng = np.random.default_rng(1)
    batches = {name: rng.integers(0, 10, 4 * 3073, np.uint8) for name in catalogue.CIFAR10_BATCHES}
    for batch in batches.values():
        batch.reshape(4, 3073)[:, 1:] = rng.integers(0, 256, (4, 3072))
    raw = {name: batch.tobytes() for name, batch in batches.items()}
    for name, data in raw.items():
        sha1 = hashlib.sha1(data).hexdigest()
        monkeypatch.setitem(catalogue.CIFAR10_BATCHES, name, f"sha1:{sha1}")
        packed = hashlib.sha256(lzma.compress(data)).hexdigest()
        monkeypatch.setitem(images._XZ_BATCHES, name, packed)
    return raw


def place_xz(folder, raw):
    (folder / "cifar10").mkdir(parents=True, exist_ok=True)
    for name, data in raw.items():
        (folder / "cifar10" / f"{name}.xz").write_bytes(lzma.compress(data))


def tar_archive(raw):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in (("readme.html", b"text"), *raw.items()):
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def tar_set(site, raw):
    packed = tar_archive(raw)
    site.files["cifar.tar.gz"] = packed
    file = CIFAR10.files[0]
    md5 = hashlib.md5(packed).hexdigest()
    remote = RemoteFile(file.path, site.url("cifar.tar.gz"), f"md5:{md5}")
    return catalogue.ImageSet(
        "cifar10", (remote,), CIFAR10.image_shape, CIFAR10.class_names, "cited", "licensed"
    )


def test_both_packings_of_cifar_give_the_same_arrays(tiny_cifar, site, tmp_path, monkeypatch):
    from_tar, route = images.load_cifar10(tar_set(site, tiny_cifar))
    assert route == "download"
    place_xz(tmp_path / "folder", tiny_cifar)
    monkeypatch.setenv("ROBUSTCORE_DATA", str(tmp_path / "folder"))
    from_xz, route = images.load_cifar10(CIFAR10)
    assert route == "folder"
    for one, other in zip(from_tar, from_xz, strict=True):
        np.testing.assert_array_equal(one, other)
    assert from_tar[0].shape == (20, 3, 32, 32)
    first = np.frombuffer(tiny_cifar["data_batch_1.bin"], np.uint8)
    assert from_tar[1][0] == first[0]
    assert from_tar[0][0, 1, 0, 0] == first[1 + 1024]  # the green plane follows the red one
    assert from_tar[0][0, 0, 1, 0] == first[1 + 32]  # row by row


def test_an_archive_with_a_wrong_batch_is_refused(tiny_cifar, site):
    changed = dict(tiny_cifar, **{"data_batch_3.bin": b"\0" * 4 * 3073})
    with pytest.raises(CorruptDataError, match=r"data_batch_3\.bin must have the sha1"):
        images.load_cifar10(tar_set(site, changed))


def test_an_archive_that_lacks_a_batch_is_refused(tiny_cifar, site):
    del tiny_cifar["test_batch.bin"]
    with pytest.raises(CorruptDataError, match=r"lacks \['test_batch.bin'\]"):
        images.load_cifar10(tar_set(site, tiny_cifar))


def test_the_stride_keeps_every_fifth_pixel():
    image = np.arange(32 * 32).reshape(1, 32, 32)
    small = images.downsample_stride(image)
    assert small.shape == (1, 7, 7)
    assert small[0, 2, 6] == 10 * 32 + 30


def test_block_means_are_the_rounded_means_of_the_blocks():
    rng = np.random.default_rng(2)
    image = rng.integers(0, 256, (3, 32, 32), np.uint8)
    small = images.downsample_block(image)
    edges = [0, 5, 9, 14, 18, 23, 27, 32]
    for c, i, j in np.ndindex(3, 7, 7):
        block = image[c, edges[i] : edges[i + 1], edges[j] : edges[j + 1]]
        assert small[c, i, j] == int(block.mean() + 0.5)


def test_half_a_byte_rounds_up():
    image = np.zeros((4, 4), np.uint8)
    image[0, :2] = 1  # one block of four pixels with the mean 1/2
    assert images.downsample_block(image, side=2)[0, 0] == 1


def test_block_means_refuse_floats_and_small_images():
    with pytest.raises(InputError, match="uint8 images of at least 7"):
        images.downsample_block(np.zeros((32, 32)))
    with pytest.raises(InputError, match="uint8 images of at least 7"):
        images.downsample_block(np.zeros((5, 5), np.uint8))
