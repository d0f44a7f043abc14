"""Text from anywhere, as it may be shown: on one line, without what acts on a terminal or hides from a reader."""


def clean(text: str) -> str:
    """Take out control, direction and invisible characters, escape sequences' first bytes included.

    White space becomes spaces, so that what is left stays on its line.

    >>> clean("a\\x1b[31mb\\nc")
    'a[31mb c'
    """
    shown = text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text if _is_shown(c))
    return shown if shown.isascii() else "".join(c for c in shown if c not in _INVISIBLE)


def _is_shown(character: str) -> bool:
    return character.isprintable() or character.isspace()


# Letters and marks by their category, drawn as nothing: https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point
_VARIATION_SELECTORS = (*map(chr, range(0xFE00, 0xFE10)), *map(chr, range(0xE0100, 0xE01F0)))
_INVISIBLE = frozenset(
    (*"\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0", *_VARIATION_SELECTORS)
)
