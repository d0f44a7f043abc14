"""The scenes: which commands are run, in which world, and which pictures are taken of their terminal."""

from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

from docs.captures.moments import CTRL_C, Moment


@frozen
class Act:
    """One command; ``exits`` with that code, and ``faults`` are texts of ``packcloud emulator --fault``.

    ``picture`` is what is drawn when it is over, "" for nothing.
    """

    command: str
    picture: str = ""
    exits: int = 0
    faults: tuple[str, ...] = ("*:latency:0.04-0.18",)
    moments: tuple[Moment, ...] = ()


@frozen
class Scene:
    """Commands one after the other on one terminal, in one folder with ``files``; ``world`` is data of the emulator."""

    acts: tuple[Act, ...]
    world: str
    columns: int = 100
    rows: int = 120
    files: Mapping[str, str] = field(factory=dict)

    @property
    def pictures(self) -> frozenset[str]:
        """The names of what is drawn."""
        names = {act.picture for act in self.acts} | {moment.picture for act in self.acts for moment in act.moments}
        return frozenset(names - {""})


_SHOPS: Final = """
sync_times = {median = 4, spread = 3, finds_nothing = 0.2}

[[organizations]]
id = "acme"

[[organizations.integrations]]
id = "acme-nl"
name = "Acme Nederland"
order_sync_updated_at = 2025-12-31T22:58:40Z
product_sync_updated_at = 2025-12-31T20:15:02Z
planned = [{kind = "orders", moves = [[2.4]]}, {kind = "products"}]

[[organizations.integrations]]
id = "acme-de"
name = "Acme Deutschland"
order_sync_updated_at = 2025-12-31T23:04:11Z
product_sync_updated_at = 2025-12-30T08:00:00Z
planned = [{kind = "orders", moves = [[5.1]]}, {kind = "products", moves = [[7.2]]}]

[[organizations.integrations]]
id = "acme-post"
name = "PostNL of Acme"
category = "shipping"
connector_id = "postnl"

[[organizations]]
id = "bakery"

[[organizations.integrations]]
id = "bakery-shop"
name = "Bakery, the web shop"
order_sync_updated_at = 2025-12-31T23:41:30Z
planned = [{kind = "orders", moves = [[3.3]]}, {kind = "products", moves = [[1.2]]}]
"""

_MANY: Final = """
sync_times = {median = 9, spread = 8, distribution = "uniform", finds_nothing = 0.05}

[generated]
organizations = 60
integrations = 3
"""

_MOVED: Final = f"""
{_SHOPS}
[paths]
sync_orders = "/v1/organizations/{{organizationId}}/integrations/{{integrationId}}/sync-orders"
sync_stocks = "/v1/organizations/{{organizationId}}/integrations/{{integrationId}}/stock/sync"
"""

_CONFIGURATION: Final = """
profile = "production"

[poll]
deadline = 600

[rate_limit]
requests = 50

[profiles.production]
token_keyring = "production"

[profiles.staging]
base_url = "http://127.0.0.1:8080"
token_file = "staging.token"

[profiles.staging.rate_limit]
requests = 5
"""

_LIST: Final = "".join(f"org_{number}\n" for number in range(1, 61))
_RUN: Final = "packcloud sync --organizations-from shops.txt --kinds orders,products --rate 50/s --deadline 30"
_AFTER_CTRL_C: Final = "packcloud sync acme bakery --all-kinds --deadline 20 --ledger run.sqlite"

SCENES: Final[Mapping[str, Scene]] = {
    "demo": Scene((Act("packcloud demo", "demo"),), _SHOPS, columns=80),
    "help": Scene((Act("packcloud --help", "help"),), _SHOPS, columns=80),
    "sync-help": Scene((Act("packcloud sync --help", "sync-help"),), _SHOPS, columns=90),
    "sync": Scene(
        (Act(_RUN, "sync-end", moments=(Moment(24.1, "sync-running"),)),),
        _MANY,
        rows=30,
        files={"shops.txt": _LIST},
    ),
    "sync-failures": Scene(
        (
            Act(
                "packcloud sync acme bakery brewery --kinds orders,products,stocks --deadline 20",
                "sync-failures",
                exits=1,
                faults=("sync_stocks:403:x1", "sync_products:drop_after:x4", "*:latency:0.04-0.18"),
            ),
        ),
        _SHOPS,
    ),
    "doctor": Scene((Act("packcloud doctor --organization acme", "doctor"),), _SHOPS),
    "doctor-paths": Scene(
        (Act("packcloud doctor --organization acme --write routes.toml", "doctor-paths", exits=1),), _MOVED
    ),
    "integrations": Scene((Act("packcloud integrations list acme", "integrations"),), _SHOPS),
    "config": Scene(
        (Act("packcloud config show --profile staging --rate 10/s", "config"),),
        _SHOPS,
        columns=110,
        files={"packcloud.toml": _CONFIGURATION},
    ),
    "dry-run": Scene((Act("packcloud sync acme bakery --kinds orders,products --dry-run", "dry-run"),), _SHOPS),
    "resume": Scene(
        (
            Act(_AFTER_CTRL_C, exits=130, moments=(Moment(3.0, key=CTRL_C),)),
            Act("packcloud resume run.sqlite", "resume"),
        ),
        _SHOPS,
    ),
    "ledger": Scene(
        (
            Act(f"{_AFTER_CTRL_C} --quiet", exits=130, moments=(Moment(4.0, key=CTRL_C),)),
            Act("packcloud ledger show run.sqlite", "ledger"),
        ),
        _SHOPS,
    ),
}
