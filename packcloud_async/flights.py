"""Flights: who is sending which POST right now, so that two jobs for one integration and kind send one.

A job that wants to send a POST asks here first. If another job of the same client is about to send the same one, it
waits for what comes of it; if one is watching that sync already, it shares it. A job that is given up before its POST
left lets the next one through; one that is cut off in the middle of its POST leaves those that waited for it in doubt.
"""

from collections.abc import Collection
from weakref import WeakValueDictionary

from attrs import define, field

from packcloud_async._io.signal import Bell
from packcloud_async._sansio.progress import SyncProgress
from packcloud_async.models import SyncKind

Key = tuple[str, SyncKind]


@define(eq=False)
class Flight:
    """The POSTs of one job that are being sent, or are about to be."""

    integration_id: str
    kinds: Collection[SyncKind]
    progress: SyncProgress
    _changed: Bell = field(factory=Bell, init=False)
    _over: bool = field(default=False, init=False)

    def tell(self) -> None:
        """Wake whoever waits: a POST was answered."""
        self._changed.ring()

    def end(self) -> None:
        """Wake whoever waits: nothing more comes of any of them."""
        self._over = True
        self._changed.ring()

    async def answered(self, kind: SyncKind) -> bool:
        """Wait until the POST of a kind was answered; False if it was given up before."""
        while not self.progress.is_answered(kind):
            if self._over:
                return False
            await self._changed.next()
        return True


@define(eq=False)
class Fired:
    """The POSTs of one job that are answered; whoever holds this lets others share them while it is not watched.

    ``keeps`` is the watch the flights belong to: one that nobody holds is forgotten, and they with it.
    """

    progress: SyncProgress
    keeps: object


@define(eq=False)
class Flights:
    """The flights of one organization."""

    _sending: dict[Key, Flight] = field(factory=dict[Key, Flight], init=False)
    _fired: WeakValueDictionary[Key, Fired] | None = field(default=None, init=False)

    def open(self, integration_id: str, kinds: Collection[SyncKind], progress: SyncProgress) -> Flight:
        """Hold those of the kinds that nobody holds; whoever opens it closes it."""
        flight = Flight(integration_id, kinds, progress)
        for kind in kinds:
            self.take((integration_id, kind), flight)
        return flight

    def close(self, flight: Flight) -> None:
        """Hold nothing any more; what is closed already is ignored."""
        for kind in flight.kinds:
            key = (flight.integration_id, kind)
            if self._sending.get(key) is flight:
                del self._sending[key]
        if not self._sending:
            # A dict that shrank keeps the memory of its largest day.
            self._sending = {}
        flight.end()

    def is_held(self, key: Key) -> bool:
        """Whether somebody sends the POST, or is about to."""
        return key in self._sending

    def take(self, key: Key, flight: Flight) -> Flight:
        """Return who holds the POST; the one who asks if nobody does."""
        return self._sending.setdefault(key, flight)

    def hold(self, integration_id: str, progress: SyncProgress, *, keeps: object) -> Fired:
        """Let others share what was fired, for as long as what is returned is kept."""
        fired = Fired(progress, keeps)
        # Made when it is needed: a bulk run watches what it fired at once, in very many organizations.
        self._fired = WeakValueDictionary() if self._fired is None else self._fired
        answered = [kind for kind in progress.open_kinds if progress.is_answered(kind)]
        self._fired.update({(integration_id, kind): fired for kind in answered})
        return fired

    @property
    def has_fired(self) -> bool:
        """Whether jobs that were fired may be held by somebody."""
        return self._fired is not None

    def fired(self, key: Key) -> SyncProgress | None:
        """Return a job that was fired and is held by somebody, None if there is none."""
        fired = None if self._fired is None else self._fired.get(key)
        return None if fired is None else fired.progress
