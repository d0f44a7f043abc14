"""The text of a file of emulator data: TOML or JSON, told apart by the name of the file."""

import json
import tomllib
from typing import Any, NoReturn

from packcloud_async._sansio.json_depth import NestedTooDeep, check_depth
from packcloud_async.emulator.places import InvalidData, Place


def read_document(content: bytes, *, name: str) -> Place:
    """Read a file called ``name``; raise :class:`InvalidData`, which names the line, if it is not that."""
    read = {".json": _json, ".toml": _toml}.get(name[-5:].lower())
    if read is None:
        raise InvalidData("is neither a .json nor a .toml file", source=name, place="")
    try:
        check_depth(content)
        return Place(read(content.decode(), name), name)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidData("is not UTF-8", source=name, place=f"line {line}") from None
    except (NestedTooDeep, RecursionError):
        raise InvalidData("is nested too deeply", source=name, place="") from None


def write_document(document: object) -> bytes:
    """Write a document as JSON for a reader."""
    return (json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _json(text: str, name: str) -> object:
    try:
        document = json.loads(text, object_pairs_hook=_without_twins, parse_constant=_not_a_number)
        if "\\u" in text:
            json.dumps(document, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InvalidData("is where it stops being JSON", source=name, place=place) from None
    except _NotJson as error:
        raise InvalidData(str(error), source=name, place="") from None
    except UnicodeEncodeError:
        raise InvalidData("holds half of a surrogate pair", source=name, place="") from None
    except ValueError:
        raise InvalidData("holds a number that is too long", source=name, place="") from None
    return document


class _NotJson(ValueError):
    """What the standard library lets pass."""


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twin = next(name for name in names if names.count(name) > 1)
        raise _NotJson(f"has a field {twin!a} twice in one object")
    return found


def _not_a_number(constant: str) -> NoReturn:
    raise _NotJson(f"holds {constant}, which is not JSON")


def _toml(text: str, name: str) -> object:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # Its text may quote what is there; the place is all that is told of it.
        _, found, place = str(error).removesuffix(")").rpartition("(at ")
        raise InvalidData("is where it stops being TOML", source=name, place=place if found else "$") from None
    except ValueError:
        raise InvalidData("holds a number that is too long", source=name, place="") from None
