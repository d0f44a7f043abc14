"""Faults of connections that were used before."""

from typing import Any

import aiohttp

from ..support.misbehaving_server import answer
from .connection_faults import nothing
from .expectations import Conclusion
from .faults import Fault, Subject, closing, replying, resetting
from .good_answers import STRAY, integration


def _kept(name: str, conclusion: Conclusion = Conclusion.UNDERSTOOD, **options: Any) -> Fault:
    return Fault(name=name, subject=Subject.KEPT, conclusion=conclusion, warm=True, reused=False, **options)


async def _close(*_: Any) -> bool:
    return False


async def _reset(connection: Any, _: Any) -> bool:
    connection.reset()
    return False


def _sending(data: bytes) -> Any:
    async def between(connection: Any, _: Any) -> bool:
        await connection.until_read()
        await connection.send(data)
        return True

    return between


NOBODY_ASKED = answer(200, {"data": integration(STRAY, mark=STRAY)})
STRAY_ACCEPTANCE = answer(202, {"data": {"message": STRAY}})

KEPT = (
    _kept("closed while idle", between=_close, idle=True),
    _kept("reset while idle", between=_reset, idle=True),
    _kept("bytes that are no answer while idle", between=_sending(b"and more"), idle=True),
    _kept("an answer that nobody asked for while idle", between=_sending(NOBODY_ASKED), idle=True),
    _kept(
        "a 202 that nobody asked for while idle, where the application itself used the connection before",
        between=_sending(STRAY_ACCEPTANCE),
        idle=True,
        stranger=True,
        session=lambda _: aiohttp.ClientSession(),
    ),
    _kept("closed just before it is used again", between=_close),
    _kept("reset just before it is used again", between=_reset),
    _kept("closed after the next request is read", Conclusion.LOST, play=closing(nothing)),
    _kept("reset after the next request is read", Conclusion.LOST, play=resetting(nothing)),
    _kept("closed in the head of the next answer", Conclusion.LOST, play=closing(lambda _: b"HTTP/1.1 2")),
    Fault(
        name="two answers to one request in the same packet",
        subject=Subject.KEPT,
        conclusion=Conclusion.UNDERSTOOD,
        play=replying(lambda good: good.whole() + NOBODY_ASKED),
        reused=False,
    ),
)
