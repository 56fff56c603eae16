"""The 46 tables of paper B: readers, splits, and the published matrices with their faults."""

import gzip
import hashlib

import numpy as np
import pytest

from robustcore.datasets import load
from robustcore.datasets.catalogue import RemoteFile, uci_sets
from robustcore.datasets.samples import sample_file
from robustcore.datasets.uci import _from_folder, _from_package, load_table
from robustcore.datasets.uci_published import (
    _all_imputed,
    published_rows,
)
from robustcore.datasets.uci_sources import FORMATS, check_table, parse, read_row, read_table
from robustcore.errors import CorruptDataError, InputError

ENTRIES = uci_sets()
PACKAGED = [n for n in ENTRIES if sample_file(f"uci-{n}.csv.xz").is_file()]

# lines as the UCI archive has them, and the row that must come of each
SOURCE_LINES = {
    "balance-scale": ("B,1,1,1,1", "1,1,1,1,0"),
    "blood-transfusion-service-center": ("2 ,50,12500,98 ,1", "2,50,12500,98,1"),
    "breast-cancer-wisconsin-original": ("1000025,5,1,1,1,2,1,3,1,1,2", "5,1,1,1,2,1,3,1,1,0"),
    "breast-cancer-wisconsin-prognostic": (
        "119513,N,31,18.02,27.6,117.5,1013,0.09489,0.1036,0.1086,0.07055,0.1865,0.06333,0.6249,"
        "1.89,3.972,71.55,0.004433,0.01421,0.03233,0.009854,0.01694,0.003495,21.63,37.08,139.7,"
        "1436,0.1195,0.1926,0.314,0.117,0.2677,0.08113,5,5",
        "18.02,27.6,117.5,1013,0.09489,0.1036,0.1086,0.07055,0.1865,0.06333,0.6249,"
        "1.89,3.972,71.55,0.004433,0.01421,0.03233,0.009854,0.01694,0.003495,21.63,37.08,139.7,"
        "1436,0.1195,0.1926,0.314,0.117,0.2677,0.08113,5,5,0",
    ),
    "connectionist-bench": (
        "0 0 0 -3.639 0.418 -0.670 1.779 -0.168 1.627 -0.388 0.529 -0.874 -0.814  0",
        "-3.639,0.418,-0.670,1.779,-0.168,1.627,-0.388,0.529,-0.874,-0.814,0",
    ),
    "echocardiogram": ("11,0,71,0,0.260,9,4.600,14,1,1,name,1,0", "71,0,0.260,9,4.600,14,1,0"),
    "ecoli": (
        "AAT_ECOLI   0.49  0.29  0.48  0.50  0.56  0.24  0.35   cp",
        "0.49,0.29,0.48,0.50,0.56,0.24,0.35,0",
    ),
    "glass-identification": (
        "1,1.52101,13.64,4.49,1.10,71.78,0.06,8.75,0.00,0.00,1",
        "1.52101,13.64,4.49,1.10,71.78,0.06,8.75,0.00,0.00,0",
    ),
    "haberman-survival": ("30,64,1,1", "30,64,1,0"),
    "hayes-roth": ("92,2,1,1,2,1", "2,1,1,2,0"),
    "hepatitis": (
        "2,30,2,1,2,2,2,2,1,2,2,2,2,2,1.00,85,18,4.0,?,1",
        "30,2,1,2,2,2,2,1,2,2,2,2,2,1.00,85,18,4.0,,1,1",
    ),
    "iris": ("5.1,3.5,1.4,0.2,Iris-setosa", "5.1,3.5,1.4,0.2,0"),
    "letter-recognition": (
        "T,2,8,3,5,1,8,13,0,6,6,10,8,0,8,0,8",
        "2,8,3,5,1,8,13,0,6,6,10,8,0,8,0,8,19",
    ),
    "parkinsons": (
        "phon_R01_S01_1,119.99200,157.30200,74.99700,0.00784,0.00007,0.00370,0.00554,0.01109,"
        "0.04374,0.42600,0.02182,0.03130,0.02971,0.06545,0.02211,21.03300,1,0.414783,0.815285,"
        "-4.813031,0.266482,2.301442,0.284654",
        "119.99200,157.30200,74.99700,0.00784,0.00007,0.00370,0.00554,0.01109,0.04374,0.42600,"
        "0.02182,0.03130,0.02971,0.06545,0.02211,21.03300,0.414783,0.815285,-4.813031,0.266482,"
        "2.301442,0.284654,1",
    ),
    "pen-based-recognition-handwritten-digits": (
        " 47,100, 27, 81, 57, 37, 26,  0,  0, 23, 56, 53,100, 90, 40, 98, 8",
        "47,100,27,81,57,37,26,0,0,23,56,53,100,90,40,98,8",
    ),
    "seeds": (
        "15.26\t14.84\t0.871\t5.763\t3.312\t2.221\t5.22\t1",
        "15.26,14.84,0.871,5.763,3.312,2.221,5.22,0",
    ),
    "thyroid-disease-new-thyroid": ("1,107,10.1,2.2,0.9,2.7", "107,10.1,2.2,0.9,2.7,0"),
    "wine": (
        "1,14.23,1.71,2.43,15.6,127,2.8,3.06,.28,2.29,5.64,1.04,3.92,1065",
        "14.23,1.71,2.43,15.6,127,2.8,3.06,.28,2.29,5.64,1.04,3.92,1065,0",
    ),
    "yeast": (
        "ADT1_YEAST  0.58  0.61  0.47  0.13  0.50  0.00  0.48  0.22  MIT",
        "0.58,0.61,0.47,0.13,0.50,0.00,0.48,0.22,6",
    ),
}  # fmt: skip


