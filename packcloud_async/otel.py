"""Spans and metrics for OpenTelemetry: ``PackCloudClient(hooks=[OpenTelemetryHook()])``; the extra ``otel``.

Names and attributes are in docs/howto-telemetry.md. No header is added to what is sent to Pack.cloud.
"""

from typing import assert_never
from weakref import WeakKeyDictionary

try:
    from opentelemetry import context, metrics, trace
    from opentelemetry.context import Context
    from opentelemetry.metrics import Counter, Histogram, Meter, MeterProvider, UpDownCounter
    from opentelemetry.trace import Span, SpanContext, SpanKind, Status, StatusCode, TracerProvider
except ModuleNotFoundError as missing:
    told = "packcloud_async.otel needs the extra: pip install 'packcloud_async[otel]'"
    raise ModuleNotFoundError(told, name=missing.name) from None

from packcloud_async._sansio import conventions
from packcloud_async._sansio.conventions import Attributes, Metric
from packcloud_async._sansio.request_events import (
    JobBegun,
    Purpose,
    RequestBegun,
    RequestEnded,
    RequestRetried,
    RequestWithheld,
    RunBegun,
    SharedRead,
)
from packcloud_async._sansio.sync_events import HookEvent, JobEnded, JobFired, JobRead, RunEnded
from packcloud_async.version import VERSION

__all__ = ["OpenTelemetryHook"]


class OpenTelemetryHook:
    """Makes spans and metrics of what happens; one hook for any number of clients of one event loop.

    >>> from packcloud_async import PackCloudClient
    >>> client = PackCloudClient(token="...", hooks=[OpenTelemetryHook()])

    None means the provider that is set globally. Without an SDK nothing is recorded.
    """

    def __init__(
        self, *, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
    ) -> None:
        tracer = trace.get_tracer("packcloud_async", VERSION, tracer_provider)
        self._spans = _Spans(tracer)
        self._numbers = _Numbers(metrics.get_meter("packcloud_async", VERSION, meter_provider))

    def __call__(self, event: HookEvent) -> None:
        """Take note of an event."""
        # Metrics first, while the span they are an example of is there.
        self._numbers.add(event)
        self._spans.add(event)


