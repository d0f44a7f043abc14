"""A file that is written whole or not at all, and for its owner only."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Put a file in the place of what is there; raise OSError, and leave that as it is, when it cannot be done.

    A link is replaced, and not what it leads to.
    """
    # Made for its owner only from its first moment. Its own name could be too long with more about it.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".packcloud.", suffix=".new")
    made = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if os.name == "posix":
                # The umask may have taken what the owner needs.
                os.fchmod(descriptor, 0o600)
            file.write(content)
            file.flush()
            # Or else a power cut could leave an empty one under the name.
            os.fsync(descriptor)
        made.replace(path)
    except BaseException:
        with suppress(OSError):
            made.unlink()
        raise
