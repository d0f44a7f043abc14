"""How an answer is written, and what a fault makes of it."""

from collections.abc import Callable, Mapping
from urllib.parse import SplitResult, parse_qsl, urlencode

from attrs import evolve

from packcloud_async._sansio import json_text
from packcloud_async._sansio.json_text import JsonValue
from packcloud_async._sansio.wire import Response
from packcloud_async.emulator.calls import Answer
from packcloud_async.emulator.faults import AnyFault, Envelope, Fate, Fault, FaultPlan, Incident, Reply


def enveloped(answer: Answer, url: SplitResult, plan: FaultPlan) -> JsonValue:
    """Wrap what an answer carries as the plan says; ``url`` is that of the request, for the links of a page."""
    if answer.value is None or plan.envelope is Envelope.BARE:
        return answer.value
    if answer.paging is None:
        return {"data": answer.value}
    links = {"prev": _link(answer.paging.prev, url, plan), "next": _link(answer.paging.next, url, plan)}
    meta = {"per_page": answer.paging.per_page}
    if plan.envelope is Envelope.ROOT_PAGING:
        return {"data": answer.value, **links, **meta}
    return {"data": answer.value, "links": links, "meta": meta}


def _link(cursor: str | None, url: SplitResult, plan: FaultPlan) -> str | None:
    if cursor is None:
        return None
    others = [item for item in parse_qsl(url.query, keep_blank_values=True) if item[0] != "cursor"]
    link = url._replace(query=urlencode([*others, ("cursor", cursor)]), fragment="")
    return (link._replace(scheme="", netloc="") if plan.relative_links else link).geturl()


def response_of(status: int, body: JsonValue | None, headers: dict[str, str]) -> Response:
    """Write an answer; None is no body."""
    if body is None:
        return Response(status, headers)
    return Response(status, {"content-type": "application/json", **headers}, json_text.dump(body))


def reply_of(response: Response, incident: Incident, plan: FaultPlan) -> Reply:
    """Say how an answer is delivered; what has no body cannot be cut, so its connection just ends."""
    fault, delay = incident.fault, incident.delay
    if fault is Fault.SILENT_AFTER:
        delay += plan.silence
    if fault in {Fault.DROP_AFTER, Fault.SILENT_AFTER} or (fault is Fault.TRUNCATE and not response.body):
        return Reply(Fate.DROP_AFTER, delay=delay, fault=fault)
    if fault is Fault.SLOW:
        return Reply(Fate.DELIVER, response, delay, plan.slowness, fault)
    if fault in SPOILT:
        response = evolve(response, body=SPOILT[fault](response.body))
    return Reply(_CUT.get(fault, Fate.DELIVER), response, delay, fault=fault)


SPOILT: Mapping[AnyFault | None, Callable[[bytes], bytes]] = {
    Fault.BAD_JSON: lambda body: body[: len(body) // 2] or b"{",
    Fault.EMPTY: lambda _: b"",
    Fault.BAD_SHAPE: lambda _: b'{"data": "maintenance", "links": []}',
}
"""What a fault makes of a body."""

_CUT: Mapping[AnyFault | None, Fate] = {Fault.TRUNCATE: Fate.TRUNCATE, Fault.RESET: Fate.RESET}
