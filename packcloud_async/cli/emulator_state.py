"""The state of a served emulator in a file: written when it ends, and whenever somebody asks by a signal."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from errno import EEXIST
from pathlib import Path
from typing import Any, TypeAlias

from attrs import define, field

from packcloud_async.cli.console import console_for_prose, safe
from packcloud_async.cli.failures import Failed, complain
from packcloud_async.emulator import Emulator

_Found: TypeAlias = tuple[tuple[int, int], tuple[int, int] | None]
_ON_REQUEST = getattr(signal, "SIGUSR1", None)


@define
class SavedState:
    """Where the state goes; ``OSError`` of writing it becomes a sentence."""

    _emulator: Emulator
    _path: Path
    _found: _Found | None = field(init=False)
    _is_wanted: bool = field(default=True, init=False)

    def __attrs_post_init__(self) -> None:
        self._found = _identity(self._path)

    def objection(self, *, may_replace: Path | None) -> str | None:
        """Say why it cannot be written there, None if it can; of what is there only ``may_replace`` is replaced."""
        path, folder = self._path, self._path.parent
        if path.suffix.lower() != ".json":
            return f"{path}: the state is saved as JSON; give it a name that ends with .json"
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            return f"{path}: there is no folder {folder} that can be written to"
        if path.is_dir():
            return f"{path} is a folder"
        if os.path.lexists(path) and not _is_same(path, may_replace):
            return f"{path} is there already; give --force to replace it, or go on with it by --data"
        return None

    def introduce(self) -> None:
        """Tell where it goes, and how to ask for it."""
        asking = f", and now by kill -USR1 {os.getpid()}" if _ON_REQUEST is not None else ""
        console_for_prose().print(safe(f"The state is saved in {self._path} at the end{asking}."), soft_wrap=True)

    def give_up(self) -> None:
        """Write nothing at the end: nothing was served."""
        self._is_wanted = False

    @contextmanager
    def kept(self, stop: asyncio.Event) -> Generator[None]:
        """Write it when the block is left; meanwhile on USR1, and let TERM set ``stop``."""
        with _heard({_ON_REQUEST: self._save_now, signal.SIGTERM: stop.set}):
            try:
                yield
            finally:
                if self._is_wanted:
                    self._save_at_the_end()

    def _save_now(self) -> None:
        try:
            self._save()
        except OSError as error:
            complain(self._told(error))
        else:
            console_for_prose().print(safe(f"Saved in {self._path}."), soft_wrap=True)

    def _save_at_the_end(self) -> None:
        try:
            self._save()
        except OSError as error:
            raise Failed(self._told(error)) from error

    def _save(self) -> None:
        # Hours may have passed since it was asked what is there.
        if (there := _identity(self._path)) is not None and there != self._found:
            raise FileExistsError(EEXIST, "somebody else has put another file there")
        self._emulator.save(self._path)
        self._found = _identity(self._path)

    def _told(self, error: OSError) -> str:
        return f"the state cannot be saved in {self._path}: {error.strerror or error}"


@contextmanager
def _heard(handlers: dict[signal.Signals | None, Callable[[], None]]) -> Generator[None]:
    """Call these for signals while the block runs; where the loop cannot, signals do what they always do."""
    loop, heard = asyncio.get_running_loop(), dict[signal.Signals, Any]()
    try:
        for number, handler in handlers.items():
            if number is not None and threading.current_thread() is threading.main_thread():
                before = signal.getsignal(number)
                with suppress(NotImplementedError):
                    loop.add_signal_handler(number, handler)
                    heard[number] = before
        yield
    finally:
        for number, before in heard.items():
            loop.remove_signal_handler(number)
            # The loop puts back Python's own, whatever was there.
            if before is not None:
                signal.signal(number, before)


def _is_same(path: Path, other: Path | None) -> bool:
    return other is not None and (path == other or (other.exists() and path.exists() and path.samefile(other)))


def _identity(path: Path) -> _Found | None:
    """Return what is there, and what that leads to when it is a link; None when nothing is there."""
    try:
        found = path.lstat()
    except OSError:
        return None
    try:
        meant = path.stat()
    except OSError:
        return (found.st_dev, found.st_ino), None
    return (found.st_dev, found.st_ino), (meant.st_dev, meant.st_ino)
