"""requests in a program that cron starts: each run compares with the file of the run before, and starts the next sync.

Nothing watches. What the caller is told is the word of the next run, here as much later as everybody's window lasts, or
of the one after it when that fails. When nothing new is found, it is the error of the first run if there was one, which
cron would have sent by mail. The syncs that the next runs start are left out of the scene.
"""

import json
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from benchmarks.behaving.loop import Told, Wanted, log, told_of


class Program:
    """What cron starts; ``_seen`` is what outlives it."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._seen = Path(f"{wanted.ledger}.json")
        self._list = f"{wanted.base_url}/v1/organizations/{wanted.organization}/integrations"
        self._one = f"{self._list}/{wanted.integration}"
        # Not POSTs: urllib3 leaves them alone unless it is told otherwise.
        retries = Retry(total=3, backoff_factor=0.25, status_forcelist=(429, 502, 503, 504))
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {wanted.token}"
        self.session.mount("http://", HTTPAdapter(max_retries=retries))

    def has_run(self) -> bool:
        """Whether a run before this one has read."""
        return self._seen.exists()

    def compare(self) -> Told:
        """Read, and say whether it differs from what the run before read."""
        shown = self._read(self._one)["data"]["order_sync_updated_at"]
        before = json.loads(self._seen.read_text()) if self._seen.exists() else shown
        self._seen.write_text(json.dumps(shown))
        return Told("not moved" if shown == before else "moved")

    def start(self) -> None:
        """Start a sync of the orders."""
        self.session.post(f"{self._one}/orders/sync", timeout=self._wanted.timeout).raise_for_status()

    def count(self) -> int:
        """Follow the links from page to page."""
        found, url = 0, self._list
        while url:
            page = self._read(url)
            found += len(page["data"])
            url = page["links"]["next"]
        return found

    def _read(self, url: str) -> Any:
        answer = self.session.get(url, timeout=self._wanted.timeout)
        answer.raise_for_status()
        return answer.json()


def synced(wanted: Wanted) -> Told:
    """Run, and compare in the next run; in a process that was started again the run before has read already."""
    program, failed = Program(wanted), None
    if not program.has_run():
        try:
            program.compare()
            program.start()
        except Exception as error:  # noqa: BLE001 - cron goes on with the next run, whatever became of this one
            failed = error
            _write_down(error)
        time.sleep(wanted.deadline)
    try:
        found = program.compare()
    except Exception as error:  # noqa: BLE001 - as above
        _write_down(error)
        time.sleep(wanted.deadline)
        found = program.compare()
    return found if failed is None or found.says == "moved" else told_of(failed)


def listed(wanted: Wanted) -> Told:
    """Count the integrations."""
    return Told("listed", count=Program(wanted).count())


def printed(wanted: Wanted) -> Told:
    """Sync, and write down whatever is there when it fails."""
    session = Program(wanted).session
    log.info("client 0: %r", session)
    log.info("client 1: %r", session.adapters)
    return synced(wanted)


def _write_down(error: Exception) -> None:
    log.info("text: %s", error)
    log.info("repr: %r", error)
    log.info("traceback: %s", "".join(traceback.format_exception(error)))


TASKS: Mapping[str, Callable[[Wanted], Told]] = {
    "sync": synced,
    "list": listed,
    "print": printed,
    "sync again": synced,
}
