"""The routes to a file, and what happens to one that is not what it should be."""

import hashlib
import os
import stat

import pytest

from robustcore.datasets import files
from robustcore.datasets.catalogue import RemoteFile
from robustcore.errors import CorruptDataError, DataError

BODY = b"the published bytes"
SHA = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def folder(tmp_path, monkeypatch, cache):
    place = tmp_path / "folder"
    (place / "set").mkdir(parents=True)
    monkeypatch.setenv("ROBUSTCORE_DATA", str(place))
    return place


def remote(url="http://127.0.0.1:9/data.bin"):
    return RemoteFile("set/data.bin", url, f"sha256:{SHA}")


def test_the_folder_comes_first(folder, cache):
    for place in (folder, cache):
        (place / "set").mkdir(parents=True, exist_ok=True)
        (place / "set" / "data.bin").write_bytes(BODY)
    assert files.fetch(remote(), "toy") == (folder / "set" / "data.bin", "folder")
    (folder / "set" / "data.bin").unlink()
    assert files.fetch(remote(), "toy") == (cache / "set" / "data.bin", "cache")


def test_the_network_fills_the_cache_once(site, cache):
    site.files["data.bin"] = BODY
    file = remote(site.url("data.bin"))
    assert files.fetch(file, "toy") == (cache / "set" / "data.bin", "download")
    assert files.fetch(file, "toy") == (cache / "set" / "data.bin", "cache")
    assert len(site.ranges) == 1


def test_a_missing_set_says_all_that_is_needed(cache):
    with pytest.raises(DataError) as caught:
        files.fetch(remote(), "toy")
    message = str(caught.value)
    for part in ("toy needs set/data.bin", "http://127.0.0.1:9/data.bin", f"sha256 {SHA}"):
        assert part in message
    assert "Either connect" in message
    assert "ROBUSTCORE_DATA=FOLDER" in message
    assert not isinstance(caught.value, CorruptDataError)


def test_a_corrupt_file_is_refused_named_and_kept_aside(folder):
    path = folder / "set" / "data.bin"
    path.write_bytes(b"other bytes")
    got = hashlib.sha256(b"other bytes").hexdigest()
    with pytest.raises(CorruptDataError, match=rf"data\.bin must have the sha256 {SHA}, got {got}"):
        files.fetch(remote(), "toy")
    assert not path.exists()
    assert (folder / "set" / f"data.bin.corrupt-{got[:8]}").read_bytes() == b"other bytes"


def test_a_corrupt_file_is_not_silently_replaced(site, cache):
    site.files["data.bin"] = BODY
    (cache / "set").mkdir(parents=True)
    (cache / "set" / "data.bin").write_bytes(b"other bytes")
    file = remote(site.url("data.bin"))
    with pytest.raises(CorruptDataError):
        files.fetch(file, "toy")
    assert site.ranges == []  # nothing was downloaded behind the user's back
    assert files.fetch(file, "toy")[1] == "download"
    assert len(list((cache / "set").glob("data.bin.corrupt-*"))) == 1


def test_in_a_read_only_folder_a_corrupt_file_is_only_refused(folder, monkeypatch):
    path = folder / "set" / "data.bin"
    path.write_bytes(b"other bytes")
    if os.geteuid() == 0:  # root may write anywhere: refuse the rename as the system would
        monkeypatch.setattr(type(path), "replace", _refuse)
    else:
        (folder / "set").chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with pytest.raises(CorruptDataError, match="read-only, so it stays"):
            files.fetch(remote(), "toy")
    finally:
        (folder / "set").chmod(stat.S_IRWXU)
    assert path.read_bytes() == b"other bytes"


def _refuse(self, target):
    raise PermissionError(13, "Permission denied")


def test_a_cache_that_cannot_be_made_is_named(tmp_path, monkeypatch, cache, site):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("ROBUSTCORE_CACHE", str(tmp_path / "file"))
    site.files["data.bin"] = BODY
    with pytest.raises(DataError, match=r"toy needs set/data\.bin"):
        files.fetch(remote(site.url("data.bin")), "toy")


def test_the_variable_must_name_a_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("ROBUSTCORE_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="ROBUSTCORE_DATA must name a folder"):
        files.data_folder()
    monkeypatch.setenv("ROBUSTCORE_DATA", "")
    assert files.data_folder() is None


def test_the_default_cache_is_the_one_pooch_names(monkeypatch):
    pooch = pytest.importorskip("pooch")
    monkeypatch.delenv("ROBUSTCORE_CACHE", raising=False)
    assert str(files.cache_folder()) == str(pooch.os_cache("robustcore"))
