"""Downloads that resume where they were cut off, and never leave half a file under its own name.

pooch keeps the registry habits (a known hash, a temporary name, a rename at the end); the transfer
itself is ours, because pooch begins again from zero after a cut.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import CorruptDataError, DataError, missing_extra
from .catalogue import RemoteFile
from .waiting import LateError, Waiting

_CHUNK = 1 << 18
_TIMEOUT = 30.0  # seconds without a byte
_DEADLINE = 3600.0  # seconds for the whole file
_ATTEMPTS = 3  # connections for one file; each resumes the last
_COMPRESSED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError)  # the last if it is encrypted
_CUT = (TimeoutError, ConnectionError, http.client.HTTPException, urllib.error.URLError)


def download(
    file: RemoteFile, target: Path, timeout: float = _TIMEOUT, deadline: float = _DEADLINE
) -> None:
    """Bring the published file to `target`, checked and whole, or raise.

    Source: own

    Parameters
    ----------
    file : RemoteFile
    target : Path
        Appears only when the checksum is right. What had arrived before a cut stays in
        `target.part`, and the next call continues from there.
    timeout : float
        Seconds to wait for the next byte.
    deadline : float
        Seconds for the whole file, from the look-up of the server's name on; what arrived by then
        is kept.

    Raises
    ------
    DataError
        If the file cannot be had: no network, an HTTP error, repeated cuts, no room on the disk,
        a server that sends more than the file has, or for longer than the deadline.
    CorruptDataError
        If the whole file came but is not the published one; it is kept beside the target.
    MissingExtraError
        If pooch is not installed.
    """
    try:
        import pooch
    except ImportError as missing:
        raise missing_extra("downloading data needs pooch", "data") from missing
    target.parent.mkdir(parents=True, exist_ok=True)
    with _only_one_process(target):
        if target.is_file():  # another process brought it while this one waited
            return
        pooch.retrieve(
            url=file.url,
            known_hash=file.checksum,
            fname=target.name,
            path=target.parent,
            downloader=_Resuming(file, target, timeout, time.monotonic() + deadline),
        )


class _Resuming:
    """The `downloader` that pooch calls: (url, temporary file, pooch) -> None."""

    def __init__(self, file: RemoteFile, target: Path, timeout: float, until: float) -> None:
        self.file = file
        self.part = target.with_name(target.name + ".part")
        self.limits = _Limits(timeout, file.size, until)

    def __call__(self, url: str, output_file: Any, pooch: Any) -> None:
        if not self._is_whole():  # a call that died between the last byte and the rename
            try:
                _transfer(url, self.part, self.limits)
                self._check(url)
            except (_GoneError, CorruptDataError):
                if not self.file.archive:
                    raise
                self._from_archive()
                self._check(self.file.archive)
        self.part.replace(output_file)

    def _digest(self) -> str:
        with self.part.open("rb") as stream:
            return hashlib.file_digest(stream, self.file.checksum.split(":")[0]).hexdigest()

    def _is_whole(self) -> bool:
        return self.part.exists() and self.file.checksum.endswith(self._digest())

    def _from_archive(self) -> None:
        """The second address: take the file out of the zip archive that holds it."""
        zipped = self.part.with_name(self.part.name.removesuffix(".part") + ".zip.part")
        _transfer(self.file.archive, zipped, self.limits)
        wanted = Path(self.file.path).name
        try:
            with zipfile.ZipFile(zipped) as archive:
                members = [m for m in archive.namelist() if Path(m).name == wanted]
                if not members:
                    raise DataError(f"{self.file.archive} holds no {wanted}")
                self._unpack(archive, members[0])
        except _BROKEN as bad:
            raise DataError(f"{self.file.archive} is not a zip archive") from bad
        finally:
            zipped.unlink(missing_ok=True)

    def _unpack(self, archive: zipfile.ZipFile, member: str) -> None:
        """Write what a member expands to, up to the size of the file."""
        if archive.getinfo(member).compress_type not in _COMPRESSED:  # others give all at once
            raise DataError(f"{self.file.archive} must be stored or deflated, it is neither")
        with archive.open(member) as inside, self.part.open("wb", buffering=0) as stream:
            while chunk := inside.read(_CHUNK):
                _write(stream, chunk, self.part)
                self.limits.check(self.file.archive, self.part)

    def _check(self, url: str) -> None:
        algorithm, wanted = self.file.checksum.split(":")
        got = self._digest()
        if got != wanted:
            aside = self.part.with_name(f"{Path(self.file.path).name}.corrupt-{got[:8]}")
            self.part.replace(aside)
            raise CorruptDataError(
                f"{url} must have the {algorithm} {wanted}, but what came has {got}; "
                f"it was kept as {aside}. Load again to download once more."
            )


class _GoneError(DataError):
    """The server answers, but has no such file."""


@dataclass(frozen=True)
class _Limits:
    """What one transfer may take: seconds for a byte, bytes in all, and until when."""

    timeout: float
    size: int
    until: float

    def check(self, url: str, part: Path) -> None:
        if _size(part) > self.size:
            part.unlink()
            raise DataError(f"{url} sends more than the {self.size} bytes of the file")
        if time.monotonic() > self.until:
            raise _too_slow(url, part)


def _transfer(url: str, part: Path, limits: _Limits) -> None:
    """Append to `part` until the server says that it is all."""
    reason = ""
    for _ in range(_ATTEMPTS):
        try:
            if _receive(url, part, limits):
                return
            reason = "the connection was cut"
        except urllib.error.HTTPError as answer:
            answer.close()
            reason = f"HTTP {answer.code} {answer.reason}"
            if answer.code in (403, 404, 410):
                raise _GoneError(f"{url} answers {reason}") from answer
            if answer.code != 416:
                raise DataError(f"{url} answers {reason}") from answer
            part.unlink(missing_ok=True)  # nothing follows what we have: it is of another file
        except LateError as late:
            raise _too_slow(url, part) from late
        except _CUT as cut:
            cause = getattr(cut, "reason", cut)  # urllib wraps what went wrong while connecting
            if isinstance(cut, urllib.error.URLError) and not isinstance(cause, TimeoutError):
                raise DataError(f"{url} cannot be reached: {cause}") from cut
            reason = (
                f"no byte for {limits.timeout:g} s" if isinstance(cause, TimeoutError) else str(cut)
            )
    raise DataError(
        f"{url} broke off {_ATTEMPTS} times, last: {reason}; {_size(part)} bytes are kept and the "
        "next call continues from there"
    )


def _receive(url: str, part: Path, limits: _Limits) -> bool:
    """One connection; True if the server sent all that it announced."""
    held = _size(part)
    request = urllib.request.Request(url, headers={"User-Agent": "robustcore"})
    if held:
        request.add_header("Range", f"bytes={held}-")
    with Waiting(limits.until) as waiting:
        answer = waiting.call(partial(urllib.request.urlopen, request, timeout=limits.timeout))
        resumed = answer.status == 206
        if resumed and not (answer.headers["Content-Range"] or "").startswith(f"bytes {held}-"):
            part.unlink()
            raise ConnectionError("the server answered with another range than was asked for")
        announced = answer.headers["Content-Length"]
        start = held if resumed else 0
        with part.open("ab" if resumed else "wb", buffering=0) as stream:
            # unbuffered: a full disk shows at its write; what was written before an error stays
            while chunk := waiting.call(answer.read1, _CHUNK):
                _write(stream, chunk, part)
                limits.check(url, part)
    return announced is None or _size(part) - start == int(announced)


def _write(stream: Any, chunk: bytes, part: Path) -> None:
    rest = memoryview(chunk)
    try:
        while rest:
            rest = rest[stream.write(rest) :]
    except OSError as full:
        raise DataError(
            f"writing {part} failed: {full.strerror}; free some space or set ROBUSTCORE_CACHE to "
            f"a folder that has it; {_size(part)} bytes are kept and the next call continues"
        ) from full


def _too_slow(url: str, part: Path) -> DataError:
    return DataError(f"{url} is too slow; {_size(part)} bytes are kept and the next call continues")


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


@contextlib.contextmanager
def _only_one_process(target: Path) -> Iterator[None]:
    """Let a second process wait for the first instead of writing to the same part file."""
    try:
        import fcntl
    except ImportError:  # no such lock on this system; the checksum still guards the result
        yield
        return
    with target.with_name(target.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
