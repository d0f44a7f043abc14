"""What the script of a report finds jobs by: every job of the run, packed; pure."""

from collections.abc import Sequence

from attrs import define, field

from packcloud_async.models import SyncKind
from packcloud_async.reporting.digest import Digest
from packcloud_async.reporting.figures import Json
from packcloud_async.reporting.story import JobStory, KindStory, State
from packcloud_async.reporting.timelines import Strip

_STATES = list(State)
_KINDS = list(SyncKind)


def rows_of(digest: Digest, strips: Sequence[Strip]) -> Json:
    """Return jobs, the organizations they belong to and the strips of the timeline; texts are named by number."""
    texts = _Texts()
    by_kind = any(strip.kind is not None for strip in strips)
    return {
        "states": [state.value for state in _STATES],
        "failures": [state.gravity for state in _STATES if state.is_failure],
        "kinds": [kind.value.replace("_", " ") for kind in _KINDS],
        "bands": [[band.first, band.end, texts.number_of(band.organization_id)] for band in digest.bands],
        "strips": {
            "jobs": [strip.job for strip in strips],
            "kinds": [_number_in_job(digest.jobs[strip.job], strip) for strip in strips] if by_kind else None,
        },
        "jobs": [_job(job, texts) for job in digest.jobs],
        "texts": texts.all,
    }


@define(eq=False)
class _Texts:
    """Texts by number: many jobs have the same."""

    all: list[str] = field(factory=list[str], init=False)
    _numbers: dict[str, int] = field(factory=dict[str, int], init=False)

    def number_of(self, text: str) -> int:
        if (number := self._numbers.get(text)) is None:
            number = self._numbers[text] = len(self.all)
            self.all.append(text)
        return number

    def maybe(self, text: str | None) -> int | None:
        return None if text is None else self.number_of(text)


def _job(job: JobStory, texts: _Texts) -> Json:
    return [
        job.integration_id,
        _rounded(job.began),
        _rounded(job.ended),
        _rounded(job.seconds),
        job.state.gravity,
        [_kind(kind, texts) for kind in job.kinds],
        texts.maybe(job.reason),
        texts.maybe(job.message),
    ]


def _kind(kind: KindStory, texts: _Texts) -> Json:
    return [
        _KINDS.index(kind.kind),
        kind.state.gravity,
        _rounded(kind.ended),
        _rounded(kind.delay),
        texts.maybe(kind.reason),
        texts.maybe(kind.message),
    ]


def _number_in_job(job: JobStory, strip: Strip) -> int | None:
    return None if strip.kind is None else job.kinds.index(strip.kind)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
