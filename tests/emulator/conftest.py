"""A state that is asked without any loop."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from packcloud_async._sansio.wire import Request, Response
from packcloud_async.emulator import AnswerLog, Reply, State, World

INTEGRATIONS = "/v1/organizations/org_1/integrations"


class Asked:
    """A state, and a short way of asking it; paths without a leading slash are below org_1's integrations."""

    def __init__(self, *, token: str = "secret-token", faults: Any = (), paths: Any = None, **world: Any) -> None:
        self.log = AnswerLog()
        self.state = State(World(**world), token=token, faults=faults, paths=paths, log=self.log)
        self.books = self.state.books
        self.counters = self.state.counters
        self.authorization = f"Bearer {token}"

    def reply(
        self, method: str, path: str = "", now: float = 0.0, *, query: Mapping[str, str] | None = None, body: Any = None
    ) -> Reply:
        """Ask for what a driver would act out."""
        if not path.startswith(("/", "https:")):
            path = f"{INTEGRATIONS}/{path}" if path else INTEGRATIONS
        url = path if path.startswith("https:") else f"https://api.pack.cloud{path}"
        if query:
            url += "?" + urlencode(query)
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        return self.state.answer(Request(method, url, {"Authorization": self.authorization}, content), now)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """Ask for the answer, which must come."""
        response = self.reply(*args, **kwargs).response
        assert response is not None
        return response

    def status(self, *args: Any, **kwargs: Any) -> int:
        """Ask for the status."""
        return self.response(*args, **kwargs).status

    def data(self, *args: Any, **kwargs: Any) -> Any:
        """Ask for what a wrapped 2xx body carries."""
        response = self.response(*args, **kwargs)
        assert response.status < 300, response.json()
        document: Any = response.json()
        return document["data"]

    def watermark(self, now: float, integration: str = "int_1", field: str = "order_sync_updated_at") -> Any:
        """Read a watermark of an integration of org_1."""
        return self.data("GET", integration, now)[field]


@pytest.fixture
def asked() -> Callable[..., Asked]:
    """Build a state from the fields of World, ``faults``, ``paths`` and ``token``."""
    return Asked
