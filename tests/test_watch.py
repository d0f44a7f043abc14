"""Watch: shared reads of one organization on virtual time."""

import asyncio
import json
from collections import Counter
from contextvars import Context

import attrs
import pytest

from packcloud_async import AsyncSyncJob, ClientStateError, Outcome, PackCloudClient, SyncKind, Timeouts
from packcloud_async._io.tasks import until_done
from packcloud_async.emulator import FaultPlan

from .support.recording import RecordingTransport
from .support.shop import STEADY, open_shop, slow_to_cancel

ORDERS = SyncKind.ORDERS
DOCUMENTED = [SyncKind.ORDERS, SyncKind.PRODUCTS]
NAMES = [f"int_{number}" for number in range(1, 31)]


def find_nothing(shop, names=NAMES, takes=1):
    for name in names:
        shop.emulator.plan_sync("org_1", name, ORDERS, moves=[], takes=takes)


async def sync_all(shop, poll=STEADY):
    async with shop.client.sync_many(["org_1"], kinds={ORDERS}, poll=poll) as run:
        return {result.integration_id: result async for result in run}


def watch_tasks():
    return [task for task in asyncio.all_tasks() if task.get_name().startswith("watch")]


async def test_what_is_due_together_is_read_by_one_walk_of_the_list():
    async with open_shop(integrations=30) as shop:
        find_nothing(shop)
        results = await sync_all(shop)
    assert {result[ORDERS].state for result in results.values()} == {Outcome.QUIET}
    assert shop.transport.count("GET", "int_1") == 0
    ticks = sorted({at for at in shop.transport.times("GET", "/integrations") if at > 0})
    # Two pages at each of the ages 1, 2, 3, 4.5, 6.75, 10.1, 15.2, 22.8, 32.8, 42.8, 52.8 and the deadline.
    assert len(ticks) == 12
    assert shop.transport.count("GET", "/integrations") == 2 + 2 * 12


async def test_a_walk_stops_when_all_that_is_due_was_seen():
    async with open_shop(integrations=60) as shop:
        find_nothing(shop, NAMES[:10])
        listed = shop.transport.count
        targets = [shop.org.sync_job(name, ORDERS, poll=STEADY) for name in NAMES[:10]]
        watch = shop.client.watch_of("org_1")
        watch.known.pages = 3
        async with asyncio.TaskGroup() as group:
            for job in targets:
                group.create_task(job.fire())
        async with asyncio.TaskGroup() as group:
            for job in targets:
                group.create_task(job.wait())
        assert watch.known.pages == 3
    assert listed("GET", "/integrations") == 12


async def test_a_walk_notes_where_the_list_shows_each_integration_now():
    async with open_shop(organizations=1, integrations=12, per_page=4) as shop:
        for number in range(1, 13):
            seconds = {5: 2.5, 6: 2.5, 7: 40, 8: 40}.get(number, 0.5)
            shop.emulator.plan_sync("org_1", f"int_{number}", ORDERS, moves=[(seconds, None)])

        def delete_the_first_page():
            for number in range(1, 5):
                shop.emulator.delete("org_1", f"int_{number}")

        asyncio.get_running_loop().call_later(1.5, delete_the_first_page)
        async with shop.client.sync_many(["org_1"], kinds={ORDERS}, poll=STEADY) as run:
            states = [result[ORDERS].state async for result in run]
    assert states == [Outcome.ADVANCED] * 12
    reads = Counter(sent.at for sent in shop.transport.sent if sent.method == "GET" and sent.at > 1.5)
    # What was on the second page is on the first now: from the walk of 2 on, one page is all there is to read.
    assert len(reads) > 5
    assert set(reads.values()) == {1}


async def test_a_walk_brings_news_of_those_that_are_not_due():
    async with open_shop() as shop:
        find_nothing(shop, ["int_2"])
        shop.emulator.plan_sync("org_1", "int_1", ORDERS, moves=[(1.5, None)])
        watch = shop.client.watch_of("org_1")
        watch.known.pages = 1
        async with asyncio.TaskGroup() as group:
            slow = attrs.evolve(STEADY, first=30, ceiling=30)
            patient = group.create_task(shop.org.sync("int_1", ORDERS, poll=slow))
            group.create_task(shop.org.sync("int_2", ORDERS, poll=STEADY))
        assert watch.is_idle
    assert patient.result()[ORDERS].seen_at == pytest.approx(2)
    assert patient.result().timeline[-1].shared


