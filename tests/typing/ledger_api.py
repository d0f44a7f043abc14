"""How the ledger is typed. Never run: mypy and basedpyright check it."""

from collections.abc import Sequence
from typing import assert_type

from packcloud_async import (
    Ledger,
    LedgerContents,
    LedgerTarget,
    NewJob,
    RunRecord,
    SqliteLedger,
    TargetRecord,
    UnfinishedTarget,
    read_ledger,
)


async def any_ledger(ledger: Ledger, run: RunRecord) -> None:
    assert_type(await ledger.open(), RunRecord | None)
    ledger.begin(run)
    for number in ledger.add_targets([TargetRecord("org_1")]):
        assert_type(ledger.add_jobs(number, (NewJob("int_1", "token"),)), Sequence[int])
    ledger.record(1, "token", finished=True, error="ServerError 503")
    assert_type(await ledger.flush(), None)
    assert_type(await ledger.unfinished(after=1, limit=10), Sequence[UnfinishedTarget])
    await ledger.aclose()


async def the_one_of_sqlite(run: RunRecord) -> None:
    await any_ledger(SqliteLedger("run.sqlite", survives_power_cut=False), run)
    with read_ledger("run.sqlite") as contents:
        assert_type(contents, LedgerContents)
        for target in contents.targets():
            assert_type(target, LedgerTarget)
