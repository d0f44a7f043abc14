"""The file of a report: for its owner only, written whole or not at all, and never in place of anything else."""

import os
import stat
from pathlib import Path

from packcloud_async._io.whole_file import write_whole
from packcloud_async.reporting.page import BEGINNING


def objection(path: Path) -> str | None:
    """Say why no report can be written there, None if one can.

    What is there already must be a report, or empty. A link is not followed: who put it there would choose what is
    replaced.
    """
    folder = path.parent
    try:
        if not folder.is_dir():
            return f"{path} cannot be written: there is no folder {folder}"
        if not os.access(folder, os.W_OK | os.X_OK):
            return f"{path} cannot be written: the folder {folder} cannot be written"
        return _objection_to(path)
    except (OSError, ValueError) as error:
        told = error.strerror if isinstance(error, OSError) else error
        return f"{path} cannot be written: {told or error}"


def write(path: Path, page: bytes) -> None:
    """Put a report there, in place of an earlier one; raises OSError, and leaves what is there, when that cannot be."""
    # Hours may have passed since it was asked for.
    if (told := objection(path)) is not None:
        raise OSError(told)
    write_whole(path, page)


def _objection_to(path: Path) -> str | None:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(status.st_mode):
        return f"{path} is a folder: give the name of a file in it"
    if stat.S_ISLNK(status.st_mode):
        return f"{path} is a link, which is not followed: name the file itself"
    if not stat.S_ISREG(status.st_mode):
        return f"{path} is no regular file: choose another name"
    if status.st_size and _beginning_of(path) != BEGINNING:
        return f"{path} is there already and is no report: choose another name, or move it away"
    return None


def _beginning_of(path: Path) -> bytes:
    # Nothing that was put there since it was looked at is followed or waited for.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    with os.fdopen(os.open(path, flags), "rb") as file:
        return file.read(len(BEGINNING))
