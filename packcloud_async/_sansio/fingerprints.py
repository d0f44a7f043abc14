"""Fingerprints: one short text for all shipping services of an integration, another one when something changed.

The same in every process and version, because tokens record it. It is no ISO 8601 timestamp to
:func:`~packcloud_async._sansio.timestamps.parse_timestamp`, so it is compared as text.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from hashlib import blake2b

from packcloud_async._sansio.timestamps import parse_timestamp
from packcloud_async.models import ShippingService

_FINGERPRINT = re.compile(r"services:([0-9]{1,9}):[0-9a-f]{20}", re.ASCII).fullmatch
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def services_fingerprint(services: Iterable[ShippingService]) -> str:
    """Return a text made of the ids and ``updated_at`` of these services, in whatever order they come.

    A service that is there twice, because it changed its page while a list was read, counts once, as it was read
    last. Two spellings of one instant are the same.
    """
    updated = {service.id: _instant(service.updated_at) for service in services}
    digest = blake2b(json.dumps(updated, sort_keys=True).encode(), digest_size=10)
    return f"services:{len(updated)}:{digest.hexdigest()}"


def services_counted(fingerprint: str) -> int | None:
    """Return how many services a fingerprint is of, None for what is none.

    >>> services_counted(services_fingerprint([]))
    0
    """
    found = _FINGERPRINT(fingerprint)
    return None if found is None else int(found[1])


def fingerprints_by_integration(
    services: Iterable[ShippingService], integration_ids: Collection[str]
) -> Mapping[str, str]:
    """Return a fingerprint for each of these integrations; services of any other are left out."""
    owned: dict[str, list[ShippingService]] = {integration_id: [] for integration_id in integration_ids}
    for service in services:
        if service.integration_id in owned:
            owned[service.integration_id].append(service)
    return {integration_id: services_fingerprint(own) for integration_id, own in owned.items()}


def _instant(text: str) -> str | list[int]:
    """Return an instant as days, seconds and microseconds, the same for all its spellings; else the text."""
    instant = parse_timestamp(text)
    if instant is None:
        return text
    # Not astimezone(): it overflows at both ends of the calendar.
    since = instant - _EPOCH
    return [since.days, since.seconds, since.microseconds]