def as_source(table, entry):
    """Write a canonical CSV as its source would: the inverse of the reader, for the round trip."""
    how = FORMATS[entry.name]
    width = how.n_fields(entry.features)
    target = how.target % width
    lines = ["a header line that is no row"]
    for row in table.decode().splitlines()[1:]:
        *features, code = row.split(",")
        left = iter(f or "?" for f in features)
        fields = []
        for column in range(width):
            if column == target:
                fields.append(entry.class_labels[int(code)])
            else:
                fields.append("id" if column in how.dropped else next(left))
        lines.append((how.delimiter or " \t").join(fields))
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def test_the_index_is_the_recorded_one():
    from robustcore.datasets import catalogue

    text = (sample_file(".").joinpath("..", "uci_index.csv")).read_bytes()
    assert hashlib.sha256(text).hexdigest() == (
        "a64452d84e062191afcdba83788e5c64bd13b7f1519e21dd526757c151aa937f"
    )
    assert len(catalogue.uci_sets()) == 46
    assert set(FORMATS) == set(ENTRIES)


@pytest.mark.parametrize("name", SOURCE_LINES)
def test_a_line_of_the_source_gives_its_row(name):
    line, row = SOURCE_LINES[name]
    assert read_row(line, ENTRIES[name]) == row
    table = _table(name)
    assert row in table.decode().splitlines()[1:3]


def _table(name):
    """The canonical CSV, from this machine only."""
    found = _from_folder(ENTRIES[name]) or _from_package(ENTRIES[name])
    if found is None:
        pytest.skip(f"uci/{name} is not on this machine (set ROBUSTCORE_DATA)")
    return found[0]


@pytest.mark.parametrize("name", ENTRIES)
def test_the_reader_inverts_the_writing_of_the_source(name):
    table = _table(name)
    assert parse(as_source(table, ENTRIES[name]), ENTRIES[name]) == table


def test_the_stray_comma_of_echocardiogram_is_taken_off():
    line = ",?,?,77,?,?,?,?,?,2,?,name,2,?"
    assert read_row(line, ENTRIES["echocardiogram"]) == "77,,,,,,2,2"
    assert b"\n77,,,,,,2,2\n" in _table("echocardiogram")


