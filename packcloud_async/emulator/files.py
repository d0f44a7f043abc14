"""Files of emulator data: read whole, and written whole or not at all, for their owner only."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

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
    document = write_document(document_of(contents))
    # A link stays one: what it leads to is what its owner keeps.
    path = Path(os.path.realpath(path))
    # Made for its owner only from its first moment: settings are in it.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    made = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if os.name == "posix":
                # The umask may have taken what the owner needs.
                os.fchmod(descriptor, 0o600)
            file.write(document)
            file.flush()
            os.fsync(descriptor)
        made.replace(path)
    except BaseException:
        with suppress(OSError):
            made.unlink()
        raise
