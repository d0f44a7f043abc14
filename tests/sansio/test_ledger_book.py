"""What is told to a ledger, and what of it is written together."""

import copy
from datetime import UTC, datetime

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from packcloud_async._sansio.ledger_book import Batch, Book, FoundJob, Opened, Recorded
from packcloud_async._sansio.ledger_records import NewJob, RunRecord, TargetRecord
from packcloud_async._sansio.progress import IllegalStep
from packcloud_async._sansio.token import OnConflict
from packcloud_async.errors import ConfigurationError
from packcloud_async.policies import PollPolicy

AT = datetime(2026, 1, 1, tzinfo=UTC)
RUN = RunRecord(None, PollPolicy(), OnConflict.WATCH, AT)
OVER = RunRecord(None, PollPolicy(), OnConflict.WATCH, AT, AT)
TARGET = TargetRecord("org_1")


def begun():
    return Book.of(Opened(RUN, last_target=3, last_job=7))


def test_a_batch_holds_what_was_told_and_the_next_one_is_empty():
    book = Book.of(Opened())
    book.begin(RUN)
    assert list(book.add_targets([TARGET, TargetRecord("org_2")])) == [1, 2]
    assert list(book.add_jobs(1, [NewJob("int_1", "a"), NewJob("int_2", "b")])) == [1, 2]
    book.target_failed(2, "NotFound 404")
    book.finish(AT)
    assert book
    assert book.take() == Batch(
        run=RUN,
        targets={1: TARGET, 2: TargetRecord("org_2")},
        settled={1: None, 2: "NotFound 404"},
        jobs={1: FoundJob(1, "int_1", Recorded("a")), 2: FoundJob(1, "int_2", Recorded("b"))},
        finished=AT,
    )
    assert not book
    assert not book.take()


def test_numbers_go_on_from_what_the_ledger_holds():
    book = begun()
    assert list(book.add_targets([TARGET])) == [4]
    assert list(book.add_jobs(2, [NewJob("int_1", "a")])) == [8]
    assert list(book.add_jobs(3, [])) == []


def test_records_of_one_job_in_one_batch_become_the_last_of_them():
    book = begun()
    for token in ("a", "b", "c"):
        book.record(7, Recorded(token))
    book.add_jobs(1, [NewJob("int_1", "new")])
    book.record(8, Recorded("sent"))
    book.record(8, Recorded("done", finished=True, error="ServerError 503"))
    assert book.take() == Batch(
        settled={1: None},
        jobs={8: FoundJob(1, "int_1", Recorded("done", finished=True, error="ServerError 503"))},
        records={7: Recorded("c")},
    )
    book.record(8, Recorded("later"))
    assert book.take() == Batch(records={8: Recorded("later")})


@pytest.mark.parametrize(
    ("book", "tell", "why"),
    [
        (begun(), lambda book: book.begin(RUN), "holds one already"),
        (Book.of(Opened(OVER)), lambda book: book.begin(RUN), "holds one already"),
        (Book.of(Opened()), lambda book: book.add_targets([TARGET]), "holds no run yet"),
        (Book.of(Opened()), lambda book: book.finish(AT), "holds no run yet"),
        (Book.of(Opened(OVER, 1, 1)), lambda book: book.add_targets([TARGET]), "is finished"),
        (Book.of(Opened(OVER, 1, 1)), lambda book: book.add_jobs(1, []), "is finished"),
        (Book.of(Opened(OVER, 1, 1)), lambda book: book.record(1, Recorded("a")), "is finished"),
        (Book.of(Opened(OVER, 1, 1)), lambda book: book.finish(AT), "is finished"),
        (begun(), lambda book: book.add_jobs(4, []), "no target 4"),
        (begun(), lambda book: book.add_jobs(0, []), "no target 0"),
        (begun(), lambda book: book.target_failed(4, "NotFound 404"), "no target 4"),
        (begun(), lambda book: book.record(8, Recorded("a")), "no job 8"),
        (begun(), lambda book: book.record(0, Recorded("a")), "no job 0"),
    ],
)
def test_what_cannot_follow_changes_nothing(book, tell, why):
    before = copy.deepcopy(book)
    with pytest.raises(IllegalStep, match=why):
        tell(book)
    assert book == before


def test_a_target_is_settled_once():
    book = begun()
    book.add_jobs(1, [])
    with pytest.raises(IllegalStep, match="target 1 is not waiting any more"):
        book.target_failed(1, "NotFound 404")


@pytest.mark.parametrize(
    "tell",
    [
        lambda book: book.target_failed(1, "404 hush!"),
        lambda book: book.record(1, Recorded("a", finished=True, error="404 hush!")),
    ],
    ids=["target", "job"],
)
def test_what_a_server_said_is_refused_and_changes_nothing(tell):
    book = begun()
    with pytest.raises(ConfigurationError):
        tell(book)
    assert not book


class WhatIsWritten(RuleBasedStateMachine):
    """However the batches are cut, written one after the other they are what was told."""

    def __init__(self):
        super().__init__()
        self.book = Book.of(Opened(RUN))
        self.told, self.written, self.waiting = {}, {}, set()

    @rule(count=st.integers(0, 3))
    def add_targets(self, count):
        self.waiting.update(self.book.add_targets([TARGET] * count))

    @precondition(lambda self: self.waiting)
    @rule(data=st.data(), count=st.integers(0, 3))
    def add_jobs(self, data, count):
        target = data.draw(st.sampled_from(sorted(self.waiting)))
        self.waiting.discard(target)
        for number in self.book.add_jobs(target, [NewJob("int_1", "new")] * count):
            self.told[number] = Recorded("new")

    @precondition(lambda self: self.told)
    @rule(data=st.data(), token=st.text(max_size=2), finished=st.booleans())
    def record(self, data, token, finished):
        number = data.draw(st.sampled_from(sorted(self.told)))
        self.told[number] = Recorded(token, finished)
        self.book.record(number, self.told[number])

    @rule()
    def write(self):
        batch = self.book.take()
        assert not set(batch.jobs) & (set(self.written) | set(batch.records))
        assert set(batch.records) <= set(self.written)
        self.written |= {number: job.recorded for number, job in batch.jobs.items()} | batch.records
        assert self.written == self.told

    @invariant()
    def numbers_have_no_gaps(self):
        assert sorted(self.told) == list(range(1, len(self.told) + 1))


TestWhatIsWritten = WhatIsWritten.TestCase
