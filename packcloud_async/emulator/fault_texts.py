"""Faults as short texts, such as ``sync_orders:503:0.1``, read into plans.

1. A text is ``[METHOD ]ROUTES:FAULT[:HOW_OFTEN][:NAME=SECONDS]``. ROUTES is a name of ``emulator.PATHS``, and ``*`` in
   it stands for any characters. HOW_OFTEN is a probability, or ``x3`` for the next three requests; always, if left out.
2. Texts add up. There is one plan for each call (a method on a route), so that ``x3`` is three of each call it means.
3. Of one call the counted ones come first, in the order given, then the probabilities; see :class:`FaultPlan`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final, TypeAlias

from attrs import field, frozen

from packcloud_async.emulator.calls import HANDLERS
from packcloud_async.emulator.faults import AnyFault, Fault, FaultPlan
from packcloud_async.errors import ConfigurationError

_Call: TypeAlias = tuple[str, str]
"""Method and route."""
_CALLS: Final[Sequence[_Call]] = [(method, route) for route, methods in HANDLERS.items() for method in methods]

LATENCY: Final = "latency"
"""What stands in place of a fault for how long every answer takes."""
MOST: Final = 10_000
"""The largest count."""


def plans_from(texts: Iterable[str]) -> tuple[FaultPlan, ...]:
    """Return the plans that the texts mean together.

    Raises :class:`~packcloud_async.ConfigurationError` for one that means nothing.

    >>> plan, = plans_from(["sync_orders:503:0.1", "sync_orders:drop_after:x1"])
    >>> plan.statuses, plan.script
    (((503, 0.1),), (<Fault.DROP_AFTER: 'drop_after'>,))
    """
    wishes = [_wish(text) for text in texts]
    aimed = {call: [wish for wish in wishes if call in wish.calls] for call in _CALLS}
    return tuple(_plan(call, at_it) for call, at_it in aimed.items() if at_it)


@frozen(kw_only=True)
class _Wish:
    """What one text says.

    ``fault`` is None for a latency, whose shortest and longest seconds are ``seconds``. Of ``chance`` and ``count`` one
    is None. ``settings`` are fields of the plan.
    """

    text: str
    calls: frozenset[_Call]
    fault: AnyFault | None
    chance: float | None = None
    count: int | None = None
    seconds: tuple[float, float] = (0.0, 0.0)
    settings: Mapping[str, float] = field(factory=dict[str, float])


def _wish(text: str) -> _Wish:
    where, _, rest = text.partition(":")
    what, *details = rest.split(":")
    calls = _calls(text, where)
    if what == LATENCY:
        return _Wish(text=text, calls=calls, fault=None, seconds=_span(text, details))
    fault = _fault(text, what)
    often, named = ("1", details) if not details or "=" in details[0] else (details[0], details[1:])
    chance, count = _how_often(text, often)
    settings = dict(_setting(text, fault, detail) for detail in named)
    return _Wish(text=text, calls=calls, fault=fault, chance=chance, count=count, settings=settings)


def _calls(text: str, where: str) -> frozenset[_Call]:
    method, _, route = where.rpartition(" ")
    found = frozenset(call for call in _CALLS if method.upper() in {"", call[0]} and fnmatchcase(call[1], route))
    if not found:
        known = ", ".join(HANDLERS)
        raise _refusal(text, f"{where!r} is no route; known: {known}, * for any characters, and a method before it")
    return found


def _fault(text: str, what: str) -> AnyFault:
    known: dict[str, AnyFault] = {fault.value: fault for fault in Fault} | {str(n): n for n in range(400, 600)}
    if what not in known:
        raise _refusal(text, f"{what!r} is no fault; known: {LATENCY}, {', '.join(Fault)}, and statuses 400 to 599")
    return known[what]


def _how_often(text: str, often: str) -> tuple[float | None, int | None]:
    counted = re.fullmatch(r"x([1-9][0-9]{0,4})", often)
    if counted is not None and int(counted[1]) <= MOST:
        return None, int(counted[1])
    chance = _number(often)
    if chance is None or chance > 1:
        raise _refusal(text, f"{often!r} is neither a probability from 0 to 1 nor a count from x1 to x{MOST}")
    return chance, None


def _span(text: str, details: Sequence[str]) -> tuple[float, float]:
    shortest, dash, longest = (details or [""])[0].partition("-")
    found = _number(shortest), _number(longest if dash else shortest)
    if len(details) != 1 or found[0] is None or found[1] is None or found[0] > found[1]:
        raise _refusal(text, "a latency is seconds such as 0.2, or a span of seconds such as 0.1-0.5")
    return found[0], found[1]


def _setting(text: str, fault: AnyFault, detail: str) -> tuple[str, float]:
    name, _, value = detail.partition("=")
    named, seconds = _FIELDS.get((name, _family(fault))), _number(value)
    if named is None:
        possible = [setting for setting, family in _FIELDS if family == _family(fault)]
        raise _refusal(text, f"{name!r} is nothing that {fault} takes; it takes {' and '.join(possible) or 'nothing'}")
    if seconds is None:
        raise _refusal(text, f"{name} is seconds, not {value!r}")
    return named, seconds


_FIELDS: Final[Mapping[tuple[str, str], str]] = {
    ("retry_after", "429"): "retry_after",
    ("retry_after", "5xx"): "server_error_retry_after",
    ("silence", "silent"): "silence",
    ("slowness", "slow"): "slowness",
}


def _family(fault: AnyFault) -> str:
    if isinstance(fault, int):
        return "5xx" if fault >= 500 else str(fault)
    return "silent" if fault in {Fault.SILENT_BEFORE, Fault.SILENT_AFTER} else fault.value


def _plan(call: _Call, wishes: Sequence[_Wish]) -> FaultPlan:
    method, route = call
    fields: dict[str | int, Any] = {}
    for wish in wishes:
        for name, value in _fields_of(wish).items():
            if fields.setdefault(name, value) != value:
                raise _refusal(wish.text, f"another fault says something else of {name} for {method} {route}")
    script = [wish.fault for wish in wishes for _ in range(wish.count or 0)]
    statuses = {name: chance for name, chance in fields.items() if isinstance(name, int)}
    named = {name: value for name, value in fields.items() if isinstance(name, str)}
    return FaultPlan(routes={route}, methods={method}, script=script, statuses=statuses, **named)


def _fields_of(wish: _Wish) -> Mapping[str | int, float]:
    """Return the fields of a plan by name, and probabilities of a status by that."""
    if wish.fault is None:
        shortest, longest = wish.seconds
        return {"latency": shortest, "latency_spread": longest - shortest}
    chance = [] if wish.chance is None else [(_name(wish.fault), wish.chance)]
    return dict([*wish.settings.items(), *chance])


def _name(fault: AnyFault) -> str | int:
    return fault.value if isinstance(fault, Fault) else fault


def _number(text: str) -> float | None:
    """Read a plain number without a sign; None when it is not one."""
    return float(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{0,9})?|\.[0-9]{1,9}", text) else None


def _refusal(text: str, complaint: str) -> ConfigurationError:
    return ConfigurationError(f"fault {text!r}: {complaint}")
