"""What the first answers tell of a service: is it there, does it know us, do we understand what it says."""

from collections.abc import Sequence
from typing import Final, TypeAlias

from packcloud_async._sansio import json_text, readers
from packcloud_async._sansio.check import Check, Mark
from packcloud_async._sansio.counting import counted
from packcloud_async._sansio.envelope import unwrap
from packcloud_async._sansio.inquiries import Answer, Answered, Silence, shortened, told
from packcloud_async._sansio.timestamps import parse_timestamp
from packcloud_async._sansio.wire import Damage, Response
from packcloud_async.errors import ConfigurationError, InvalidResponse
from packcloud_async.models import Integration, Page
from packcloud_async.policies import path_segment

PageRead: TypeAlias = Page[Integration] | InvalidResponse | None
"""A page, why it cannot be read, or None when no page was answered."""


def read_page(answer: Answer) -> PageRead:
    """Read an answer as a page of integrations."""
    if not isinstance(answer, Answered) or not answer.is_success:
        return None
    if answer.is_too_large:
        return InvalidResponse(Damage.TOO_LARGE.value)
    if answer.body is None:
        return None
    try:
        return readers.page_of(Integration)(Response(answer.status, {}, answer.body))
    except InvalidResponse as error:
        return error


def connection_checks(base_url: str, first: Answer) -> tuple[Check, Check]:
    """Judge the base URL and TLS by the first answer."""
    return _base_url(base_url, first), _tls(base_url, first)


def access_checks(organization_id: str, first: Answer, *, token_source: str) -> tuple[Check, Check]:
    """Judge the credential and the organization by what the list of integrations was answered.

    ``token_source`` is where the token comes from, in the words of a user.
    """
    return _credential(first, token_source), _organization(organization_id, first)


def reading_checks(first: Answer, page: PageRead, second: Answer | None, second_page: PageRead) -> tuple[Check, ...]:
    """Judge the envelope, the paging and the timestamps of the list; ``second`` None is no second page asked for."""
    return _envelope(first, page), _paging(page, second, second_page), _timestamps(page)


def integration_check(integration_id: str, answer: Answer) -> Check:
    """Judge what the path of one integration was answered."""
    name, named = "route.integration", shortened(integration_id)
    if not isinstance(answer, Answered) or not answer.is_success or answer.body is None:
        is_wrong = isinstance(answer, Answered) and answer.status in {404, 405, 410}
        hint = ": there is no such integration, or Routes.integration is wrong" if is_wrong else ""
        return Check(name, Mark.WRONG if is_wrong else Mark.UNKNOWN, f"{named} {told(answer)}{hint}.")
    try:
        found = readers.one(Integration)(Response(answer.status, {}, answer.body))
    except InvalidResponse as error:
        return Check(name, Mark.WRONG, f"{named} cannot be read: {error}.")
    if found.id != integration_id:
        return Check(name, Mark.WRONG, f"The answer for {named} is about another integration.")
    return Check(name, Mark.OK, f"{named} {told(answer)}: it is there.")


def _base_url(base_url: str, first: Answer) -> Check:
    if isinstance(first, Silence):
        mark = Mark.WRONG if first.was_asked else Mark.UNKNOWN
        return Check("base_url", mark, f"{base_url} {told(first)}.")
    if 300 <= first.status < 400:
        sentence = f"{base_url} {told(first)}, a redirect, which is not followed: check the address."
        return Check("base_url", Mark.WRONG, sentence)
    return Check("base_url", Mark.OK, f"{base_url} answers.")


def _tls(base_url: str, first: Answer) -> Check:
    if not base_url.startswith("https:"):
        return Check("tls", Mark.NOTE, "The base URL is plain HTTP: the token is sent unencrypted.")
    if isinstance(first, Answered):
        return Check("tls", Mark.OK, "The connection is encrypted, and the certificate is valid for the host.")
    if "certificate" in first.reason.lower():
        return Check("tls", Mark.WRONG, "The certificate is not accepted; the reason is told with the base URL.")
    return Check("tls", Mark.UNKNOWN, "No connection came about.")


def _credential(first: Answer, token_source: str) -> Check:
    if isinstance(first, Answered) and first.is_success:
        return Check("credential", Mark.OK, "The token is accepted.")
    if isinstance(first, Answered) and first.status == 401:
        return Check("credential", Mark.WRONG, f"The token is refused (401): check {token_source}.")
    return Check(
        "credential", Mark.UNKNOWN, f"The list of integrations {_briefly(first)}, which says nothing of the token."
    )


