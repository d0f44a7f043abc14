"""Numbers with their nouns."""


def counted(count: float, noun: str) -> str:
    """Return a count with its noun.

    >>> counted(1, "sync"), counted(1200, "request"), counted(0.5, "second")
    ('1 sync', '1200 requests', '0.5 seconds')
    """
    number = str(count) if isinstance(count, int) else f"{count:g}"
    return f"{number} {noun_for(count, noun)}"


def noun_for(count: float, noun: str) -> str:
    """Return a noun as it goes with a count.

    >>> f"0 of 1 {noun_for(1, 'request')}"
    '0 of 1 request'
    """
    return noun if count == 1 else f"{noun}s"
