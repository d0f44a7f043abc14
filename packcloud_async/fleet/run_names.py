"""What a run may be called in a database that others use too."""

import re
import secrets
from datetime import datetime
from typing import Final

from packcloud_async.errors import ConfigurationError

_RUN_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")


def check_run_id(value: object) -> str:
    """Return the value; refuse what is no plain name."""
    if not isinstance(value, str) or not _RUN_ID.fullmatch(value):
        raise ConfigurationError(
            "run_id must be 1 to 100 letters, digits and . _ : - and begin with a letter or a digit, "
            f"not {value!r:.150}"
        )
    return value


def new_run_id(now: datetime) -> str:
    """Return a name for a run that begins now, which no other run has."""
    return f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