def _organization(organization_id: str, first: Answer) -> Check:
    if isinstance(first, Answered) and first.is_success:
        return Check("organization", Mark.OK, f"{organization_id} is found.")
    hint = _ORGANIZATION.get(first.status) if isinstance(first, Answered) else None
    if hint is None:
        return Check("organization", Mark.UNKNOWN, f"Its list of integrations {_briefly(first)}.")
    return Check("organization", Mark.WRONG, f"The list of integrations of {organization_id} {told(first)}: {hint}.")


def _briefly(answer: Answer) -> str:
    """Say what was answered without the reason for a silence, which is told with the base URL."""
    if isinstance(answer, Answered):
        return told(answer)
    return "gave no answer" if answer.was_asked else "was not asked"


_NOT_THERE: Final = "there is no such organization, or the base URL or Routes.integrations is wrong"
_ORGANIZATION: Final = {
    403: "this token may not read it",
    404: _NOT_THERE,
    405: "the base URL or Routes.integrations is wrong",
    410: _NOT_THERE,
}


def _envelope(first: Answer, page: PageRead) -> Check:
    name = "envelope"
    if page is None:
        return Check(name, Mark.UNKNOWN, "No list of integrations was answered.")
    if isinstance(page, InvalidResponse):
        return Check(name, Mark.WRONG, f"The list of integrations cannot be read: {page}.")
    assert isinstance(first, Answered)
    form = "in 'data'" if unwrap(json_text.parse(first.body or b"")).path == "$.data" else "bare"
    count = counted(len(page.items), "integration")
    return Check(name, Mark.OK, f"The list is understood: {form}, {count} on the first page.")


def _paging(page: PageRead, second: Answer | None, second_page: PageRead) -> Check:
    name = "paging"
    if not isinstance(page, Page):
        return Check(name, Mark.UNKNOWN, "There is no list to page through.")
    if page.next is None:
        return Check(name, Mark.OK, "There is no link to a next page: the list ends with its first one.")
    if second is None or isinstance(second_page, InvalidResponse):
        reason = f" ({second_page})" if isinstance(second_page, InvalidResponse) else ""
        return Check(name, Mark.WRONG, f"The link to the next page cannot be followed{reason}.")
    if second_page is None:
        return Check(name, Mark.UNKNOWN, f"The next page {told(second)}.")
    if {item.id for item in second_page.items} & {item.id for item in page.items}:
        return Check(name, Mark.NOTE, "The second page shows integrations of the first one again.")
    return Check(name, Mark.OK, "The link to the next page leads to further integrations.")


def _timestamps(page: PageRead) -> Check:
    name = "timestamps"
    texts = _times_in(page.items) if isinstance(page, Page) else []
    if not texts:
        return Check(name, Mark.NOTE, "There is no timestamp to look at.")
    if any(parse_timestamp(text) is None for text in texts):
        return Check(name, Mark.NOTE, "Some timestamps are not ISO 8601: they are compared as text.")
    if not all(_has_zone(text) for text in texts):
        return Check(name, Mark.NOTE, "The timestamps are ISO 8601 without a zone: they are read as UTC.")
    return Check(name, Mark.OK, "The timestamps are ISO 8601 with a zone.")


def _times_in(items: Sequence[Integration]) -> list[str]:
    return [
        text
        for item in items
        for text in (item.order_sync_updated_at, item.product_sync_updated_at, item.created_at, item.updated_at)
        if text is not None
    ]


def _has_zone(text: str) -> bool:
    clock = text.strip()[10:]
    return clock.endswith(("Z", "z")) or "+" in clock or "-" in clock


def first_usable(page: PageRead) -> str | None:
    """Return the id of the first integration that can stand in a path; None when there is none."""
    return next((item.id for item in page.items if _fits(item.id)), None) if isinstance(page, Page) else None


def reason_not_to_look(integration_id: str | None, answer: Answer | None, pages: Sequence[PageRead]) -> str | None:
    """Say why answers below this integration would tell nothing; None when they do.

    ``answer`` is that of its own path, ``pages`` those of the list that were read.
    """
    if integration_id is None or answer is None:
        is_read = any(isinstance(page, Page) for page in pages)
        known = "the organization has no integration" if is_read else "the list of integrations was not read"
        return f"{known}, and none was given with --integration"
    if isinstance(answer, Answered) and answer.is_success:
        return None
    is_listed = any(item.id == integration_id for page in pages if isinstance(page, Page) for item in page.items)
    return None if is_listed else f"{shortened(integration_id)} was not found"


def _fits(integration_id: str) -> bool:
    try:
        path_segment("integration_id", integration_id)
    except ConfigurationError:
        return False
    return True
