"""Where a canonical file is: the data folder, the cache, or the network; and whether it is whole.

A file is used only after its checksum was compared. One that fails is never overwritten: it is kept
under a name that ends in .corrupt-XXXXXXXX, and the call that met it raises.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from ..errors import CorruptDataError, DataError
from .catalogue import RemoteFile
from .download import download

_CHUNK = 1 << 20


def data_folder() -> Path | None:
    """The user's own folder of data files, if there is one.

    ROBUSTCORE_DATA names it; set but empty, it means none. Unset, ../shared/data beside a checkout
    of the repository is used where it exists.

    Source: own

    Raises
    ------
    DataError
        If ROBUSTCORE_DATA names something that is not a folder.
    """
    named = os.environ.get("ROBUSTCORE_DATA")
    if named is not None:
        if named and not Path(named).is_dir():
            raise DataError(
                f"ROBUSTCORE_DATA must name a folder, got {named!r}; create or unset it."
            )
        return Path(named) if named else None
    checkout = Path(__file__).resolve().parents[2]
    beside = checkout.parent / "shared" / "data"
    return beside if (checkout / "pyproject.toml").exists() and beside.is_dir() else None


def cache_folder() -> Path:
    """Where downloads are kept: ROBUSTCORE_CACHE, else the user's cache as pooch names it.

    Source: own
    """
    named = os.environ.get("ROBUSTCORE_CACHE")
    if named:
        return Path(named)
    try:
        import pooch
    except ImportError:  # the place pooch would name on Linux; nothing can be downloaded anyway
        return Path.home() / ".cache" / "robustcore"
    return Path(pooch.os_cache("robustcore"))


def digest(path: Path, algorithm: str) -> str:
    """Checksum of a file, in hexadecimal.

    Source: own
    """
    hasher = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            hasher.update(chunk)
    return hasher.hexdigest()


def verify(path: Path, checksum: str) -> None:
    """Refuse a file whose bytes are not the published ones, and set it aside.

    Source: own

    Raises
    ------
    CorruptDataError
        Naming the file, both checksums, and where the file was put; in a folder that cannot be
        written it stays where it is.
    """
    algorithm, wanted = checksum.split(":")
    got = digest(path, algorithm)
    if got == wanted:
        return
    aside = set_aside(path, got)
    kept = f"it was kept as {aside.name}" if aside else "its folder is read-only, so it stays there"
    raise CorruptDataError(
        f"{path} must have the {algorithm} {wanted}, got {got}; {kept}. "
        "Put a good copy in its place, or load again to download one."
    )


def set_aside(path: Path, got: str) -> Path | None:
    """Rename a corrupt file to NAME.corrupt-XXXXXXXX; None where that is not allowed.

    Source: own
    """
    aside = path.with_name(f"{path.name}.corrupt-{got[:8]}")
    try:
        path.replace(aside)
    except OSError:
        return None
    return aside


def find(path: str, checksum: str) -> tuple[Path, str] | None:
    """A file that is already on this machine, checked: its place and "folder" or "cache".

    Source: own

    Raises
    ------
    CorruptDataError
        If a file of that name is there but its bytes are wrong.
    """
    for folder, route in ((data_folder(), "folder"), (cache_folder(), "cache")):
        if folder is not None and (folder / path).is_file():
            verify(folder / path, checksum)
            return folder / path, route
    return None


def fetch(file: RemoteFile, name: str) -> tuple[Path, str]:
    """The canonical file of a data set: from the folder, the cache, or the network.

    Source: own

    Parameters
    ----------
    file : RemoteFile
    name : str
        The data set, for the message.

    Returns
    -------
    (Path, str)
        Where it is, and the route: "folder", "cache" or "download".

    Raises
    ------
    DataError
        If it is nowhere and cannot be downloaded: names the set, the address, the checksum and the
        two ways to get it.
    CorruptDataError
        If what is there, or what came, is not the published file.
    """
    found = find(file.path, file.checksum)
    if found is not None:
        return found
    target = cache_folder() / file.path
    try:
        download(file, target)
    except CorruptDataError:
        raise
    except OSError as reason:
        raise DataError(
            f"{name} needs {file.path}, which is not on this machine, and downloading failed "
            f"({reason}). Either connect and load it again (address {file.url}, "
            f"{file.checksum.replace(':', ' ')}), or put the file at "
            f"FOLDER/{file.path} and set ROBUSTCORE_DATA=FOLDER."
        ) from reason
    return target, "download"
