"""A report of a run against a server that echoes the credential holds it nowhere."""

import json

import pytest

from packcloud_async import PackCloudClient, SqliteLedger, SyncKind, read_ledger
from packcloud_async.reporting.from_ledger import story_of
from packcloud_async.reporting.page import Drawing, page_of
from packcloud_async.reporting.recording import Recording

from ..secrets import canaries
from ..secrets.conftest import search
from ..secrets.test_lives import RETRY, echo
from ..support.scripted_transport import ScriptedTransport

__all__ = ["search"]


@pytest.mark.parametrize("status", [401, 404, 422, 500])
async def test_what_is_refused_with_an_echo(search, tmp_path, status):
    async def echoing(request):
        return echo(request, status)

    recording = Recording()
    transport = ScriptedTransport([echoing] * 100)
    ledger = SqliteLedger(tmp_path / "run.sqlite")
    async with PackCloudClient(token=canaries.TOKEN, transport=transport, retry=RETRY, hooks=[recording]) as client:
        async with client.sync_many(["org_1", "org_2"], kinds=set(SyncKind), ledger=ledger) as run:
            results = [result async for result in run]
        seen = recording.story()
    assert [result.failed for result in results] == [True, True]
    with read_ledger(tmp_path / "run.sqlite") as contents:
        told = story_of(contents.run, contents.targets())
    for story in (seen, told):
        assert len(story.jobs) == 2
        search.value("story", story)
        page = page_of(story, Drawing("", json.dumps)).decode()
        assert str(status) in page
        search.text("page", page)
