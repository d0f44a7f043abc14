"""An examination of a service: which questions are put to it, and the checks that come of the answers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from attrs import field, frozen

from packcloud_async._sansio import endpoints
from packcloud_async._sansio.check import Check, Mark, all_well
from packcloud_async._sansio.header_checks import header_checks
from packcloud_async._sansio.inquiries import Answer
from packcloud_async._sansio.paging import PageTrail
from packcloud_async._sansio.route_findings import (
    Look,
    Standing,
    action_in,
    confirmed,
    nowhere_check,
    route_check,
    tells_of_a_route,
    unasked_check,
)
from packcloud_async._sansio.route_guesses import MADE_UP, POST_ROUTES, READ_ROUTES, beside, guesses, nowhere, path_of
from packcloud_async._sansio.service_checks import (
    PageRead,
    access_checks,
    connection_checks,
    first_usable,
    integration_check,
    read_page,
    reading_checks,
    reason_not_to_look,
)
from packcloud_async.cli.asking import Asking
from packcloud_async.client import PackCloudClient
from packcloud_async.errors import InvalidResponse
from packcloud_async.models import Page
from packcloud_async.policies import Routes, path_segment


@frozen
class Examination:
    """What was found: the checks, every look at a path, and route name -> template for the routes that answered.

    ``integration_id`` is None when there was none to look at.
    """

    organization_id: str
    integration_id: str | None
    checks: Sequence[Check]
    looks: Sequence[Look] = field(repr=False)
    found: Mapping[str, str]

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong and everything could be found out."""
        return all_well(self.checks)


async def examine(
    client: PackCloudClient,
    organization_id: str,
    *,
    integration_id: str | None,
    deadline: float,
    credential_source: str = "the token",
    on_answer: Callable[[], None] = lambda: None,
) -> Examination:
    """Find out with GETs alone how a service answers; ``integration_id`` None takes the first of the list.

    ``deadline`` is seconds after which nothing is asked any more; ``credential_source`` says where to look when it is
    refused. Raises :class:`~packcloud_async.ConfigurationError` for an id that cannot stand in a path.
    """
    path_segment("organization_id", organization_id)
    if integration_id is not None:
        path_segment("integration_id", integration_id)
    asking = Asking(client, deadline=deadline, on_answer=on_answer)
    pages = await _read_list(client, organization_id, asking)
    chosen = integration_id if integration_id is not None else first_usable(pages.page)
    looking = _Looking(asking, client.routes, organization_id, chosen)
    checks = [
        *connection_checks(client.base_url, pages.first),
        *access_checks(organization_id, pages.first, token_source=credential_source),
        *reading_checks(pages.first, pages.page, pages.second, pages.second_page),
        *await looking.at_routes(pages),
    ]
    return Examination(
        organization_id=organization_id,
        integration_id=chosen,
        checks=[*checks, *header_checks(asking.answered)],
        looks=looking.looks,
        found={"integrations": client.routes.integrations, **looking.found} if pages.is_read else looking.found,
    )


@frozen
class _Pages:
    """The first page of the list, and the second one if the first led to it."""

    first: Answer
    page: PageRead
    second: Answer | None = None
    second_page: PageRead = None

    @property
    def is_read(self) -> bool:
        return isinstance(self.page, Page)


async def _read_list(client: PackCloudClient, organization_id: str, asking: Asking) -> _Pages:
    call = endpoints.list_integrations(client.routes, organization_id)
    first = await asking.ask(call.target, keeps_body=True)
    page = read_page(first)
    if not isinstance(page, Page):
        return _Pages(first, page)
    try:
        following = PageTrail(client.base_url).after(call, page)
    except InvalidResponse as error:
        return _Pages(first, page, None, error)
    if following is None:
        return _Pages(first, page)
    second = await asking.ask(following.target, keeps_body=True, named_path=following.named_path)
    return _Pages(first, page, second, read_page(second))


class _Looking:
    """Looks at the routes of one integration, and remembers what it saw."""

    def __init__(self, asking: Asking, routes: Routes, organization_id: str, integration_id: str | None) -> None:
        self.looks: list[Look] = []
        self.found: dict[str, str] = {}
        self._asking = asking
        self._routes = routes
        self._organization_id = organization_id
        self._integration_id = integration_id
        self._action: str | None = None

    async def at_routes(self, pages: _Pages) -> Sequence[Check]:
        """Judge the path of the integration, and every route below it."""
        own = None if self._integration_id is None else await self._ask("integration", self._routes.integration)
        checks = [] if own is None else [integration_check(self._integration_id or "", own)]
        if any(check.mark is Mark.OK for check in checks):
            self.found["integration"] = self._routes.integration
        reason = reason_not_to_look(self._integration_id, own, (pages.page, pages.second_page))
        if reason is not None:
            return [*checks, *(unasked_check(route, reason) for route in (*READ_ROUTES, *POST_ROUTES))]
        checks.append(nowhere_check(await self._ask("settings", nowhere(self._routes))))
        return [*checks, *[await self._judge(route) for route in (*READ_ROUTES, *POST_ROUTES)]]

    async def _judge(self, route: str) -> Check:
        looks = [await self._look(route, getattr(self._routes, route))]
        if looks[0].standing is not Standing.THERE:
            looks += [await self._look(route, template) for template in guesses(self._routes, route)]
        self.looks += looks
        if (template := confirmed(looks)) is not None:
            self.found[route] = template
        if route == "actions":
            self._action = next((name for look in looks if (name := action_in(look.answer)) is not None), None)
        return route_check(looks, self._routes)

    async def _look(self, route: str, template: str) -> Look:
        answer = await self._ask(route, template)
        return Look(
            route=route,
            template=template,
            answer=answer,
            beside=await self._ask(route, beside(template)) if tells_of_a_route(answer) else None,
            stands_in=route == "execute_action" and self._action is None,
        )

    async def _ask(self, route: str, template: str) -> Answer:
        path = path_of(
            self._routes,
            route,
            template,
            organization_id=self._organization_id,
            integration_id=self._integration_id or "",
            action=self._action or MADE_UP,
        )
        return await self._asking.ask(path, keeps_body=route in _READ)


_READ: Final = frozenset({"integration", "actions"})
"""Whose answers are read; those of settings are not even kept."""