async def test_absent_from_a_list_is_not_deleted():
    async def hide_from_the_list(request, send):
        response = await send(request)
        if request.method == "GET" and request.url.endswith("/integrations") and len(shop.transport.sent) > 3:
            body = json.loads(response.body)
            body["data"] = [item for item in body["data"] if item["id"] != "int_1"]
            return attrs.evolve(response, body=json.dumps(body).encode())
        return response

    async with open_shop(integrations=3, step_in=hide_from_the_list) as shop:
        find_nothing(shop, ["int_2", "int_3"])
        shop.emulator.plan_sync("org_1", "int_1", ORDERS, moves=[(5.0, None)])
        results = await sync_all(shop)
    assert results["int_1"][ORDERS].state is Outcome.ADVANCED
    assert shop.transport.count("GET", "int_1") > 0


async def test_one_of_many_that_is_deleted_is_gone_and_the_rest_go_on():
    async with open_shop(integrations=3) as shop:
        find_nothing(shop, NAMES[:3])
        async with asyncio.TaskGroup() as group:
            syncing = group.create_task(sync_all(shop))
            await asyncio.sleep(5)
            shop.emulator.delete("org_1", "int_2")
        states = {name: result[ORDERS].state for name, result in syncing.result().items()}
    assert states == {"int_1": Outcome.QUIET, "int_2": Outcome.GONE, "int_3": Outcome.QUIET}


async def test_all_deleted_at_once_are_gone_because_the_list_still_answers():
    async with open_shop(integrations=2) as shop:
        find_nothing(shop, NAMES[:2])
        async with asyncio.TaskGroup() as group:
            syncing = group.create_task(sync_all(shop))
            await asyncio.sleep(5)
            for name in NAMES[:2]:
                shop.emulator.delete("org_1", name)
        assert {result[ORDERS].state for result in syncing.result().values()} == {Outcome.GONE}


async def test_a_list_that_fails_leads_to_single_reads():
    async with open_shop(integrations=3) as shop:
        for name in NAMES[:3]:
            shop.emulator.plan_sync("org_1", name, ORDERS, moves=[(1.5, None)])
        async with asyncio.TaskGroup() as group:
            syncing = group.create_task(sync_all(shop))
            await asyncio.sleep(0.5)
            shop.emulator.set_faults(FaultPlan(routes={"integrations"}, server_error=1))
        results = syncing.result()
    assert {result[ORDERS].state for result in results.values()} == {Outcome.ADVANCED}
    # The list that was the baseline and the one that failed; then one read each.
    assert shop.transport.count("GET", "integrations") == 2
    assert [shop.transport.count("GET", name) for name in NAMES[:3]] == [1, 1, 1]


async def test_a_read_that_hangs_delays_nobody_else():
    async def hang(request, send):
        if request.method == "GET" and request.url.endswith("int_1") and asyncio.get_running_loop().time() > 0:
            await asyncio.sleep(50)
        return await send(request)

    async with open_shop(step_in=hang) as shop:
        for name in NAMES[:2]:
            shop.emulator.plan_sync("org_1", name, ORDERS, moves=[(1.5, None)])
        async with asyncio.TaskGroup() as group:
            slow, quick = (group.create_task(shop.org.sync(name, ORDERS, poll=STEADY)) for name in NAMES[:2])
    assert quick.result()[ORDERS].seen_at == pytest.approx(2)
    assert slow.result()[ORDERS].seen_at == pytest.approx(51)


async def test_there_is_a_task_only_while_something_is_read():
    async with open_shop(faults=FaultPlan(routes={"integration", "integrations"}, latency=0.25)) as shop:
        assert watch_tasks() == []
        seen = {}
        async with asyncio.TaskGroup() as group:
            syncs = [group.create_task(shop.org.sync(name, ORDERS, poll=STEADY)) for name in NAMES[:3]]
            while not all(sync.done() for sync in syncs):
                await asyncio.sleep(0.1)
                now = round(asyncio.get_running_loop().time(), 1)
                seen[now] = len(watch_tasks())
        assert watch_tasks() == []
    # Fired at 0.25, due a second later, and one task reads for all three.
    assert [seen[at] for at in (0.5, 0.8, 1.1, 1.3, 1.4)] == [0, 0, 0, 1, 1]
    assert seen[1.6] == 0


