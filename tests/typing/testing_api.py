"""How the test kit is typed. Never run: mypy and basedpyright check it."""

import asyncio
from collections.abc import Mapping
from typing import assert_type

import pytest

from packcloud_async import PackCloudClient
from packcloud_async.emulator import Emulator, FaultPlan
from packcloud_async.testing import ServedEmulator, VirtualTimeLoop, serving


def without_pytest() -> None:
    with serving(Emulator(), port=8080) as served:
        assert_type(served, ServedEmulator)
        assert_type(served.base_url, str)
        assert_type(served.token, str)
        assert_type(served.environment, Mapping[str, str])
        assert_type(served.emulator, Emulator)


async def work() -> int:
    return await asyncio.get_running_loop().run_in_executor(None, int, "3")


def virtual_time() -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        assert_type(runner.run(work()), int)
    assert_type(VirtualTimeLoop().run_in_executor(None, int, "3"), asyncio.Future[int])


@pytest.mark.packcloud(organizations=2, faults=FaultPlan(script=[503]), virtual_time=True)
async def test_as_users_write_it(
    packcloud_client: PackCloudClient, packcloud_emulator: Emulator, packcloud_server: ServedEmulator
) -> None:
    assert (await packcloud_client.organization("org_1").integrations.get("int_1")).id == "int_1"