def test_a_wrong_reader_is_refused(monkeypatch):
    entry = ENTRIES["hayes-roth"]
    source = as_source(_table("hayes-roth"), entry)
    monkeypatch.setitem(FORMATS, "hayes-roth", type(FORMATS["iris"])(dropped=(1,)))
    with pytest.raises(CorruptDataError, match=r"uci/hayes-roth must have 132 rows.*report it"):
        parse(source, entry)


def test_a_line_that_is_no_row_is_refused():
    entry = ENTRIES["hayes-roth"]
    source = as_source(_table("hayes-roth"), entry) + b"1,2,3\n"
    with pytest.raises(CorruptDataError, match=r"line 135 of uci/hayes-roth\.data must have 6"):
        parse(source, entry)


def test_one_changed_cell_is_refused():
    table = _table("iris").replace(b"5.1,3.5", b"5.1,3.6", 1)
    with pytest.raises(CorruptDataError, match="uci/iris"):
        check_table(table, ENTRIES["iris"])


@pytest.fixture
def iris_online(site, cache, monkeypatch):
    """uci/iris is nowhere but on the test's server."""
    entry = ENTRIES["iris"]
    table = _table("iris")
    source = as_source(table, entry)
    site.files["iris.data"] = source
    remote = RemoteFile(
        entry.source.path, site.url("iris.data"), f"sha256:{hashlib.sha256(source).hexdigest()}"
    )
    changed = type(entry)(**{**vars(entry), "source": remote})
    monkeypatch.setattr("robustcore.datasets.uci.uci_sets", lambda: {"iris": changed})
    monkeypatch.setattr("robustcore.datasets.uci._from_package", lambda entry: None)
    return table


def test_a_table_is_read_from_the_downloaded_source(iris_online, site):
    data = load("uci/iris", split="none")
    assert data.source == "download"
    assert load("uci/iris", split="none").source == "cache"
    assert len(site.ranges) == 1
    x, y = read_table(iris_online)
    np.testing.assert_array_equal(data.train.x, x)
    np.testing.assert_array_equal(data.train.y, y)


@pytest.mark.parametrize("packed", [False, True])
def test_a_corrupt_table_in_the_folder_is_refused_and_kept(tmp_path, monkeypatch, cache, packed):
    name = "hill-valley" if packed else "iris"
    folder = tmp_path / "folder" / "uci"
    folder.mkdir(parents=True)
    raw = gzip.compress(b"x1,target\n1,0\n") if packed else b"x1,target\n1,0\n"
    (folder / ENTRIES[name].file).write_bytes(raw)
    monkeypatch.setenv("ROBUSTCORE_DATA", str(folder.parent))
    with pytest.raises(CorruptDataError, match=rf"{name}\.csv.* is corrupt .*it was kept as"):
        load(f"uci/{name}", split="none")
    kept = f"{ENTRIES[name].file}.corrupt-{hashlib.sha256(raw).hexdigest()[:8]}"
    assert [p.name for p in folder.iterdir()] == [kept]


@pytest.mark.parametrize("name", PACKAGED)
def test_tables_have_the_recorded_sizes(name):
    entry, x, y, _ = load_table(name)
    assert x.shape == (entry.rows, entry.features)
    assert set(y) == set(range(len(entry.class_labels)))
    assert np.isfinite(x).all() == (b",," not in _table(name))


# -- splits ------------------------------------------------------------------------------------


def test_a_random_split_is_stratified_disjoint_and_seeded():
    def draw(seed):
        return load("uci/yeast", rng=np.random.default_rng(seed))

    one, same, other = draw(1), draw(1), draw(2)
    np.testing.assert_array_equal(one.train.x, same.train.x)
    assert not np.array_equal(one.train.x, other.train.x)
    _, x, y, _ = load_table("yeast")
    together = np.concatenate([p.x for p in one.parts])
    np.testing.assert_array_equal(np.sort(together, axis=0), np.sort(x, axis=0))
    for part, share in zip(one.parts, (0.6, 0.2, 0.2), strict=True):
        counts = np.bincount(part.y, minlength=10)
        assert np.abs(counts - share * np.bincount(y)).max() <= 1