async def test_a_job_that_leaves_does_not_stop_the_others():
    async with open_shop() as shop:
        for name in NAMES[:2]:
            shop.emulator.plan_sync("org_1", name, ORDERS, moves=[(5.0, None)])
        leaving = asyncio.create_task(shop.org.sync("int_1", ORDERS, poll=STEADY))
        staying = asyncio.create_task(shop.org.sync("int_2", ORDERS, poll=STEADY))
        await asyncio.sleep(2.5)
        leaving.cancel()
        assert (await staying)[ORDERS].state is Outcome.ADVANCED
        assert shop.transport.times("GET", "int_1")[-1] <= 2.5


async def test_a_job_can_join_while_the_last_read_of_another_is_under_way():
    async with open_shop(faults=FaultPlan(routes={"integration"}, latency=0.7)) as shop:
        async with asyncio.TaskGroup() as group:
            first = group.create_task(shop.org.sync("int_1", ORDERS, poll=STEADY))
            await asyncio.sleep(2)
            second = group.create_task(shop.org.sync("int_2", ORDERS, poll=STEADY))
        assert {task.result()[ORDERS].state for task in (first, second)} == {Outcome.ADVANCED}


async def test_an_unforeseen_error_reaches_everybody_who_waits():
    async def break_down(request, send):
        if request.method == "GET" and asyncio.get_running_loop().time() > 0:
            raise ZeroDivisionError("a fault in the transport")
        return await send(request)

    async with open_shop(step_in=break_down) as shop:
        tasks = [asyncio.create_task(shop.org.sync("int_1", kind, poll=STEADY)) for kind in DOCUMENTED]
        await asyncio.wait(tasks)
        assert [type(task.exception()) for task in tasks] == [ZeroDivisionError, ZeroDivisionError]
        assert watch_tasks() == []


async def test_a_closed_client_ends_every_watch():
    async with open_shop(organizations=3) as shop:
        tasks = [
            asyncio.create_task(shop.client.organization(f"org_{number}").sync("int_1", ORDERS, poll=STEADY))
            for number in (1, 2, 3)
        ]
        await asyncio.sleep(1.5)
        await shop.client.aclose()
        await asyncio.wait(tasks)
        assert {type(task.exception()) for task in tasks} == {ClientStateError}
        assert watch_tasks() == []


