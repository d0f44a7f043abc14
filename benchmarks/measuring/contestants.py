"""Who is measured over HTTP, and why somebody could not be."""

from collections.abc import Callable, Collection
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from attrs import frozen

from benchmarks.measuring.rounds import Contestant
from benchmarks.peers.making import OPENAPI_GENERATOR, OPENAPI_PYTHON_CLIENT, Made, NotMade, Peer, made

RAW = "raw aiohttp"
RAW_ON_UVLOOP = "raw aiohttp, on uvloop"
JSON = "aiohttp + json"
FLOOR = "the least of aiohttp"
JSON_BY_HAND = "raw aiohttp + json, models filled by hand"
MSGSPEC_BY_HAND = "raw aiohttp + msgspec, models filled by hand"
GLIMPSES_BY_HAND = "raw aiohttp + msgspec, ids and watermarks only"
OURS = "this library, with `speed`"
PLAIN = "this library, standard json"
LIMITED = "this library, with `speed`, a rate limit and a hook"
OURS_ON_UVLOOP = "this library, with `speed`, on uvloop"
BY_ITEM = "this library, with `speed`, item by item"
ALL_OURS = (OURS, PLAIN, LIMITED, OURS_ON_UVLOOP, BY_ITEM)
HTTPX = "httpx + pydantic by hand"
GENERATOR = "openapi-generator (aiohttp + pydantic)"
PYTHON_CLIENT = "openapi-python-client (httpx + attrs)"

AIOHTTP = ("aiohttp", "yarl", "multidict")
CORE = (*AIOHTTP, "attrs", "cattrs", "backoff")
SPEED = ("msgspec", "orjson")


# Whoever cannot be made is not tried again for every shape.
_made_once = cache(made)


@frozen
class Missing:
    """Somebody who could not be measured: a row of the table, with the reason."""

    name: str
    reason: str


def contestants(
    base_url: str,
    shape: str,
    *,
    only: Collection[str] | None = None,
    make: Callable[[Peer], Made | NotMade] = _made_once,
) -> list[Contestant | Missing]:
    """Return who asks this server for this shape, or ``only`` some of them by name."""
    asked = (base_url, shape)
    in_process = (
        Contestant(RAW, "benchmarks.clients:raw", asked, packages=AIOHTTP),
        Contestant(JSON, "benchmarks.clients:raw_with_json", asked, packages=AIOHTTP),
        Contestant(FLOOR, "benchmarks.clients:floor", asked, packages=AIOHTTP),
        *_decoded_by_hand(base_url, shape),
        Contestant(OURS, "benchmarks.clients:ours", asked, packages=(*CORE, "msgspec")),
        Contestant(PLAIN, "benchmarks.clients:ours", asked, packages=(*CORE, "msgspec"), without=SPEED),
        Contestant(LIMITED, "benchmarks.clients:ours_with_limit", asked, packages=(*CORE, "msgspec")),
        Contestant(RAW_ON_UVLOOP, "benchmarks.clients:raw", asked, True, packages=(*AIOHTTP, "uvloop")),
        Contestant(OURS_ON_UVLOOP, "benchmarks.clients:ours", asked, True, packages=(*CORE, "msgspec", "uvloop")),
        *(
            [Contestant(BY_ITEM, "benchmarks.clients:ours_item_by_item", asked, packages=(*CORE, "msgspec"))]
            if shape.startswith("page")
            else []
        ),
        Contestant(HTTPX, "benchmarks.by_hand:httpx_and_pydantic", asked, packages=("httpx", "pydantic")),
    )
    generated = (
        (GENERATOR, OPENAPI_GENERATOR, "openapi_generator"),
        (PYTHON_CLIENT, OPENAPI_PYTHON_CLIENT, "openapi_python_client"),
    )
    wanted = [one for one in in_process if (only is None or one.name in only) and (shape, one.name) != ("sync", JSON)]
    found: list[Contestant | Missing] = [installed(one) for one in wanted]
    for name, peer, factory in generated:
        if only is None or name in only:
            found.append(of_peer(name, f"benchmarks.peers.generated:{factory}", asked, make(peer)))
    return found


def names(shape: str) -> list[str]:
    """Return what the contestants of a shape are called; nobody is made for it."""
    return [one.name for one in contestants("", shape, make=lambda peer: NotMade(peer, "not asked for"))]


def _decoded_by_hand(base_url: str, shape: str) -> list[Contestant]:
    """Return the floors of what is decoded: nothing is checked, and aiohttp is used as one writes it."""
    msgspec = (*AIOHTTP, "msgspec")
    floors = {
        "page": [(JSON_BY_HAND, "json", AIOHTTP), (MSGSPEC_BY_HAND, "msgspec", msgspec)],
        "poll": [(GLIMPSES_BY_HAND, "glimpses", msgspec)],
    }
    return [
        Contestant(name, "benchmarks.clients:raw_and_decoded", (base_url, shape, decoder), packages=packages)
        for name, decoder, packages in floors.get(shape.partition("_")[0], [])
    ]


def installed(one: Contestant) -> Contestant | Missing:
    """Return the contestant, or what of it is not installed here."""
    missing = [name for name in one.packages if name not in one.without and not _is_installed(name)]
    return Missing(one.name, f"{' and '.join(missing)} not installed (extra `bench`)") if missing else one


def of_peer(name: str, factory: str, arguments: tuple[str, ...], found: Made | NotMade) -> Contestant | Missing:
    """Return a contestant on the interpreter of a generated client, or why there is none."""
    if isinstance(found, NotMade):
        return Missing(name, found.reason)
    return Contestant(
        name,
        factory,
        arguments,
        python=str(found.python),
        folder=str(found.folder),
        packages=found.peer.distributions,
    )


def _is_installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True