def test_a_random_split_needs_a_generator():
    with pytest.raises(InputError, match=r"needs rng=np\.random\.default_rng"):
        load("uci/iris")


def test_no_split_keeps_the_source_order():
    data = load("uci/iris", split="none")
    np.testing.assert_array_equal(data.train.x, load_table("iris")[1])
    assert (len(data.validation), len(data.test)) == (0, 0)


@pytest.mark.parametrize("name", ENTRIES)
def test_the_published_split_is_a_partition(name):
    entry = ENTRIES[name]
    rows = np.concatenate(published_rows(entry))
    np.testing.assert_array_equal(np.sort(rows), np.arange(entry.rows))


def test_the_published_split_is_what_load_returns():
    data = load("uci/planning-relax", split="published")
    _, x, y, _ = load_table("planning-relax")
    for part, rows in zip(data.parts, published_rows(ENTRIES["planning-relax"]), strict=True):
        np.testing.assert_array_equal(part.x, x[rows])
        np.testing.assert_array_equal(part.y, y[rows])


def test_the_shipped_splits_and_cells_are_the_recorded_ones(full_data):
    with np.load(full_data / "uci" / "paper_splits.npz") as splits:
        for entry in ENTRIES.values():
            for part, rows in zip(("train", "val", "test"), published_rows(entry), strict=True):
                np.testing.assert_array_equal(rows, splits[f"{entry.name}__{part}"])
    assert sum(len(v) for _, _, v in _all_imputed().values()) == 30_523


# -- as published ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PACKAGED)
def test_the_published_matrix_leaks_the_label(name):
    data = load(f"uci/{name}", as_published=True)
    assert data.feature_names[-1] == "label"
    for part in data.parts:
        values = {k: np.unique(part.x[part.y == k, -1]) for k in np.unique(part.y)}
        assert all(len(v) == 1 for v in values.values())  # one value for each class
        assert len({float(v[0]) for v in values.values()}) == len(values)


@pytest.mark.parametrize("name", PACKAGED)
def test_the_published_matrix_is_standardised_by_train_and_validation(name):
    data = load(f"uci/{name}", as_published=True)
    fitted = np.concatenate([data.train.x, data.validation.x])
    spread = fitted.std(axis=0, ddof=1)
    np.testing.assert_allclose(fitted.mean(axis=0), 0, atol=1e-10)
    np.testing.assert_allclose(spread[spread > 0], 1, rtol=1e-10)


def test_the_clean_matrix_is_the_published_one_without_its_last_column():
    leaked = load("uci/iris", as_published=True)
    clean = load("uci/iris", split="published").standardised()
    for one, other in zip(leaked.without_feature(-1).parts, clean.parts, strict=True):
        np.testing.assert_allclose(one.x, other.x, rtol=1e-10, atol=1e-12)


def test_cnae_has_the_published_infinite_cells():
    data = load("uci/cnae-9", as_published=True)
    infinite = np.isinf(data.test.x)
    assert (infinite.sum(), infinite.any(axis=1).sum()) == (77, 49)
    assert not any(np.isinf(p.x).any() for p in (data.train, data.validation))


def test_parkinsons_was_published_without_its_last_feature():
    assert load("uci/parkinsons", as_published=True).feature_names[-2:] == ("x21", "label")
    assert load("uci/parkinsons", split="published").n_features == 22


def test_arrhythmia_was_published_with_a_feature_as_its_class(full_data):
    data = load("uci/arrhythmia", as_published=True)
    assert (data.n_classes, data.n_features) == (31, 280)
    np.testing.assert_array_equal(data.train.x[:, -1], data.train.x[:, 199])  # leaked twice
    assert load("uci/arrhythmia", split="published").n_classes == 13


def test_missing_cells_are_filled_only_as_published():
    assert np.isnan(load("uci/hepatitis", split="published").train.x).any()
    assert np.isfinite(load("uci/hepatitis", as_published=True).train.x).all()
