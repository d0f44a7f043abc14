"""The names of telemetry that are documented, and those on the dashboard, are those there are."""

import json
import re
from pathlib import Path

import attrs
import pytest

from packcloud_async import Outcome, hooks
from packcloud_async._sansio import conventions
from packcloud_async._sansio.log_records import record_of

from .sansio.test_hook_events import RECORDS

pytest.importorskip("opentelemetry.sdk", reason="the SDK of the extra otel")

from .support.scripted_transport import says
from .test_hooks import GOOD, client_of, get
from .test_otel import Recorded, everything

DOCS = Path(__file__).parent.parent / "docs"
PAGE = (DOCS / "howto-telemetry.md").read_text(encoding="utf-8")
DASHBOARD = json.loads((DOCS / "grafana-dashboard.json").read_text(encoding="utf-8"))
METRICS = {one.name: one for one in vars(conventions).values() if isinstance(one, conventions.Metric)}


def rows(heading):
    """The rows of the table below a heading, as cells."""
    section = re.split(r"^#+ ", PAGE.partition(f"\n{heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    found = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in found]


def names(text):
    without_blocks = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"`([^`\n]+)`", without_blocks)


@pytest.fixture(scope="module")
def seen():
    """All that is recorded of a run in which everything happens."""
    import asyncio

    from .support.jumping_loop import JumpingLoop

    recorded = Recorded()

    async def play():
        await everything(recorded)
        await get(client_of(says(500), GOOD, hooks=[recorded.hook]))

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(play())
    recorded.attributes = {
        name: {attribute for point in metric.data.data_points for attribute in point.attributes}
        for name, metric in recorded.metrics.items()
    }
    return recorded


def test_the_metrics_are_those_of_the_table_with_their_units_and_attributes(seen):
    told = {names(row[0])[0]: (row[2], set(names(row[3]))) for row in rows("### Metrics") if names(row[0])}
    assert told == {name: (metric.unit, seen.attributes[name]) for name, metric in METRICS.items()}


def test_every_attribute_and_event_of_a_span_is_on_the_page(seen):
    spans = {attribute for span in seen.spans for attribute in span.attributes}
    inner = {attribute for span in seen.spans for event in span.events for attribute in event.attributes}
    events = {event.name for span in seen.spans for event in span.events}
    assert len(spans) > 20
    # Told for one kind, and said to be so for the others.
    by_kind = re.compile(r"\.(products|stocks|shipping_services)$")
    assert {by_kind.sub(".orders", name) for name in spans | inner | events} <= set(names(PAGE))


def test_every_span_has_a_name_of_the_page(seen):
    requests = {span.name for span in seen.spans if span.name.partition(" ")[0] in {"GET", "POST"}}
    others = {span.name for span in seen.spans} - requests
    assert others == {"packcloud.sync", "packcloud.sync_many"} <= set(names(PAGE))
    assert all(" /v1/" in name for name in requests)


def test_the_fields_of_records_are_those_of_the_table():
    told = {name for row in rows("## The log") for name in names(row[0])}
    fields = {name for event, *_ in RECORDS for name in record_of(event).fields}
    assert fields <= told
    # And of the table of levels, whose first cells are no names.
    assert told <= fields


def test_the_events_are_those_of_the_table_with_their_fields():
    told = {names(row[0])[0]: names(row[2]) for row in rows("## Hooks") if names(row[0])}
    events = {event.__name__: event for event in attrs_of_hooks() if event is not hooks.SharedRead}
    assert told == {name: [field.name for field in attrs.fields(event)] for name, event in events.items()}


def attrs_of_hooks():
    return [found for name in hooks.__all__ if isinstance(found := getattr(hooks, name), type) and attrs.has(found)]


# As exporters to Prometheus write them.
SUFFIXES = {"s": "_seconds"}
COUNTERS = {conventions.RETRIES, conventions.WITHHELD_RETRIES, conventions.OUTCOMES}


def in_prometheus(metric):
    name = metric.name.replace(".", "_") + SUFFIXES.get(metric.unit, "")
    if metric.buckets:
        return {f"{name}_bucket", f"{name}_count", f"{name}_sum"}
    return {f"{name}_total" if metric in COUNTERS else name}


EXPRESSIONS = [
    *(target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]),
    *(one["definition"] for one in DASHBOARD["templating"]["list"] if "definition" in one),
]
WORDS = {"sum", "by", "le", "rate", "increase", "histogram_quantile", "label_values", "h"}
WORDS |= {"last_over_time", "unless", "offset", "or"}


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_metric_and_label_of_the_dashboard_exists(expression, seen):
    metrics = {name: metric for metric in METRICS.values() for name in in_prometheus(metric)}
    labels = {attribute.replace(".", "_") for found in seen.attributes.values() for attribute in found}
    # What is in quotes, and Grafana's own variables, are no names.
    bare = re.sub(r'"[^"]*"|\$\w+', "", expression)
    found = set(re.findall(r"[a-z_][a-z0-9_]*", bare)) - WORDS
    used = found & metrics.keys()
    assert len(used) == 1
    assert found - used <= {name.replace(".", "_") for name in seen.attributes[metrics[used.pop()].name]} <= labels


def test_every_metric_is_on_the_dashboard():
    shown = " ".join(EXPRESSIONS)
    assert [
        metric.name for metric in METRICS.values() if not any(name in shown for name in in_prometheus(metric))
    ] == []


def test_the_names_for_prometheus_are_those_its_exporter_writes(seen):
    exporter = pytest.importorskip("opentelemetry.exporter.prometheus", reason="the exporter, to be asked itself")
    from opentelemetry.sdk.metrics import MeterProvider
    from prometheus_client import REGISTRY

    from packcloud_async.otel import _Numbers

    reader = exporter.PrometheusMetricReader()
    provider = MeterProvider([reader])
    numbers = _Numbers(provider.get_meter("packcloud_async"))
    for event, *_ in RECORDS:
        numbers.add(event)
    samples = [sample for family in REGISTRY.collect() for sample in family.samples]
    provider.shutdown()
    written = {sample.name: set[str]() for sample in samples}
    for sample in samples:
        written[sample.name] |= sample.labels.keys()
    for metric in METRICS.values():
        labels = {attribute.replace(".", "_") for attribute in seen.attributes[metric.name]}
        for name in in_prometheus(metric):
            assert (
                labels
                <= written[name]
                <= labels | {"le", "otel_scope_name", "otel_scope_version", "otel_scope_schema_url"}
            )


def test_a_failure_that_is_the_first_of_its_kind_is_not_lost_between_two_looks():
    """``increase`` takes the first value of a series for what it always was."""
    (expression,) = [one for one in EXPRESSIONS if "increase(" in one]
    series = r'packcloud_sync_outcomes_total\{packcloud_sync_outcome=~"([a-z|]+)"\}'
    new = rf"\(last_over_time\({series}\[1h\]\) unless {series} offset 1h\)"
    found = re.search(rf"\({new} or increase\({series}\[1h\]\)\)$", expression)
    failures = {outcome.value for outcome in Outcome if outcome.is_failure}
    assert [set(states.split("|")) for states in found.groups()] == [failures] * 3


def test_panels_have_names_of_their_own_and_do_not_overlap():
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len(panels)
    assert all(panel["description"] for panel in panels)
