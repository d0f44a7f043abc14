"""What the answers to a GET tell of a route: whether it is there, and which template it should have."""

import json
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

import attrs
from attrs import frozen

from packcloud_async._sansio import readers
from packcloud_async._sansio.check import Check, Mark
from packcloud_async._sansio.inquiries import Answer, Answered, Silence, told
from packcloud_async._sansio.route_guesses import READ_ROUTES
from packcloud_async._sansio.values import equal, hashed, shown
from packcloud_async._sansio.wire import Response
from packcloud_async.errors import InvalidResponse
from packcloud_async.models import IntegrationAction
from packcloud_async.policies import Routes


class Standing(StrEnum):
    """What one answer tells of one template."""

    THERE = "there"
    """It answered as the route should: a GET is read, or refused with 405 where a POST is taken."""
    READABLE = "readable"
    """It is there and read by a GET; whether it takes a POST is not known."""
    OTHER_METHOD = "other_method"
    """It is there, and not for the method of the route."""
    MISSING = "missing"
    ALIKE = "alike"
    """It answered as a path beside it that cannot exist."""
    NOT_KNOWN = "not_known"


@frozen(kw_only=True)
class Look:
    """One template of a route and what a GET on it was answered.

    ``beside`` is what a path was answered that cannot exist, None when that was not needed. ``stands_in`` when the
    path held a made-up action, because none was known.
    """

    route: str
    template: str
    answer: Answer
    beside: Answer | None = None
    stands_in: bool = False

    __repr__, __eq__, __hash__ = shown, equal, hashed

    @property
    def standing(self) -> Standing:
        """What the answer tells."""
        if isinstance(self.answer, Silence):
            return Standing.NOT_KNOWN
        if self.answer.status in _GONE:
            return Standing.NOT_KNOWN if self.stands_in else Standing.MISSING
        if not tells_of_a_route(self.answer):
            return Standing.NOT_KNOWN
        if not isinstance(self.beside, Answered) or self.beside.status in _SAYS_NOTHING:
            return Standing.NOT_KNOWN
        return Standing.ALIKE if _alike(self.answer, self.beside) else _meaning(self.route, self.answer)


def tells_of_a_route(answer: Answer) -> bool:
    """Whether an answer says that something is there, so that it has to be held against a path that cannot exist."""
    return isinstance(answer, Answered) and ((answer.is_success and answer.says_json) or answer.status == 405)


def route_check(looks: Sequence[Look], routes: Routes) -> Check:
    """Judge a route by the look at its configured template, which comes first, and those at its alternatives."""
    configured, *others = looks
    name, said = f"route.{configured.route}", _said(configured, routes)
    if configured.standing is Standing.THERE:
        return Check(name, Mark.OK, f"{said}: it is there.")
    if found := [other for other in others if other.standing is Standing.THERE]:
        likely = ", and ".join(_said(other, routes) for other in found)
        return Check(name, Mark.WRONG, f"{said}, but {likely}: override Routes.{configured.route} (--write does).")
    unsure = next((look for look in looks if look.standing not in _CERTAIN), None)
    if unsure is None:
        return Check(name, Mark.WRONG, f"{said}{_wrong(configured, others)}")
    if unsure is not configured:
        said += f", and {_said(unsure, routes)}"
    return Check(name, Mark.UNKNOWN, f"{said}: {_UNSURE[unsure.standing]}.")


def unasked_check(route: str, reason: str) -> Check:
    """Say why a route was not looked at."""
    return Check(f"route.{route}", Mark.UNKNOWN, f"It was not asked: {reason}.")


def nowhere_check(answer: Answer) -> Check:
    """Judge what a path is answered that cannot exist."""
    if isinstance(answer, Answered) and answer.status in _GONE:
        return Check(
            "unknown_paths", Mark.OK, f"A path that cannot exist {told(answer)}: the others can be told apart."
        )
    if isinstance(answer, Silence) or answer.status in _SAYS_NOTHING:
        return Check("unknown_paths", Mark.UNKNOWN, f"A path that cannot exist {told(answer)}.")
    return Check(
        "unknown_paths",
        Mark.NOTE,
        f"A path that cannot exist {told(answer)}: whatever is answered alike cannot be told from it.",
    )


def confirmed(looks: Sequence[Look]) -> str | None:
    """Return the first template that answered as the route should; None when none did."""
    return next((look.template for look in looks if look.standing is Standing.THERE), None)


def action_in(answer: Answer) -> str | None:
    """Return what names the first action that was listed; None when none was or it cannot be read."""
    if not isinstance(answer, Answered) or answer.body is None:
        return None
    try:
        actions = readers.all_of(IntegrationAction)(Response(answer.status, {}, answer.body))
    except InvalidResponse:
        return None
    # Any other may be meant for something else than a path.
    return next((action.key for action in actions if action.key and _PLAIN_NAME(action.key)), None)


def routes_file(found: Mapping[str, str], routes: Routes) -> str:
    """Write the templates that answered as TOML for ``PACKCLOUD_ROUTES``; other overrides are kept, and marked."""
    lines = ["# Written by packcloud doctor: the paths that answered as they should.", "[routes]"]
    for attribute in attrs.fields(Routes):
        template = getattr(routes, attribute.name)
        if attribute.name in found:
            lines.append(_line(attribute.name, found[attribute.name]))
        elif template != attribute.default:
            lines.append(f"{_line(attribute.name, template)}  # as it was configured; not confirmed")
        else:
            lines.append(f"# {attribute.name}: not confirmed, the default is used")
    return "\n".join(lines) + "\n"


_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,100}").fullmatch
_GONE: Final = frozenset({404, 410})
_SAYS_NOTHING: Final = frozenset({401, 408, 425, 429, *range(500, 600)})
_CERTAIN: Final = frozenset({Standing.MISSING, Standing.OTHER_METHOD})
_UNSURE: Final = {
    Standing.READABLE: "something is there, and whether it takes a POST is not known",
    Standing.ALIKE: "so is a path that cannot exist, they cannot be told apart",
    Standing.NOT_KNOWN: "whether it is there is not known",
}


def _line(route: str, template: str) -> str:
    # A template is printable ASCII: what JSON writes is a text of TOML too.
    return f"{route} = {json.dumps(template)}"


def _said(look: Look, routes: Routes) -> str:
    return f"{_short(look.template, routes)} {told(look.answer)}"


def _short(template: str, routes: Routes) -> str:
    rest = template.removeprefix(routes.integration)
    return template if rest == template else f"...{rest}"


def _alike(one: Answered, other: Answered) -> bool:
    return one.status == other.status and one.allow == other.allow


def _meaning(route: str, answer: Answered) -> Standing:
    if route in READ_ROUTES:
        return Standing.THERE if answer.is_success else Standing.OTHER_METHOD
    if answer.is_success:
        return Standing.READABLE
    return Standing.THERE if answer.allow is None or "POST" in answer.allow else Standing.OTHER_METHOD


def _wrong(configured: Look, others: Sequence[Look]) -> str:
    if configured.standing is Standing.OTHER_METHOD:
        return ": something is there, and not for this call."
    tried = f", and {_none_of(len(others))} there" if others else ""
    return f"{tried}: ask the vendor for the path and override Routes.{configured.route}."


def _none_of(number: int) -> str:
    return "the one likely path is not" if number == 1 else f"none of {number} likely paths is"
