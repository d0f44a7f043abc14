"""The lean server over real HTTP, in a process of its own: ``python -m benchmarks.whole.server PLAN``.

A bare asyncio protocol that knows as much of HTTP/1.1 as the contestants speak to it on loopback: requests in order on
kept connections, bodies by Content-Length. It prints its port. What it did is told at ``/books``.
"""

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, cast

from attrs import asdict, define, field, frozen

from benchmarks.lean_server import Key, LeanServer
from benchmarks.measuring.cores import SERVER_CORE, environment, pin
from benchmarks.measuring.rounds import processor_seconds
from benchmarks.results import ROOT
from packcloud_async import Request, Response, SyncKind
from packcloud_async.emulator import SyncTimes
from packcloud_async.emulator.draws import Draws

_PHRASES = {200: "OK", 202: "Accepted"}


@frozen(kw_only=True)
class Plan:
    """What is synced: organizations ``org_1`` and so on, each with so many integrations.

    ``median`` and ``spread`` are the seconds of log-normal durations: one in six is above ``median + spread``.
    ``finds_nothing`` is the share of syncs that never move their watermark; 1 means that the server may keep its
    answers ready-made. ``sizes`` are organizations of another size.
    """

    organizations: int
    integrations: int = 10
    median: float = 2.0
    spread: float = 4 / 3
    finds_nothing: float = 0.0
    per_page: int = 25
    seed: int = 1
    sizes: Mapping[str, int] = field(factory=dict[str, int])

    def takes(self, key: Key) -> float | None:
        """Return how many seconds a sync takes, None if it finds nothing."""
        times = SyncTimes(median=self.median, spread=self.spread, finds_nothing=self.finds_nothing)
        steps = times.draw(Draws(self.seed), *key, 0).steps
        return steps[-1][0] if steps else None

    def integrations_of(self, organization_id: str) -> int:
        """Return how many integrations an organization has."""
        return self.sizes.get(organization_id, self.integrations)

    @property
    def organization_ids(self) -> list[str]:
        """The organizations, one after the other."""
        return [f"org_{number}" for number in range(1, self.organizations + 1)]

    @property
    def integration_ids(self) -> list[tuple[str, str]]:
        """Organization and integration of each integration there is."""
        return [(id_, f"int_{n}") for id_ in self.organization_ids for n in range(1, self.integrations_of(id_) + 1)]

    def state(self) -> LeanServer:
        """Return what the server keeps before anything was synced."""
        return LeanServer(
            integrations_of=self.integrations_of,
            takes=self.takes,
            per_page=self.per_page,
        )


@frozen
class Books:
    """What a server did: requests by sort, and the instants at which watermarks moved, or are going to."""

    lists: int
    singles: int
    posts: int
    moves: Mapping[Key, float]

    @property
    def reads(self) -> int:
        """All GETs."""
        return self.lists + self.singles


@define(eq=False)
class _Http(asyncio.Protocol):
    """One connection."""

    answer: Callable[[bytes, bytes], bytes]
    _transport: asyncio.Transport | None = None
    _received: bytes = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is none by its class.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        answers: list[bytes] = []
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head, end = self._received[:end], end + 4 + _body_length(self._received[:end])
            if len(self._received) < end:
                break
            self._received = self._received[end:]
            method, target, _ = head.split(b"\r\n", 1)[0].split(b" ")
            answers.append(self.answer(method, target))
        if answers and self._transport is not None:
            self._transport.write(b"".join(answers))


def _body_length(head: bytes) -> int:
    _, name, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0]) if name else 0


def _answering(plan: Plan, base_url: str) -> Callable[[bytes, bytes], bytes]:
    state = plan.state()

    def answer(method: bytes, target: bytes) -> bytes:
        if target == b"/books":
            return _written(Response(200, {"content-type": "application/json"}, _told(state)))
        return _written(state.answer(Request(method.decode(), base_url + target.decode()), time.monotonic()))

    if plan.finds_nothing < 1:
        return answer
    # Nothing ever changes, so that the answers of a large page need not be the slow part.
    ready_made = cache(answer)

    def counted(method: bytes, target: bytes) -> bytes:
        if target == b"/books":
            return answer(method, target)
        before = state.counts.total()
        found = ready_made(method, target)
        if state.counts.total() == before:
            state.counts["posts" if method == b"POST" else "lists" if _is_list(target) else "singles"] += 1
        return found

    return counted


def _is_list(target: bytes) -> bool:
    return target.partition(b"?")[0].endswith(b"/integrations")


def _written(response: Response) -> bytes:
    fields = "".join(f"{name}: {value}\r\n" for name, value in response.headers.items())
    head = f"HTTP/1.1 {response.status} {_PHRASES[response.status]}\r\n{fields}content-length: {len(response.body)}\r\n"
    return head.encode() + b"\r\n" + response.body


def _told(state: LeanServer) -> bytes:
    moves = [(*key, at) for key, at in state.moves.items()]
    counts = {name: state.counts[name] for name in ("lists", "singles", "posts")}
    return json.dumps({"counts": counts, "moves": moves}).encode()


@frozen
class Serving:
    """A server that runs."""

    base_url: str
    process: int

    def books(self) -> Books:
        """Return what it did so far."""
        with urllib.request.urlopen(f"{self.base_url}/books") as answer:
            told = json.load(answer)
        moves = {(organization, one, SyncKind(kind)): at for organization, one, kind, at in told["moves"]}
        return Books(**told["counts"], moves=moves)

    def busy(self) -> float:
        """Return the seconds of processor time it has had so far."""
        return processor_seconds([self.process])


@contextmanager
def serving(plan: Plan) -> Iterator[Serving]:
    """Run a server until the block ends."""
    command = [sys.executable, "-m", "benchmarks.whole.server", json.dumps(asdict(plan))]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment())
    try:
        assert process.stdout is not None
        yield Serving(f"http://127.0.0.1:{int(process.stdout.readline())}", process.pid)
    finally:
        process.terminate()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


async def _serve(plan: Plan) -> None:
    loop = asyncio.get_running_loop()
    answers: list[Callable[[bytes, bytes], bytes]] = []
    server = await loop.create_server(lambda: _Http(answers[0]), "127.0.0.1", 0, backlog=4096)
    port = server.sockets[0].getsockname()[1]
    answers.append(_answering(plan, f"http://127.0.0.1:{port}"))
    print(port, flush=True)
    await server.serve_forever()


def name() -> str:
    """Say what answers, as the notes under the tables do."""
    loop = "asyncio's own loop" if _loop_factory() is None else "uvloop"
    return f"a bare asyncio protocol on {loop}"


def _loop_factory() -> Any:
    try:
        import uvloop  # noqa: PLC0415 - it may not be there
    except ImportError:
        return None
    return uvloop.new_event_loop


def main() -> None:
    """Serve on the server's core until terminated."""
    pin(SERVER_CORE)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(Plan(**json.loads(sys.argv[1]))))


if __name__ == "__main__":
    main()
