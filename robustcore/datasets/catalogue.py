"""The canonical files: names, addresses, checksums, licences. Data, not code."""

from __future__ import annotations

import csv
import functools
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True)
class RemoteFile:
    """A file as its authors publish it.

    Source: own

    Parameters
    ----------
    path : str
        Where it lies below the data folder and below the cache.
    url : str
        Canonical address.
    checksum : str
        "sha256:HEX" where one is known, else the published "md5:HEX".
    archive : str, optional
        Second address: a zip archive that holds the file.
    size : int
        Bytes, or the most that are taken from a server where the size is not known.
    """

    path: str
    url: str
    checksum: str
    archive: str = ""
    size: int = 64_000_000  # the largest file of UCI has 8 million


@dataclass(frozen=True)
class ImageSet:
    """A vision data set: its files, classes and terms of use.

    Source: own
    """

    name: str
    files: tuple[RemoteFile, ...]
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    citation: str
    licence: str


_IDX = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")


def _idx_files(
    folder: str, address: str, checksums: tuple[str, ...], sizes: tuple[int, ...]
) -> tuple[RemoteFile, ...]:
    return tuple(
        RemoteFile(
            f"{folder}/{stem}-ubyte.gz",
            f"{address}/{stem}-ubyte.gz",
            f"sha256:{digest}",
            size=size,
        )
        for stem, digest, size in zip(_IDX, checksums, sizes, strict=True)
    )


MNIST = ImageSet(
    name="mnist",
    files=_idx_files(
        "mnist",
        "https://ossci-datasets.s3.amazonaws.com/mnist",
        (
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
        (9912422, 28881, 1648877, 4542),
    ),
    image_shape=(1, 28, 28),
    class_names=tuple("0123456789"),
    citation="Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits; "
    "L. Deng, IEEE Signal Processing Magazine 29(6), 2012",
    licence="copyright Y. LeCun and C. Cortes; commonly stated as CC BY-SA 3.0",
)

FASHION_MNIST = ImageSet(
    name="fashion-mnist",
    files=_idx_files(
        "fashion-mnist",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        (
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
        (26421880, 29515, 4422102, 5148),
    ),
    image_shape=(1, 28, 28),
    class_names=(
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
        "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ),
    citation="H. Xiao, K. Rasul, R. Vollgraf, Fashion-MNIST: a Novel Image Dataset for "
    "Benchmarking Machine Learning Algorithms, arXiv:1708.07747",
    licence="MIT, copyright 2017 Zalando SE",
)  # fmt: skip

CIFAR10 = ImageSet(
    name="cifar10",
    files=(
        RemoteFile(
            "cifar10/cifar-10-binary.tar.gz",
            "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
            "md5:c32a1d4ab5d03f1284b67883e8d87530",  # the only checksum that is published
            size=200_000_000,  # 162 MB, says its page
        ),
    ),
    image_shape=(3, 32, 32),
    class_names=(
        "airplane", "automobile", "bird", "cat", "deer",
        "dog", "frog", "horse", "ship", "truck",
    ),
    citation="A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, "
    "technical report, University of Toronto, 2009",
    licence="none stated by the authors, who ask that the technical report be cited",
)  # fmt: skip

IMAGE_SETS = {s.name: s for s in (MNIST, FASHION_MNIST, CIFAR10)}

CIFAR10_BATCHES = {
    "data_batch_1.bin": "sha1:aadd24acce27caa71bf4b10992e9e7b2d74c2540",
    "data_batch_2.bin": "sha1:c0ba65cce70568cd57b4e03e9ac8d2a5367c1795",
    "data_batch_3.bin": "sha1:1dd00a74ab1d17a6e7d73e185b69dbf31242f295",
    "data_batch_4.bin": "sha1:aab85764eb3584312d3c7f65fd2fd016e36a258e",
    "data_batch_5.bin": "sha1:26e2849e66a845b7f1e4614ae70f4889ae604628",
    "test_batch.bin": "sha1:67eb016db431130d61cd03c7ad570b013799c88c",
}
"""The six binary batches, with the SHA-1 published for the unpacked bytes."""


@dataclass(frozen=True)
class UciEntry:
    """One line of uci_index.csv: a table of the UCI repository as paper B uses it.

    Source: own
    """

    name: str
    file: str
    rows: int
    features: int
    class_labels: tuple[str, ...]
    paper_codes: tuple[int, ...]
    split_exact: str
    doi: str
    page: str
    source: RemoteFile
    csv_sha256: str
    note: str

    @property
    def citation(self) -> str:
        """How to cite the set."""
        return (
            f"{self.name}, UCI Machine Learning Repository, D. Dua and C. Graff, "
            f"University of California, Irvine, doi:{self.doi}, {self.page}"
        )


UCI_LICENCE = "CC BY 4.0 (the UCI repository's general terms; the set's own page decides)"


def _uci_entry(row: dict[str, str]) -> UciEntry:
    codes = row["paper_class_codes"].split("|")
    source = RemoteFile(
        f"uci/{row['source_file']}",
        row["source_url"],
        f"sha256:{row['source_sha256']}",
        row["uci_zip"],
    )
    return UciEntry(
        name=row["name"],
        file=row["file"],
        rows=int(row["rows"]),
        features=int(row["features"]),
        class_labels=tuple(row["class_labels"].split("|")),
        paper_codes=() if "-" in codes else tuple(map(int, codes)),
        split_exact=row["split_exact"],
        doi=row["doi"],
        page=row["uci_page"],
        source=source,
        csv_sha256=row["csv_sha256"],
        note=row["note"],
    )


@functools.cache
def uci_sets() -> dict[str, UciEntry]:
    """The 46 UCI sets of paper B, by name, in the paper's order.

    Source: [B] Section 6.1
    """
    text = resources.files(__package__).joinpath("uci_index.csv").read_text("utf-8")
    entries = map(_uci_entry, csv.DictReader(text.splitlines()))
    return {e.name: e for e in entries}
