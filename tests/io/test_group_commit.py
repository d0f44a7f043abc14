"""Group commit, where the loop itself is broken off."""

import asyncio

import pytest

from packcloud_async._io.group_commit import GroupCommit
from packcloud_async._sansio.ledger_book import Book, Opened
from packcloud_async.errors import LedgerError


@pytest.fixture
async def last():
    return asyncio.get_running_loop().create_future()


@pytest.fixture
async def commit(last):
    return GroupCommit(Book.of(Opened(None, 0, 0)), lambda _: last, asyncio.get_running_loop())


@pytest.mark.parametrize("breaks_off", [KeyboardInterrupt, SystemExit])
async def test_what_breaks_the_last_commit_off_is_raised_as_it_is(commit, last, breaks_off):
    ending = commit.end(lambda _: last)
    ending.send(None)
    with pytest.raises(breaks_off):
        ending.throw(breaks_off)
    last.set_result(None)
    await asyncio.sleep(0)
    await commit.flush()


async def test_a_last_commit_that_is_thrown_away_still_tells_its_failure(commit, last):
    ending = commit.end(lambda _: last)
    ending.send(None)
    ending.close()
    last.set_exception(LedgerError("full"))
    await asyncio.sleep(0)
    with pytest.raises(LedgerError, match="full"):
        await commit.flush()
