"""Contestants of the benchmarks that do as the tests want: made in processes of their own, by name."""

import asyncio
import importlib.util
from contextlib import asynccontextmanager
from functools import partial


@asynccontextmanager
async def sleeping(seconds: str):
    """Each operation takes so long and next to no processor time."""

    async def ask():
        await asyncio.sleep(float(seconds))

    yield ask


@asynccontextmanager
async def dying(after: str):
    """Fails at the operation of this number."""
    count = 0

    async def ask():
        nonlocal count
        count += 1
        if count == int(after):
            raise RuntimeError("as the test wants")
        await asyncio.sleep(0)

    yield ask


@asynccontextmanager
async def refusing(module: str):
    """Cannot be made where a module can be imported."""
    if importlib.util.find_spec(module) is not None:
        raise RuntimeError(f"{module} is there")
    yield partial(asyncio.sleep, 0)
