"""Senders send in the context of their run, whoever gives them a POST."""

import asyncio
from contextvars import ContextVar

from attrs import define, field

from packcloud_async.senders import Senders

WHO = ContextVar("who")


@define
class Noted:
    """A POST that notes in whose context it is sent."""

    seen: list = field(factory=list)

    async def send(self):
        self.seen.append(WHO.get())

    def over(self):
        pass


async def test_what_a_read_gives_on_is_sent_in_the_context_of_the_run():
    post = Noted()

    async def read():
        WHO.set("a read")
        senders.send(post)

    WHO.set("the run")
    async with Senders() as senders:
        await asyncio.create_task(read())
        await asyncio.sleep(1)
        senders.close()
    assert post.seen == ["the run"]
