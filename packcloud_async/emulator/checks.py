"""Checks of the emulator's settings, as attrs validators that raise ConfigurationError."""

import math
from collections.abc import Callable
from typing import Any

from packcloud_async.errors import ConfigurationError


def number(minimum: float, maximum: float = math.inf, *, optional: bool = False) -> Callable[[Any, Any, Any], None]:
    """Accept a finite number from ``minimum`` to ``maximum``; None too if ``optional``."""

    def check(instance: Any, attribute: Any, value: Any) -> None:
        if optional and value is None:
            return
        if not _is_number(value) or not minimum <= value <= maximum:
            wanted = f"a number from {minimum:g}" + (f" to {maximum:g}" if maximum < math.inf else "")
            raise _refusal(instance, attribute, wanted + (" or None" if optional else ""), value)

    return check


def whole(minimum: int, maximum: float = math.inf) -> Callable[[Any, Any, Any], None]:
    """Accept a whole number from ``minimum`` to ``maximum``."""

    def check(instance: Any, attribute: Any, value: Any) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or not minimum <= value <= maximum:
            wanted = f"a whole number from {minimum}" + (f" to {maximum}" if maximum < math.inf else "")
            raise _refusal(instance, attribute, wanted, value)

    return check


probability = number(0, 1)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _refusal(instance: Any, attribute: Any, wanted: str, value: object) -> ConfigurationError:
    return ConfigurationError(f"{type(instance).__name__}.{attribute.name} must be {wanted}, not {value!r}")
