"""Downloads: whole, resumed, refused; and never half a file under its own name."""

import contextlib
import errno
import hashlib
import io
import logging
import socket
import sys
import threading
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from robustcore.datasets.catalogue import RemoteFile
from robustcore.datasets.download import download
from robustcore.errors import CorruptDataError, DataError, MissingExtraError

BODY = np.random.default_rng(0).bytes(300_000)


@pytest.fixture(autouse=True)
def _quiet():
    logging.getLogger("pooch").setLevel(logging.ERROR)


def remote(site, body=BODY, archive=""):
    site.files["data.bin"] = body
    digest = hashlib.sha256(BODY).hexdigest()
    return RemoteFile("set/data.bin", site.url("data.bin"), f"sha256:{digest}", archive)


def names(folder):
    return sorted(p.name for p in folder.iterdir() if p.suffix != ".lock")


def test_a_whole_file_arrives_under_its_name(site, tmp_path):
    target = tmp_path / "new" / "data.bin"
    download(remote(site), target)
    assert target.read_bytes() == BODY
    assert names(target.parent) == ["data.bin"]


def test_a_cut_is_resumed_where_it_happened(site, tmp_path):
    site.cut_after = [100_000, 50_000]
    download(remote(site), tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == BODY
    assert site.ranges == ["", "bytes=100000-", "bytes=150000-"]


def test_what_arrived_is_kept_for_the_next_call(site, tmp_path):
    site.cut_after = [1000, 1000, 1000]
    file = remote(site)
    with pytest.raises(DataError, match=r"broke off 3 times.*3000 bytes are kept"):
        download(file, tmp_path / "data.bin")
    assert names(tmp_path) == ["data.bin.part"]
    assert (tmp_path / "data.bin.part").read_bytes() == BODY[:3000]
    download(file, tmp_path / "data.bin")
    assert site.ranges[-1] == "bytes=3000-"
    assert (tmp_path / "data.bin").read_bytes() == BODY
    assert names(tmp_path) == ["data.bin"]


def test_a_server_without_ranges_starts_again(site, tmp_path):
    site.cut_after, site.ignores_range = [100_000], True
    download(remote(site), tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == BODY


def test_a_whole_part_needs_no_network(site, tmp_path):
    file = remote(site)
    (tmp_path / "data.bin.part").write_bytes(BODY)
    download(file, tmp_path / "data.bin")
    assert site.ranges == []
    assert (tmp_path / "data.bin").read_bytes() == BODY


def test_a_part_longer_than_the_file_is_thrown_away(site, tmp_path):
    (tmp_path / "data.bin.part").write_bytes(BODY + b"more")
    download(remote(site), tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == BODY


def test_other_bytes_are_refused_named_and_kept_aside(site, tmp_path):
    wrong = BODY[:-1] + b"!"
    sha = hashlib.sha256(wrong).hexdigest()
    with pytest.raises(CorruptDataError, match=rf"data\.bin must have the sha256 .* has {sha}"):
        download(remote(site, wrong), tmp_path / "data.bin")
    assert names(tmp_path) == [f"data.bin.corrupt-{sha[:8]}"]
    assert (tmp_path / f"data.bin.corrupt-{sha[:8]}").read_bytes() == wrong


def test_a_part_of_another_file_is_caught_by_the_checksum(site, tmp_path):
    (tmp_path / "data.bin.part").write_bytes(b"\0" * 1000)
    with pytest.raises(CorruptDataError):
        download(remote(site), tmp_path / "data.bin")
    assert not (tmp_path / "data.bin").exists()
    download(remote(site), tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == BODY


def test_silence_ends_after_the_time_out(site, tmp_path, stopwatch):
    site.stall = 30.0
    with pytest.raises(DataError, match=r"no byte for 0\.1 s; \d+ bytes are kept"):
        download(remote(site), tmp_path / "data.bin", timeout=0.1)
    assert stopwatch() < 5
    assert names(tmp_path) == ["data.bin.part"]


def test_a_server_that_sends_more_than_the_file_is_stopped(site, tmp_path):
    file = replace(remote(site, BODY * 8), size=len(BODY))
    with pytest.raises(DataError, match=r"sends more than the 300000 bytes of the file"):
        download(file, tmp_path / "data.bin")
    assert names(tmp_path) == []


def test_a_server_that_never_ends_is_left_at_the_deadline(site, tmp_path, stopwatch):
    site.stall = 30.0
    with pytest.raises(DataError, match=r"is too slow; 150000 bytes are kept"):
        download(remote(site), tmp_path / "data.bin", deadline=0.5)
    assert stopwatch() < 5
    assert names(tmp_path) == ["data.bin.part"]
    site.stall = 0.0
    download(remote(site), tmp_path / "data.bin")
    assert site.ranges == ["", "bytes=150000-"]
    assert (tmp_path / "data.bin").read_bytes() == BODY


@pytest.mark.parametrize(
    "said",
    [b"", b"HTTP/1.0 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;"],
    ids=["no-answer", "in-its-headers", "in-the-head-of-a-chunk"],
)
def test_a_server_that_drips_is_left_at_the_deadline(said, tmp_path, stopwatch):
    """Each byte comes long before the time-out of one, and none is the last."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip():
            to, _ = server.accept()
            with to, contextlib.suppress(OSError):
                to.sendall(said)
                while not over.wait(0.05):
                    to.sendall(b"x")

        thread = threading.Thread(target=drip)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/data.bin"
        try:
            with pytest.raises(DataError, match="is too slow; 0 bytes are kept"):
                download(RemoteFile("a", url, "sha256:00"), tmp_path / "data.bin", deadline=0.5)
            assert stopwatch() < 5
        finally:
            over.set()
            thread.join()


def test_a_name_that_is_looked_up_for_long_is_left_at_the_deadline(
    site, tmp_path, stopwatch, monkeypatch
):
    over = threading.Event()
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: over.wait(30) and real(*a, **k))
    with pytest.raises(DataError, match="is too slow; 0 bytes are kept"):
        download(remote(site), tmp_path / "data.bin", deadline=0.5)
    assert stopwatch() < 5
    over.set()


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_an_archive_expands_to_no_more_than_the_file(site, tmp_path, method):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("data.bin", bytes(50_000_000))
    file = replace(remote(site, archive=site.url("all.zip")), size=len(BODY))
    site.files = {"all.zip": buffer.getvalue()}
    most = "more than the 300000 bytes" if method == zipfile.ZIP_DEFLATED else "must be stored or"
    with pytest.raises(DataError, match=rf"all\.zip .*{most}"):
        download(file, tmp_path / "data.bin")
    assert names(tmp_path) == []


def test_an_archive_that_is_broken_or_encrypted_is_one_sentence(site, tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.bin", BODY[:1000] * 9)
    whole = bytearray(buffer.getvalue())
    for place, value in ((6, 1), (60, 255)):  # the flag of an encrypted member, its first bytes
        broken = bytearray(whole)
        at = whole.index(b"PK\x01\x02")
        broken[place] ^= value
        broken[at + 8] ^= value if place == 6 else 0  # the flag stands in the directory too
        site.files = {"all.zip": bytes(broken)}
        file = RemoteFile("set/data.bin", site.url("gone"), "sha256:00", site.url("all.zip"))
        with pytest.raises(DataError, match="is not a zip archive"):
            download(file, tmp_path / "data.bin")


def test_nobody_answers(tmp_path, stopwatch):
    file = RemoteFile("set/data.bin", "http://127.0.0.1:9/data.bin", "sha256:00")
    with pytest.raises(DataError, match="cannot be reached"):
        download(file, tmp_path / "data.bin", timeout=1.0)
    assert stopwatch() < 5
    assert names(tmp_path) == []


def test_the_second_address_is_a_zip_archive(site, tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("folder/data.bin", BODY)
    file = remote(site, archive=site.url("all.zip"))
    site.files = {"all.zip": buffer.getvalue()}
    download(file, tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == BODY
    assert names(tmp_path) == ["data.bin"]


def test_a_page_in_place_of_the_file_leads_to_the_second_address(site, tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("data.bin", BODY)
    file = remote(site, b"<html>moved</html>", archive=site.url("all.zip"))
    site.files["all.zip"] = buffer.getvalue()
    download(file, tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == BODY


@pytest.mark.parametrize("content", [b"no zip", None], ids=["not-a-zip", "gone"])
def test_the_second_address_fails_too(site, tmp_path, content):
    file = remote(site, archive=site.url("all.zip"))
    site.files = {} if content is None else {"all.zip": content}
    with pytest.raises(DataError, match=r"all\.zip (answers HTTP 404|is not a zip)"):
        download(file, tmp_path / "data.bin")
    assert not (tmp_path / "data.bin").exists()


def test_gone_without_a_second_address(site, tmp_path):
    file = remote(site)
    site.files = {}
    with pytest.raises(DataError, match="HTTP 404"):
        download(file, tmp_path / "data.bin")


class FullDisk(io.FileIO):
    """A file on a disk with room for 5000 bytes."""

    def write(self, chunk):
        room = 5000 - self.tell()
        if room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(bytes(chunk)[:room])


def test_a_full_disk_is_named_and_loses_nothing(site, tmp_path, monkeypatch):
    path_type = type(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(path_type, "open", _open_full(path_type.open))
        with pytest.raises(DataError, match=r"No space left.*ROBUSTCORE_CACHE.*5000 bytes are"):
            download(remote(site), tmp_path / "data.bin")
    assert names(tmp_path) == ["data.bin.part"]
    download(remote(site), tmp_path / "data.bin")
    assert site.ranges == ["", "bytes=5000-"]
    assert (tmp_path / "data.bin").read_bytes() == BODY


def _open_full(real):
    def opened(self, mode="r", *args, **kwargs):
        if self.suffix == ".part" and mode in ("ab", "wb"):
            return FullDisk(str(self), mode)
        return real(self, mode, *args, **kwargs)

    return opened


def test_without_pooch_the_extra_is_named(site, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)  # importing it now raises ImportError
    with pytest.raises(MissingExtraError, match=r"needs pooch, .* pip install '\.\[data\]'"):
        download(remote(site), tmp_path / "data.bin")
