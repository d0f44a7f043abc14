"""ListKnowledge: what is known of an organization's list of integrations, and whether to rely on it."""

from attrs import define, field


@define(eq=False)
class ListKnowledge:
    """What walks of the list have shown.

    ``pages`` is its length when last walked; None if that is not known, or not to be relied upon for now: a walk that
    failed is not begun again at the next reads, and after each further failure twice as many later. ``singles_mislead``
    is True once the list showed an integration that a single read had not found: from then on the list is read.
    """

    pages: int | None = None
    singles_mislead: bool = False
    _before: int | None = field(default=None, init=False)
    _failures: int = field(default=0, init=False)
    _rest: int = field(default=0, init=False)

    def walking(self) -> int | None:
        """Take note that a walk begins, and return how long it is; until it ends, others read without the list."""
        before, self.pages = self.pages, None
        return before

    def walked(self, pages: int) -> None:
        """Take note of how long the list is."""
        self.pages, self._failures, self._rest = pages, 0, 0

    def walk_failed(self, before: int | None) -> None:
        """Take note that a walk failed, of a list that had so many pages before."""
        self._before, self._failures = before, self._failures + 1
        self._rest = 2**self._failures - 1

    def read_without(self) -> None:
        """Take note that something was read without the list."""
        if self._rest:
            self._rest -= 1
            self.pages = self.pages if self._rest else self._before
