"""What the markers of a test ask for, as plain values: the closest marker wins, name by name."""

from collections.abc import Iterable, Mapping
from inspect import signature

from packcloud_async.emulator import Emulator
from packcloud_async.errors import ConfigurationError

OF_THE_LOOP = "virtual_time"
"""The one name that is about the test's event loop, and not about the emulator."""
EMULATOR_OPTIONS = frozenset(signature(Emulator).parameters)


def emulator_asked_for(markers: Iterable[tuple[tuple[object, ...], Mapping[str, object]]]) -> Emulator:
    """Build the emulator that markers ask for: their positional and keyword arguments, the closest marker first.

    Raises :class:`ConfigurationError` for names and values that mean nothing.
    """
    options: dict[str, object] = {}
    for positional, named in markers:
        _check(positional, named)
        options = {**named, **options}
    options.pop(OF_THE_LOOP, None)
    try:
        return Emulator(**options)  # type: ignore[arg-type]  # each value is checked where it is used
    except ConfigurationError:
        raise
    except (TypeError, ValueError, AttributeError) as error:
        raise ConfigurationError(f"no emulator can be made of {_shown(options)}: {error}") from None


def _check(positional: tuple[object, ...], named: Mapping[str, object]) -> None:
    if positional:
        raise ConfigurationError(f"takes names only, such as organizations=3, not {_list(map(repr, positional))}")
    if unknown := named.keys() - EMULATOR_OPTIONS - {OF_THE_LOOP}:
        known = _list(sorted({*EMULATOR_OPTIONS, OF_THE_LOOP}))
        raise ConfigurationError(f"knows no {_list(sorted(unknown))}; known: {known}")


def _shown(options: Mapping[str, object]) -> str:
    return _list(f"{name}={value!r}" for name, value in options.items() if name != "token")


def _list(texts: Iterable[str]) -> str:
    return ", ".join(texts)
