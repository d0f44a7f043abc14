"""What the first answers tell of a service."""

import json

import pytest

from packcloud_async._sansio.check import Check, Mark, all_well
from packcloud_async._sansio.inquiries import Answered, Silence
from packcloud_async._sansio.service_checks import (
    access_checks,
    connection_checks,
    first_usable,
    integration_check,
    read_page,
    reading_checks,
    reason_not_to_look,
)
from packcloud_async.errors import InvalidResponse

from .payloads import integration

HTTPS, HTTP = "https://api.example", "http://127.0.0.1:1"
SILENT = Silence("GET https://api.example: no answer: refused")
UNASKED = Silence("the time was up", was_asked=False)


def answered(body, status=200):
    return Answered(status=status, body=body if isinstance(body, bytes) else json.dumps(body).encode())


def listed(*integrations, **around):
    return answered({"data": list(integrations), **around})


ONE = listed(integration(id="int_1"))
STATUSES = (301, 401, 403, 404, 405, 410, 429, 500)


@pytest.mark.parametrize(
    ("mark", "well"), [(Mark.OK, True), (Mark.NOTE, True), (Mark.WRONG, False), (Mark.UNKNOWN, False)]
)
def test_all_is_well_when_nothing_is_wrong_or_unknown(mark, well):
    assert all_well([Check("one", Mark.OK, ""), Check("other", mark, "")]) is well


@pytest.mark.parametrize(
    ("base_url", "first", "marks"),
    [
        (HTTPS, ONE, (Mark.OK, Mark.OK)),
        (HTTPS, Answered(status=500), (Mark.OK, Mark.OK)),
        (HTTPS, Answered(status=308), (Mark.WRONG, Mark.OK)),
        (HTTPS, SILENT, (Mark.WRONG, Mark.UNKNOWN)),
        (HTTPS, UNASKED, (Mark.UNKNOWN, Mark.UNKNOWN)),
        (HTTPS, Silence("SSLCertVerificationError: Certificate has expired"), (Mark.WRONG, Mark.WRONG)),
        (HTTP, ONE, (Mark.OK, Mark.NOTE)),
        (HTTP, SILENT, (Mark.WRONG, Mark.NOTE)),
    ],
)
def test_the_connection(base_url, first, marks):
    checks = connection_checks(base_url, first)
    assert [check.name for check in checks] == ["base_url", "tls"]
    assert tuple(check.mark for check in checks) == marks
    assert base_url in checks[0].sentence


def marks_of_access(first):
    checks = access_checks("org_1", first, token_source="--here")
    assert [check.name for check in checks] == ["credential", "organization"]
    return [check.mark for check in checks]


def test_who_may_read_the_list_has_a_good_token_and_organization():
    assert marks_of_access(ONE) == [Mark.OK, Mark.OK]


def test_a_refused_token_says_nothing_of_the_organization():
    assert marks_of_access(Answered(status=401)) == [Mark.WRONG, Mark.UNKNOWN]


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (403, "this token may not read it"),
        (404, "there is no such organization, or the base URL or Routes.integrations is wrong"),
        (405, "the base URL or Routes.integrations is wrong"),
        (410, "there is no such organization"),
    ],
)
def test_what_is_wrong_with_an_organization_says_nothing_of_the_token(status, hint):
    assert marks_of_access(Answered(status=status)) == [Mark.UNKNOWN, Mark.WRONG]
    assert hint in access_checks("org_1", Answered(status=status), token_source="--here")[1].sentence


@pytest.mark.parametrize(("first", "told"), [(SILENT, "gave no answer"), (UNASKED, "was not asked")])
def test_the_reason_for_a_silence_is_told_once(first, told):
    base_url, _ = connection_checks("https://api.example", first)
    credential, organization = access_checks("org_1", first, token_source="--here")
    assert first.reason in base_url.sentence
    assert credential.sentence == f"The list of integrations {told}, which says nothing of the token."
    assert organization.sentence == f"Its list of integrations {told}."


def test_who_is_refused_is_told_where_the_token_comes_from():
    assert access_checks("org_1", Answered(status=401), token_source="--here")[0].sentence.endswith("check --here.")


@pytest.mark.parametrize("first", [Answered(status=301), Answered(status=429), Answered(status=503), SILENT, UNASKED])
def test_what_passes_says_nothing_of_either(first):
    assert marks_of_access(first) == [Mark.UNKNOWN, Mark.UNKNOWN]


def reading(first, second=None):
    checks = reading_checks(first, read_page(first), second, None if second is None else read_page(second))
    assert [check.name for check in checks] == ["envelope", "paging", "timestamps"]
    return checks


@pytest.mark.parametrize("first", [SILENT, Answered(status=200), *(answered([], status) for status in STATUSES)])
def test_without_a_list_there_is_nothing_to_read(first):
    assert read_page(first) is None
    assert [check.mark for check in reading(first)] == [Mark.UNKNOWN, Mark.UNKNOWN, Mark.NOTE]


@pytest.mark.parametrize("body", [b"<html>", b"", b'"text"', {"data": "maintenance"}, [{"id": 3}]])
def test_a_list_that_is_not_understood_is_wrong_and_says_where(body):
    checks = reading(answered(body))
    assert [check.mark for check in checks] == [Mark.WRONG, Mark.UNKNOWN, Mark.NOTE]
    assert "cannot be read" in checks[0].sentence


