"""What one kind came to, in the words of a line."""

import pytest
from rich.style import Style
from rich.terminal_theme import TerminalTheme

from packcloud_async import Direction, KindOutcome, Outcome, ShippingService, Step, SyncKind
from packcloud_async._sansio.fingerprints import services_fingerprint
from packcloud_async.cli.outcome_views import kind_line, style_of


def services(count, updated="2026-01-01T00:00:00Z"):
    return services_fingerprint(
        ShippingService(
            id=f"s{number}",
            integration_id="int_1",
            name="PostNL",
            default_label_type=None,
            enabled=True,
            type="delivery",
            created_at="2025-01-01T00:00:00Z",
            updated_at=updated,
        )
        for number in range(count)
    )


def told(before, after):
    step = Step(before=before, after=after, seen_at=2.14, direction=Direction.UNORDERED)
    outcome = KindOutcome(state=Outcome.ADVANCED, before=before, after=after, steps=(step,))
    return kind_line(SyncKind.SHIPPING_SERVICES, outcome).plain.split(maxsplit=2)[2]


@pytest.mark.parametrize(
    ("before", "after", "now"),
    [
        (services(1), services(3), "3 shipping services instead of 1"),
        (services(2), services(1), "1 shipping service instead of 2"),
        (services(1), services(0), "0 shipping services instead of 1"),
        (services(1), services(1, "2026-02-02T00:00:00Z"), "1 shipping service, not as it was"),
        (services(2), services(2, "2026-02-02T00:00:00Z"), "2 shipping services, not as they were"),
        (None, services(2), "2 shipping services"),
        ("2026-01-01", "services:many\x1b", "services:many"),
        ("2026-01-01", None, "null"),
    ],
)
def test_a_change_of_shipping_services_is_told_in_numbers_and_any_other_value_as_it_is(before, after, now):
    assert told(before, after) == f"after 2.1 s, now {now}"


@pytest.mark.parametrize("background", [(0, 0, 0), (255, 255, 255)], ids=["black", "white"])
def test_quiet_can_be_read_on_a_black_terminal_and_on_a_white_one(background):
    # The palette of xterm, for which yellow on white has 1.6.
    shown = Style.parse(style_of(Outcome.QUIET)).color.get_truecolor(TerminalTheme((0, 0, 0), (0, 0, 0), XTERM))
    darker, lighter = sorted([luminance(shown), luminance(background)])
    assert (lighter + 0.05) / (darker + 0.05) >= 3


def luminance(colour):
    """The relative luminance of WCAG 2."""
    parts = [value / 255 / 12.92 if value <= 10 else ((value / 255 + 0.055) / 1.055) ** 2.4 for value in colour]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


XTERM = [
    (0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0), (0, 0, 238), (205, 0, 205), (0, 205, 205), (229, 229, 229)
]  # fmt: skip