class TestJoiningAndLeaving:
    @pytest.mark.parametrize("tenths", range(30))
    async def test_a_job_that_starts_at_any_time_beside_another_is_read(self, tenths):
        async with open_shop(faults=FaultPlan(latency=0.5)) as shop:
            shop.emulator.plan_sync("org_1", "int_1", ORDERS, moves=[(1.2, None)])
            shop.emulator.plan_sync("org_1", "int_2", ORDERS, moves=[(1.2, None)])
            async with asyncio.timeout(200), asyncio.TaskGroup() as group:
                first = group.create_task(shop.org.sync("int_1", ORDERS, poll=STEADY))
                await asyncio.sleep(tenths / 10)
                second = group.create_task(shop.org.sync("int_2", ORDERS, poll=STEADY))
        assert {task.result()[ORDERS].state for task in (first, second)} == {Outcome.ADVANCED}

    async def test_a_job_that_joins_while_a_slow_read_is_cancelled_is_read(self):
        async with open_shop(step_in=slow_to_cancel, faults=FaultPlan(latency=0.7)) as shop:
            leaving = asyncio.create_task(shop.org.sync("int_1", ORDERS, poll=STEADY))
            await asyncio.sleep(2.6)
            leaving.cancel()
            await asyncio.sleep(0.5)
            async with asyncio.timeout(100):
                result = await shop.org.sync("int_2", ORDERS, poll=STEADY)
            assert result[ORDERS].state is Outcome.ADVANCED
            assert leaving.done()

    async def test_a_hung_read_of_a_job_that_left_delays_nobody(self):
        async def hang(request, send):
            if request.method == "GET" and request.url.endswith("int_1") and asyncio.get_running_loop().time() > 0:
                await asyncio.sleep(1000)
            return await send(request)

        async with open_shop(step_in=hang, client={"timeouts": Timeouts(total=None)}) as shop:
            leaving = asyncio.create_task(shop.org.sync("int_1", ORDERS, poll=STEADY))
            staying = asyncio.create_task(shop.org.sync("int_2", ORDERS, poll=STEADY))
            await asyncio.sleep(1.5)
            leaving.cancel()
            await staying
            async with asyncio.timeout(100):
                assert (await shop.org.sync("int_3", ORDERS, poll=STEADY))[ORDERS].state is Outcome.ADVANCED
            assert watch_tasks() == []

    async def test_cancelling_twice_leaves_no_task(self):
        async with open_shop(step_in=slow_to_cancel, faults=FaultPlan(latency=0.7)) as shop:
            job = shop.org.sync_job("int_1", ORDERS, poll=STEADY)
            waiting = asyncio.create_task(_await(job))
            await asyncio.sleep(2.6)
            waiting.cancel()
            await asyncio.sleep(0.5)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert watch_tasks() == []
            async with asyncio.timeout(100):
                assert (await job)[ORDERS].state is Outcome.ADVANCED

    async def test_a_page_asked_before_a_job_began_tells_it_nothing(self):
        async def slow_list(request, send):
            response = await send(request)
            if request.url.endswith("/integrations"):
                await asyncio.sleep(6)
            return response

        async with open_shop(integrations=2, step_in=slow_list) as shop:
            find_nothing(shop, NAMES[:2])
            watch = shop.client.watch_of("org_1")
            watch.known.pages = 1
            first = asyncio.create_task(shop.org.sync("int_1", ORDERS, poll=STEADY))
            other = asyncio.create_task(shop.org.sync("int_1", SyncKind.PRODUCTS, poll=STEADY))
            await asyncio.sleep(0.5)
            quick = shop.org.sync_job("int_2", ORDERS, poll=attrs.evolve(STEADY, first=0.6, ceiling=0.6))
            walking = asyncio.create_task(_await(quick))
            await asyncio.sleep(1)
            shop.emulator.set_watermark("org_1", "int_2", SyncKind.PRODUCTS, "2026-06-01T00:00:00Z")
            shop.emulator.plan_sync("org_1", "int_2", SyncKind.PRODUCTS, moves=[])
            late = await shop.org.sync("int_2", SyncKind.PRODUCTS, poll=STEADY)
            for task in (first, other, walking):
                task.cancel()
            await asyncio.wait([first, other, walking])
        assert late[SyncKind.PRODUCTS].state is Outcome.QUIET
        assert late[SyncKind.PRODUCTS].before == "2026-06-01T00:00:00Z"


async def _await(job):
    return await job


class TestUnfound:
    @pytest.mark.parametrize("jobs", [1, 2, 3])
    async def test_a_wrong_item_path_makes_nothing_gone(self, jobs):
        async with open_shop(organizations=1, integrations=3) as shop:
            for name in NAMES[:jobs]:
                shop.emulator.plan_sync("org_1", name, ORDERS, moves=[(20.0, None)])
            running = [shop.org.sync_job(name, ORDERS, poll=STEADY) for name in NAMES[:jobs]]
            for job in running:
                await job.fire()
            shop.emulator.set_faults(FaultPlan(routes={"integration"}, script=[404] * 1000))
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(_await(job)) for job in running]
        assert {task.result()[ORDERS].state for task in tasks} == {Outcome.ADVANCED}

    async def test_it_is_looked_up_on_every_page_of_the_list(self):
        async with open_shop(integrations=60) as shop:
            shop.emulator.plan_sync("org_1", "int_60", ORDERS, moves=[(20.0, None)])
            job = shop.org.sync_job("int_60", ORDERS, poll=STEADY)
            await job.fire()
            shop.emulator.set_faults(FaultPlan(routes={"integration"}, script=[404] * 1000))
            assert (await job)[ORDERS].state is Outcome.ADVANCED

    async def test_many_deleted_at_once_are_looked_up_together(self):
        async with open_shop(integrations=20) as shop:
            find_nothing(shop, NAMES[:20])
            running = [shop.org.sync_job(name, ORDERS, poll=STEADY) for name in NAMES[:20]]
            for job in running:
                await job.fire()
            for name in NAMES[:20]:
                shop.emulator.delete("org_1", name)
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(_await(job)) for job in running]
        assert {task.result()[ORDERS].state for task in tasks} == {Outcome.GONE}
        assert shop.transport.count("GET", "/integrations") <= 2


