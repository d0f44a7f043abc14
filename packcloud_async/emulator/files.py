"""Files of emulator data: read whole, and written whole or not at all, for their owner only."""

import os
from pathlib import Path

from packcloud_async._io.whole_file import write_whole
from packcloud_async.emulator.contents import Contents
from packcloud_async.emulator.documents import read_document, write_document
from packcloud_async.emulator.places import InvalidData
from packcloud_async.emulator.reading import contents_of
from packcloud_async.emulator.saving import document_of


def read(path: Path) -> Contents:
    """Read a file; raise :class:`InvalidData` when it cannot be opened, or what it says cannot be understood."""
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        told = error.strerror if isinstance(error, OSError) else error
        raise InvalidData(f"cannot be read: {told or error}", source=str(path), place="") from None
    return contents_of(read_document(content, name=str(path)))


def write(path: Path, contents: Contents) -> None:
    """Put a file in the place of what is there; raise OSError, and leave that as it is, when it cannot be done."""
    # A link stays one: what it leads to is what its owner keeps. Settings are in it.
    write_whole(Path(os.path.realpath(path)), write_document(document_of(contents)))
