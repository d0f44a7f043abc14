import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from packcloud_async import ShippingService
from packcloud_async._sansio.fingerprints import fingerprints_by_integration, services_counted, services_fingerprint
from packcloud_async._sansio.timestamps import parse_timestamp

MARCH = "2026-03-01T10:00:00Z"
EMPTY = "services:0:4ae4acf2f802f6f5210f"


def service(service_id, updated_at=MARCH, *, of="int_3"):
    return ShippingService(
        id=service_id,
        integration_id=of,
        name="PostNL Thuislevering",
        default_label_type="pdf",
        enabled=True,
        type="delivery",
        created_at="2025-01-01T00:00:00Z",
        updated_at=updated_at,
    )


@pytest.mark.parametrize(
    ("services", "fingerprint"),
    [
        ([], EMPTY),
        ([service("svc_1")], "services:1:fcbe6d825b98b8186cac"),
        ([service("svc_1"), service("svc_2", "soon")], "services:2:dacc6ee59753c9413354"),
    ],
    ids=["none", "one", "two, one of them without a readable time"],
)
def test_fingerprints_are_the_same_in_every_process_and_version(services, fingerprint):
    """Tokens hold them: a change here would make a resumed job see news where there is none."""
    assert services_fingerprint(services) == fingerprint


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (EMPTY, 0),
        (services_fingerprint([service("svc_1"), service("svc_2")]), 2),
        (f"{EMPTY}0", None),
        (f" {EMPTY}", None),
        (MARCH, None),
        ("", None),
    ],
)
def test_a_fingerprint_tells_how_many_services_there_are(text, count):
    assert services_counted(text) == count


@pytest.mark.parametrize(
    "others",
    [
        pytest.param([], id="both gone"),
        pytest.param([service("svc_1")], id="one gone"),
        pytest.param([service("svc_1"), service("svc_2"), service("svc_3")], id="one more"),
        pytest.param([service("svc_1"), service("svc_3")], id="another one"),
        pytest.param([service("svc_1"), service("svc_2", "2026-03-01T10:00:01Z")], id="a second later"),
        pytest.param([service("svc_1"), service("svc_2", "2026-03-01T10:00:00.5Z")], id="half a second later"),
        pytest.param([service("svc_1"), service("svc_2", "2026-03-01T10:00:00+01:00")], id="in another zone"),
        pytest.param([service("svc_1"), service("svc_2", "yesterday")], id="no timestamp any more"),
        pytest.param([service("svc_1", "[20513, 36000, 0]"), service("svc_2")], id="a text like ours is no instant"),
    ],
)
def test_what_changed_has_another_fingerprint(others):
    assert services_fingerprint(others) != services_fingerprint([service("svc_1"), service("svc_2")])


@pytest.mark.parametrize(
    "same",
    [
        pytest.param([service("svc_2"), service("svc_1")], id="in another order"),
        pytest.param([service("svc_2"), service("svc_1"), service("svc_2")], id="one of them twice"),
        pytest.param([service("svc_1", "2025-01-01T00:00:00Z"), service("svc_2"), service("svc_1")], id="read again"),
        pytest.param([service("svc_1", "2026-03-01T11:00:00.000+01:00"), service("svc_2")], id="the same instant"),
        pytest.param([attrs.evolve(service("svc_1"), name="Renamed"), service("svc_2")], id="nothing else counts"),
    ],
)
def test_what_did_not_change_has_the_same_fingerprint(same):
    assert services_fingerprint(same) == services_fingerprint([service("svc_1"), service("svc_2")])


def test_each_integration_has_its_own_and_strangers_have_none():
    services = [service("svc_1"), service("svc_2", of="int_9"), service("svc_3", of="int_8"), service("svc_4")]
    assert fingerprints_by_integration(services, ["int_3", "int_8", "int_1"]) == {
        "int_3": services_fingerprint([service("svc_1"), service("svc_4")]),
        "int_8": services_fingerprint([service("svc_3", of="int_8")]),
        "int_1": EMPTY,
    }


texts = st.one_of(st.text(max_size=20), st.datetimes(timezones=st.timezones()).map(lambda instant: instant.isoformat()))
services = st.lists(st.builds(service, st.text(max_size=10), texts), unique_by=lambda one: one.id, max_size=6)


@given(services, st.randoms(use_true_random=False))
def test_order_does_not_matter_and_no_text_is_a_timestamp(services, random):
    fingerprint = services_fingerprint(services)
    shuffled = random.sample(services, len(services))
    assert services_fingerprint(shuffled) == fingerprint
    assert parse_timestamp(fingerprint) is None
    assert fingerprint.startswith(f"services:{len(services)}:")
    assert len(fingerprint) <= 40


@given(services, services)
def test_two_sets_have_the_same_fingerprint_only_if_they_are_the_same(some, others):
    def content(services):
        return {one.id: parse_timestamp(one.updated_at) or one.updated_at for one in services}

    assert (services_fingerprint(some) == services_fingerprint(others)) is (content(some) == content(others))


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "\ud800", ""])
def test_odd_times_are_texts_like_others(text):
    one = services_fingerprint([service("svc_1", text)])
    assert one == services_fingerprint([service("svc_1", text)])
    assert one != services_fingerprint([service("svc_1")])
