"""A list of organizations as somebody keeps it: one id on each line, comments and empty lines aside."""

import re
from collections.abc import Sequence
from typing import Final

from packcloud_async.errors import ConfigurationError
from packcloud_async.policies import path_segment

LARGEST_LIST: Final = 16 * 1024 * 1024
"""Bytes; more than a hundred thousand ids are no list that somebody meant."""


def read_organizations(content: bytes, source: str) -> Sequence[str]:
    """Return the ids, each once, in their order; a ``#`` at the begin of a line or after a space begins a comment.

    Raises :class:`ConfigurationError`, which names the line.
    """
    if len(content) > LARGEST_LIST:
        raise ConfigurationError(f"{source}: it is larger than {LARGEST_LIST} bytes")
    try:
        # Not splitlines(), which ends a line at a form feed and at more that may stand in an id by mistake.
        lines = content.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise ConfigurationError(f"{source}: it is not UTF-8") from None
    found: dict[str, None] = {}
    for number, line in enumerate(lines, 1):
        if id_ := _COMMENT.sub("", line).strip():
            found[_checked(id_, f"{source}, line {number}")] = None
    return tuple(found)


_COMMENT: Final = re.compile(r"(?:^|\s)#.*", re.DOTALL)
"""Not a ``#`` within an id: what stands before it would be another organization."""


def _checked(id_: str, place: str) -> str:
    if len(id_.split()) > 1:
        raise ConfigurationError(f"{place}: one organization on each line, not {id_!r}")
    path_segment(f"{place}: the organization", id_)
    return id_