@pytest.mark.parametrize(
    ("first", "sentence"),
    [
        (ONE, "The list is understood: in 'data', 1 integration on the first page."),
        (listed(), "The list is understood: in 'data', 0 integrations on the first page."),
        (answered([integration(), integration()]), "The list is understood: bare, 2 integrations on the first page."),
    ],
)
def test_the_form_of_the_list_is_told(first, sentence):
    assert reading(first)[0] == Check("envelope", Mark.OK, sentence)


def test_a_list_over_the_limit_is_one_that_cannot_be_read():
    checks = reading(Answered(status=200, is_too_large=True))
    assert checks[0].mark is Mark.WRONG
    assert checks[0].sentence == "The list of integrations cannot be read: the body is larger than the limit @ $."


FIRST = listed(integration(id="int_1"), links={"next": "/v1/next"})


@pytest.mark.parametrize(
    ("first", "second", "mark", "told"),
    [
        (ONE, None, Mark.OK, "no link to a next page"),
        (FIRST, listed(integration(id="int_2")), Mark.OK, "leads to further integrations"),
        (FIRST, ONE, Mark.NOTE, "integrations of the first one again"),
        (FIRST, answered(b"<html>"), Mark.WRONG, "cannot be followed (body is not JSON"),
        (FIRST, None, Mark.WRONG, "cannot be followed."),
        (FIRST, Answered(status=500), Mark.UNKNOWN, "The next page answered 500."),
    ],
)
def test_paging_is_judged_by_the_second_page(first, second, mark, told):
    check = reading(first, second)[1]
    assert check.mark is mark
    assert told in check.sentence


def test_a_link_that_leads_away_is_told_as_it_was_refused():
    error = InvalidResponse("the next link leads to another host", path="$.links.next")
    check = reading_checks(FIRST, read_page(FIRST), None, error)[1]
    assert (check.mark, "another host" in check.sentence) == (Mark.WRONG, True)


TIMES = {"order_sync_updated_at": None, "product_sync_updated_at": None}


@pytest.mark.parametrize(
    ("text", "mark", "told"),
    [
        ("2026-01-01T10:00:00Z", Mark.OK, "ISO 8601 with a zone"),
        ("2026-01-01T10:00:00.123+02:00", Mark.OK, "ISO 8601 with a zone"),
        (" 2026-01-01T10:00:00-0800 ", Mark.OK, "ISO 8601 with a zone"),
        ("2026-01-01 10:00:00", Mark.NOTE, "without a zone"),
        ("2026-01-01", Mark.NOTE, "without a zone"),
        ("01/01/2026 10:00", Mark.NOTE, "compared as text"),
        ("1767261600", Mark.NOTE, "compared as text"),
    ],
)
def test_the_form_of_timestamps(text, mark, told):
    check = reading(listed(integration(**TIMES, created_at=text, updated_at=text)))[2]
    assert check.mark is mark
    assert told in check.sentence


@pytest.mark.parametrize(
    ("answer", "mark", "told"),
    [
        (answered({"data": integration(id="int_1")}), Mark.OK, "int_1 answered 200: it is there."),
        (answered(integration(id="int_2")), Mark.WRONG, "about another integration"),
        (answered(b"<html>"), Mark.WRONG, "cannot be read"),
        (Answered(status=404), Mark.WRONG, "no such integration, or Routes.integration is wrong"),
        (Answered(status=405), Mark.WRONG, "int_1 answered 405"),
        (Answered(status=503), Mark.UNKNOWN, "int_1 answered 503."),
        (SILENT, Mark.UNKNOWN, "int_1 gave no answer"),
    ],
)
def test_the_path_of_an_integration(answer, mark, told):
    check = integration_check("int_1", answer)
    assert (check.name, check.mark) == ("route.integration", mark)
    assert told in check.sentence


@pytest.mark.parametrize("answer", [answered(integration(id="i" * 20_000)), ONE, Answered(status=404), SILENT])
def test_a_long_id_is_cut_where_it_is_told(answer):
    assert len(integration_check("i" * 20_000, answer).sentence) < 200
    assert len(reason_not_to_look("i" * 20_000, Answered(status=404), []) or "") < 100


@pytest.mark.parametrize(
    ("first", "found"),
    [
        (ONE, "int_1"),
        (listed(*(integration(id=text) for text in ("", ".", "..", "a/b"))), "a/b"),
        (listed(), None),
        (SILENT, None),
    ],
)
def test_the_first_integration_that_can_stand_in_a_path(first, found):
    assert first_usable(read_page(first)) == found


@pytest.mark.parametrize(
    ("integration_id", "answer", "first", "reason"),
    [
        (None, None, listed(), "the organization has no integration, and none was given with --integration"),
        (None, None, SILENT, "the list of integrations was not read, and none was given with --integration"),
        ("int_1", answered({}), SILENT, None),
        ("int_1", Answered(status=404), ONE, None),
        ("int_9", Answered(status=404), ONE, "int_9 was not found"),
        ("int_9", SILENT, SILENT, "int_9 was not found"),
    ],
)
def test_why_routes_are_not_looked_at(integration_id, answer, first, reason):
    assert reason_not_to_look(integration_id, answer, (read_page(first), None)) == reason