async def test_a_list_that_is_broken_at_the_deadline_leaves_the_last_look_to_single_reads():
    async with open_shop(organizations=1, integrations=3) as shop:
        find_nothing(shop, NAMES[:3])
        async with asyncio.TaskGroup() as group:
            syncing = group.create_task(sync_all(shop))
            await asyncio.sleep(55)
            shop.emulator.set_faults(FaultPlan(routes={"integrations"}, script=[403] * 1000))
        assert {result[ORDERS].state for result in syncing.result().values()} == {Outcome.QUIET}


async def test_a_transport_that_is_cancelled_from_below_delays_a_read_and_no_more():
    async def cancelled_once(request, send):
        if request.method == "GET" and asyncio.get_running_loop().time() == 1.0:
            raise asyncio.CancelledError
        return await send(request)

    async with open_shop(step_in=cancelled_once) as shop:
        shop.emulator.plan_sync("org_1", "int_1", ORDERS, moves=[(1.5, None)])
        async with asyncio.timeout(100):
            assert (await shop.org.sync("int_1", ORDERS, poll=STEADY))[ORDERS].seen_at == pytest.approx(2)


class TestClosingFromWithinARead:
    """An auth object or a transport may close the client that is reading, for example when the credential is lost."""

    @pytest.mark.parametrize(
        "places", [[("org_1", "int_1")], [("org_1", "int_1"), ("org_2", "int_1"), ("org_2", "int_2")]]
    )
    @pytest.mark.parametrize("pause", [0.0, 0.5])
    @pytest.mark.parametrize("through", ["transport", "auth"])
    async def test_every_job_ends_and_nothing_waits_for_itself(self, through, pause, places):
        closed = []

        async def close():
            # In several reads at the same instant.
            if asyncio.get_running_loop().time() >= 1:
                await asyncio.sleep(pause)
                await client.aclose()
                closed.append(asyncio.get_running_loop().time())

        class Closing:
            async def headers(self, *, refused):
                if through == "auth":
                    await close()
                return {"Authorization": f"Bearer {shop.emulator.token}"}

        async def close_in_the_transport(request, send):
            if through == "transport":
                await close()
            return await send(request)

        async with open_shop(step_in=close_in_the_transport) as shop:
            client = PackCloudClient(auth=Closing(), transport=shop.transport, probes={})
            tasks = [
                asyncio.create_task(client.organization(organization).sync(name, ORDERS, poll=STEADY))
                for organization, name in places
            ]
            async with asyncio.timeout(10):
                await asyncio.wait(tasks)
            assert {type(task.exception()) for task in tasks} == {ClientStateError}
            await asyncio.sleep(0)
            assert watch_tasks() == []
            await client.aclose()

    @pytest.mark.parametrize("organizations", [["org_1"], ["org_1", "org_2", "org_3"]])
    async def test_every_job_of_a_run_is_told(self, organizations):
        async def close(request, send):
            if asyncio.get_running_loop().time() >= 1:
                await client.aclose()
            return await send(request)

        async with open_shop(step_in=close) as shop:
            client = PackCloudClient(token=shop.emulator.token, transport=shop.transport, probes={})
            async with asyncio.timeout(10), client.sync_many(organizations, kinds={ORDERS}, poll=STEADY) as run:
                results = [result async for result in run]
            assert len(results) == 4 * len(organizations)
            assert {type(result.error) for result in results} == {ClientStateError}
            assert watch_tasks() == []

    async def test_what_outlives_the_read_that_began_it_waits_for_the_end_of_the_watch(self):
        closing = []

        async def close_later():
            await asyncio.sleep(1.5)
            await client.aclose()
            return watch_tasks()

        async def begin_to_close(request, send):
            if asyncio.get_running_loop().time() == 1 and request.method == "GET":
                closing.append(asyncio.create_task(close_later()))
            return await slow_to_cancel(request, send)

        async with open_shop(step_in=begin_to_close, faults=FaultPlan(routes={"integration"}, latency=0.5)) as shop:
            client = PackCloudClient(token=shop.emulator.token, transport=shop.transport, probes={})
            job = AsyncSyncJob(client, "org_1", "int_1", kinds={ORDERS}, poll=attrs.evolve(STEADY, first=0.5))
            with pytest.raises(ClientStateError):
                await job
            assert await closing[0] == []

    @pytest.mark.parametrize("ends_when_cancelled", [True, False])
    async def test_a_read_that_waits_for_who_closes_the_client_is_given_up(self, ends_when_cancelled):
        """The task that closes is nobody's child, so that nothing tells that it is awaited within a read."""
        closing = []

        async def wait_for_who_closes(request, send):
            if asyncio.get_running_loop().time() == 1 and not closing:
                closing.append(asyncio.create_task(client.aclose(), context=Context()))
                await (closing[0] if ends_when_cancelled else until_done(closing[0]))
            return await send(request)

        async with open_shop(step_in=wait_for_who_closes) as shop:
            client = PackCloudClient(token=shop.emulator.token, transport=shop.transport, probes={})
            with pytest.raises(ClientStateError, match="was closed while a job was watched"):
                await client.organization("org_1").sync("int_1", ORDERS, poll=STEADY)
            assert asyncio.get_running_loop().time() == 11
            if ends_when_cancelled:
                assert closing[0].cancelled()
            else:
                with pytest.raises(ClientStateError, match="reads of org_1 did not end .* perhaps for aclose"):
                    await closing[0]
            assert watch_tasks() == []
            await client.aclose()

    async def test_closing_waits_for_every_watch_although_it_is_cancelled(self):
        async def sync(organization_id):
            with pytest.raises(ClientStateError):
                await client.organization(organization_id).sync("int_1", ORDERS, poll=STEADY)

        async def one_slower_than_the_other(request, send):
            try:
                return await send(request)
            except asyncio.CancelledError:
                await asyncio.sleep(1 + organizations.index(request.url.split("/")[-3]))
                raise

        organizations = ["org_1", "org_2", "org_3"]
        faults = FaultPlan(routes={"integration"}, latency=0.5)
        async with open_shop(step_in=one_slower_than_the_other, faults=faults) as shop:
            client = PackCloudClient(token=shop.emulator.token, transport=shop.transport, probes={})
            jobs = [asyncio.create_task(sync(organization_id)) for organization_id in organizations]
            # In the midst of the first read of each, after the baseline.
            await asyncio.sleep(1.6)
            assert len(watch_tasks()) == len(organizations)
            closing = asyncio.create_task(client.aclose())
            await asyncio.sleep(0.1)
            closing.cancel()
            await asyncio.wait([closing])
            assert closing.cancelled()
            assert watch_tasks() == []
            await asyncio.gather(*jobs)

    async def test_the_transport_is_closed_to_its_end_although_the_read_is_cancelled_by_that(self):
        class SlowToClose(RecordingTransport):
            is_closed = False

            async def aclose(self):
                await asyncio.sleep(3)
                self.is_closed = True

        async def close(request, send):
            if asyncio.get_running_loop().time() == 1:
                await client.aclose()
            return await send(request)

        async with open_shop() as shop:
            transport = SlowToClose(shop.emulator.transport(), close)
            client = PackCloudClient(token=shop.emulator.token, transport=transport, probes={})
            with pytest.raises(ClientStateError):
                await client.organization("org_1").sync("int_1", ORDERS, poll=STEADY)
            assert transport.is_closed
            assert watch_tasks() == []


async def test_an_answer_that_calls_an_integration_otherwise_tells_who_asked_for_it():
    async def other_name(request, send):
        answer = await send(request)
        if request.method != "GET" or not request.url.endswith("/int_1"):
            return answer
        document = json.loads(answer.body)
        document["data"]["id"] = "int_one"
        return attrs.evolve(answer, body=json.dumps(document).encode())

    async with open_shop(integrations=1, step_in=other_name) as shop:
        shop.emulator.plan_sync("org_1", "int_1", ORDERS, moves=[(1.5, None)])
        async with asyncio.timeout(1_000):
            result = await shop.org.sync("int_1", ORDERS, poll=STEADY)
    assert result[ORDERS].state is Outcome.ADVANCED