class _Spans:
    """The spans under way, by the event they began with: what is forgotten by the client is forgotten here."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer
        self._open: WeakKeyDictionary[RequestBegun | JobBegun | RunBegun, Span] = WeakKeyDictionary()
        self._latest: WeakKeyDictionary[SharedRead, SpanContext] = WeakKeyDictionary()

    def add(self, event: HookEvent) -> None:
        match event:
            case RequestBegun():
                self._begin_request(event)
            case RequestEnded():
                self._end_request(event)
            case RequestRetried() | RequestWithheld():
                pass
            case RunBegun():
                attributes = conventions.of_run(event)
                self._open[event] = self._tracer.start_span("packcloud.sync_many", attributes=attributes)
            case RunEnded():
                self._end(event.run, conventions.of_run_ended(event), failed=event.error is not None)
            case JobBegun() | JobFired() | JobRead() | JobEnded():
                self._add_of_job(event)
            case _:
                assert_never(event)

    def _add_of_job(self, event: JobBegun | JobFired | JobRead | JobEnded) -> None:
        match event:
            case JobBegun():
                parent = self._within(event.run)
                attributes = conventions.of_job(event)
                self._open[event] = self._tracer.start_span("packcloud.sync", parent, attributes=attributes)
            case JobFired():
                if (span := self._open.get(event.job)) is not None:
                    span.add_event("packcloud.sync.fired", conventions.of_fired(event))
            case JobRead():
                self._read(event)
            case JobEnded():
                self._end(event.job, conventions.of_ended(event), failed=conventions.how_ended(event) == "failed")

    def _begin_request(self, request: RequestBegun) -> None:
        self._open[request] = self._tracer.start_span(
            conventions.request_span_name(request),
            self._within(request.purpose),
            kind=SpanKind.CLIENT,
            attributes=conventions.of_request(request),
        )

    def _end_request(self, event: RequestEnded) -> None:
        request, failed = event.request, conventions.error_type(event.error, event.status) is not None
        if isinstance(request.purpose, SharedRead) and (span := self._open.get(request)) is not None:
            self._latest[request.purpose] = span.get_span_context()
        self._end(request, conventions.of_answer(event), failed=failed)

    def _read(self, event: JobRead) -> None:
        if (span := self._open.get(event.job)) is None:
            return
        span.add_event("packcloud.sync.read", conventions.of_read(event))
        if event.read is not None and (latest := self._latest.get(event.read)) is not None:
            span.add_link(latest)

    def _end(self, begun: RequestBegun | JobBegun | RunBegun, attributes: Attributes, *, failed: bool) -> None:
        if (span := self._open.get(begun)) is None:
            # It could not be started, and has an end alone.
            return
        del self._open[begun]
        span.set_attributes(attributes)
        if failed:
            span.set_status(Status(StatusCode.ERROR))
        span.end()

    def _within(self, purpose: Purpose | None) -> Context:
        """Return what a span belongs to: a job, a run, whoever calls; a shared read belongs to nobody."""
        if isinstance(purpose, SharedRead):
            return Context()
        span = None if purpose is None else self._open.get(purpose)
        return context.get_current() if span is None else trace.set_span_in_context(span)


class _Numbers:
    """The metrics."""

    def __init__(self, meter: Meter) -> None:
        self._request_duration = _histogram(meter, conventions.REQUEST_DURATION)
        self._active_requests = _up_down(meter, conventions.ACTIVE_REQUESTS)
        self._retries = _counter(meter, conventions.RETRIES)
        self._withheld_retries = _counter(meter, conventions.WITHHELD_RETRIES)
        self._wait_duration = _histogram(meter, conventions.WAIT_DURATION)
        self._active_jobs = _up_down(meter, conventions.ACTIVE_JOBS)
        self._job_duration = _histogram(meter, conventions.JOB_DURATION)
        self._outcomes = _counter(meter, conventions.OUTCOMES)
        self._news_delay = _histogram(meter, conventions.NEWS_DELAY)
        self._jobs: WeakKeyDictionary[JobBegun, None] = WeakKeyDictionary()
        self._jobs_told = 0

    def add(self, event: HookEvent) -> None:
        match event:
            case RequestBegun():
                self._active_requests.add(1, conventions.of_active_request(event))
                self._wait_duration.record(event.waited, conventions.of_wait(event))
            case RequestEnded():
                self._active_requests.add(-1, conventions.of_active_request(event.request))
                self._request_duration.record(event.elapsed, conventions.of_request_in_metrics(event))
            case RequestRetried():
                self._retries.add(1, conventions.of_retry(event))
            case RequestWithheld():
                self._withheld_retries.add(1, conventions.of_retry(event))
            case JobBegun():
                self._jobs[event] = None
                self._count_jobs()
            case JobEnded():
                self._jobs.pop(event.job, None)
                self._count_jobs()
                self._end_job(event)
            case JobFired() | JobRead() | RunBegun() | RunEnded():
                pass
            case _:
                assert_never(event)

    def _count_jobs(self) -> None:
        # A job that was fired and thrown away has no end: it is missing here, and taken off with the next event.
        self._active_jobs.add(len(self._jobs) - self._jobs_told)
        self._jobs_told = len(self._jobs)

    def _end_job(self, event: JobEnded) -> None:
        if event.result is None:
            # One that is gone on with would count twice.
            return
        self._job_duration.record(event.result.elapsed, {"packcloud.sync.end": conventions.how_ended(event)})
        for kind, outcome in conventions.outcomes_of(event.result):
            self._outcomes.add(1, {"packcloud.sync.kind": kind, "packcloud.sync.outcome": outcome})
        for kind, delay in event.news_delay.items():
            self._news_delay.record(delay, {"packcloud.sync.kind": kind.value})


def _histogram(meter: Meter, metric: Metric) -> Histogram:
    return meter.create_histogram(
        metric.name, metric.unit, metric.description, explicit_bucket_boundaries_advisory=metric.buckets
    )


def _counter(meter: Meter, metric: Metric) -> Counter:
    return meter.create_counter(metric.name, metric.unit, metric.description)


def _up_down(meter: Meter, metric: Metric) -> UpDownCounter:
    return meter.create_up_down_counter(metric.name, metric.unit, metric.description)
