"""The samples are what they say: the same bytes as the full sets, small, with licences."""

import io
import lzma
import re
import shutil

import numpy as np
import pytest

from robustcore.datasets import catalogue, images, load, make_samples, samples
from robustcore.datasets.samples import SAMPLE_CLASSES, read_sample, sample_file
from robustcore.datasets.uci import canonical_table
from robustcore.datasets.uci_sources import check_table
from robustcore.errors import CorruptDataError, DataError, InputError

KEYS = ("train_x", "train_y", "test_x", "test_y")


def sizes():
    return {p.name: len(p.read_bytes()) for p in make_samples.FOLDER.iterdir() if p.is_file()}


def test_the_samples_are_small():
    found = sizes()
    assert max(found.values()) < 3_000_000
    assert sum(found.values()) < 5_000_000


def test_every_sample_is_described():
    text = (make_samples.FOLDER / "README.md").read_text()
    for name in sizes():
        assert re.sub(r"^uci-.*\.csv", "uci-NAME.csv", name) in text or name == "README.md"


@pytest.mark.parametrize(
    ("name", "shape", "rows"),
    [
        ("mnist", (1, 28, 28), (3000, 1000)),
        ("fashion-mnist", (1, 28, 28), (3000, 1000)),
        ("cifar10_7x7_stride", (3, 7, 7), (4000, 4000)),
        ("cifar10_7x7_block", (3, 7, 7), (4000, 4000)),
    ],
)
def test_a_sample_has_images_labels_source_and_licence(name, shape, rows):
    found = read_sample(name)
    assert found["train_x"].shape == (rows[0], *shape)
    assert found["test_x"].shape == (rows[1], *shape)
    assert found["train_x"].dtype == np.uint8
    assert (len(found["train_y"]), len(found["test_y"])) == rows
    assert "http" in str(found["source"])
    assert str(found["licence"])


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_idx_samples_are_the_first_rows(full_data, name):
    arrays, _ = images.load_idx_set(catalogue.IMAGE_SETS[name])
    found = read_sample(name)
    for key, full in zip(KEYS, arrays, strict=True):
        np.testing.assert_array_equal(found[key], full[: len(found[key])])


def test_cifar_samples_are_the_first_of_each_class_downsampled(full_data):
    full = load("cifar10", scale="byte")  # every published checksum is compared inside
    np.testing.assert_array_equal(np.bincount(full.train.y), np.full(10, 5000))
    np.testing.assert_array_equal(np.bincount(full.test.y), np.full(10, 1000))
    for way in ("stride", "block"):
        found = read_sample(f"cifar10_7x7_{way}")
        for part, prefix in ((full.train, "train"), (full.test, "test")):
            seen = dict.fromkeys(SAMPLE_CLASSES, 0)
            rows = []
            for row, label in enumerate(part.y):  # a naive twin of first_rows
                if seen.get(label, 1000) < 1000:
                    seen[label] += 1
                    rows.append(row)
            bytes_ = part.x[rows].reshape(-1, 3, 32, 32)
            np.testing.assert_array_equal(
                found[f"{prefix}_x"], images.DOWNSAMPLINGS[way](bytes_), err_msg=way
            )
            np.testing.assert_array_equal(found[f"{prefix}_y"], part.y[rows])


def test_uci_samples_are_the_recorded_tables():
    entries = catalogue.uci_sets()
    found = [n for n in sizes() if n.startswith("uci-")]
    assert len(found) >= 25
    for file in found:
        entry = entries[file.removeprefix("uci-").removesuffix(".csv.xz")]
        check_table(lzma.decompress(sample_file(file).read_bytes()), entry)


def test_small_tables_come_from_the_package_without_folder_or_network(cache):
    assert canonical_table(catalogue.uci_sets()["iris"])[1] == "package"
    assert not cache.exists()


@pytest.mark.parametrize("way", ["stride", "block"])
def test_the_sample_has_four_classes_under_their_cifar_numbers(way):
    data = load("cifar10-7x7", downsample=way)
    assert data.class_names == ("automobile", "horse", "bird", "ship")
    np.testing.assert_array_equal(np.bincount(data.train.y), np.full(4, 1000))
    pair = load("cifar10-7x7", classes=(8, 2), downsample=way, scale="byte")
    assert pair.class_names == ("ship", "bird")
    found = read_sample(f"cifar10_7x7_{way}")
    rows = np.isin(found["train_y"], (2, 8))
    np.testing.assert_array_equal(pair.train.x, found["train_x"][rows].reshape(-1, 147))
    np.testing.assert_array_equal(pair.train.signs, np.where(found["train_y"][rows] == 2, 1, -1))


def test_options_that_a_sample_lacks_are_refused():
    with pytest.raises(InputError, match="holds the classes"):
        load("cifar10-7x7", classes=(0, 1))
    with pytest.raises(InputError, match="'stride' or 'block'"):
        load("cifar10-7x7", downsample="bilinear")
    with pytest.raises(InputError, match="full size"):
        load("mnist-sample", downsample="stride")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package's samples that a test may damage."""
    folder = tmp_path / "samples"
    shutil.copytree(make_samples.FOLDER, folder)
    monkeypatch.setattr(samples, "sample_file", lambda name: folder / name)
    return folder


def test_every_sample_has_its_checksum(package, monkeypatch):
    listed = (package / "SHA256SUMS").read_text()
    monkeypatch.setattr(make_samples, "FOLDER", package)
    make_samples.write_checksums()
    assert (package / "SHA256SUMS").read_text() == listed
    assert len(listed.splitlines()) == sum(name.endswith(".xz") for name in sizes())


def test_a_valid_file_with_other_labels_is_refused(package):
    found = read_sample("cifar10_7x7_stride")
    buffer = io.BytesIO()
    np.savez(buffer, **(found | {"train_y": found["train_y"][::-1].astype(np.uint8)}))
    (package / "cifar10_7x7_stride.npz.xz").write_bytes(lzma.compress(buffer.getvalue()))
    with pytest.raises(CorruptDataError, match=r"stride\.npz\.xz must have the sha256 .* install"):
        load("cifar10-7x7")


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-9], lambda b: b"", lambda b: b[:99] + b"!" + b[100:]]
)
def test_a_damaged_sample_is_one_sentence(package, damage):
    file = package / "mnist.npz.xz"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(CorruptDataError, match="must have the sha256"):
        load("mnist-sample")


@pytest.mark.parametrize("name", ["mnist.npz.xz", "SHA256SUMS"])
def test_a_missing_sample_is_one_sentence(package, name):
    (package / name).unlink()
    with pytest.raises(DataError, match=r"lacks its sample mnist\.npz\.xz or the checksums"):
        load("mnist-sample")
