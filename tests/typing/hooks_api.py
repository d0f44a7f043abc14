"""How hooks are typed. Never run: mypy and basedpyright check it."""

from collections.abc import Mapping
from typing import assert_type

from packcloud_async import PackCloudClient, Sighting, SyncKind, SyncReport, SyncResult
from packcloud_async.hooks import (
    Hook,
    HookEvent,
    JobBegun,
    JobEnded,
    JobFired,
    JobRead,
    RequestBegun,
    RequestEnded,
    RequestRetried,
    RequestWithheld,
    RunBegun,
    RunEnded,
    SharedRead,
    log_details,
)
from packcloud_async.otel import OpenTelemetryHook


def watch(event: HookEvent) -> None:
    match event:
        case RequestBegun():
            assert_type(event.template, str | None)
            assert_type(event.purpose, JobBegun | RunBegun | SharedRead | None)
        case RequestEnded():
            assert_type(event.request, RequestBegun)
            assert_type(event.status, int | None)
        case RequestRetried():
            assert_type(event.wait, float)
        case RequestWithheld():
            assert_type(event.elapsed, float | None)
        case JobFired():
            assert_type(event.kind, SyncKind)
        case JobRead():
            assert_type(event.sighting, Sighting)
        case JobEnded():
            assert_type(event.result, SyncResult | None)
            assert_type(event.news_delay, Mapping[SyncKind, float])
        case RunEnded():
            assert_type(event.report, SyncReport)
        case _:
            assert_type(event, JobBegun | RunBegun)


class Counting:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self, event: HookEvent, /) -> None:
        self.count += 1


hooks: list[Hook] = [watch, Counting(), log_details, OpenTelemetryHook(), print]
PackCloudClient(token="...", hooks=hooks)
PackCloudClient(token="...", hooks=(watch,))
PackCloudClient.from_env(hooks={Counting()})
