"""What an examination finds: a mark and a sentence for each thing that was looked at."""

from collections.abc import Iterable
from enum import StrEnum

from attrs import frozen

from packcloud_async._sansio.values import equal, hashed, shown


class Mark(StrEnum):
    """How one check came out."""

    OK = "ok"
    NOTE = "note"
    """Worth knowing, and nothing to mend."""
    WRONG = "wrong"
    UNKNOWN = "unknown"
    """It could not be found out."""


@frozen
class Check:
    """One thing that was looked at; ``name`` does not change between releases, ``sentence`` may."""

    name: str
    mark: Mark
    sentence: str

    __repr__, __eq__, __hash__ = shown, equal, hashed


def all_well(checks: Iterable[Check]) -> bool:
    """Whether nothing is wrong and everything could be found out."""
    return all(check.mark in {Mark.OK, Mark.NOTE} for check in checks)
