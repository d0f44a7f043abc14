"""The configuration of a command: finds the file, asks the environment, and makes the client they describe."""

import os
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import click
from attrs import frozen

from packcloud_async._io.telling import Hook
from packcloud_async._sansio.retry_details import RetryDetails
from packcloud_async._sansio.secret import Secret
from packcloud_async._sansio.settings import Settings, environment_settings, rate_settings, settings_in_force
from packcloud_async._sansio.settings_file import (
    FILE_NAME,
    Setting,
    SettingsFile,
    TokenFile,
    read_settings_file,
    route_settings,
)
from packcloud_async.cli.failures import failure_of
from packcloud_async.cli.flags import Flags, flags_in_force, remember_token
from packcloud_async.cli.tokens import auth_of, read_token
from packcloud_async.client import PackCloudClient
from packcloud_async.errors import ConfigurationError, PackCloudError

LARGEST_FILE: Final = 1024 * 1024
_VARIABLES: Final = (
    "PACKCLOUD_TOKEN",
    "PACKCLOUD_TOKEN_FILE",
    "PACKCLOUD_BASE_URL",
    "PACKCLOUD_RATE",
    "PACKCLOUD_DEADLINE",
)


@frozen(kw_only=True)
class Configuration:
    """The settings in force, and the file and the profile they come from; None for none."""

    settings: Settings
    file: Path | None
    profile: str | None

    def token(self) -> Secret[str]:
        """Read the token; a keyring may ask the user to unlock it."""
        source = self.settings.values["token"].source
        remember_token(source)
        try:
            return read_token(self.settings.token, source)
        except ConfigurationError as error:
            failure = failure_of(error)
        raise failure

    def client(
        self,
        token: Secret[str],
        *,
        on_retry: Callable[[RetryDetails], None] | None = None,
        hooks: Sequence[Hook] = (),
    ) -> PackCloudClient:
        """Make the client that is described."""
        settings = self.settings
        return PackCloudClient(
            auth=auth_of(token, settings.token, settings.values["token"].source),
            base_url=settings.base_url,
            routes=settings.routes,
            timeouts=settings.timeouts,
            retry=settings.retry,
            rate_limit=settings.rate_limit,
            max_connections=settings.max_connections,
            on_retry=on_retry,
            hooks=hooks,
        )


def configured() -> Configuration:
    """Return the configuration of the command that runs; raises what a command ends with when it is unusable."""
    try:
        return _configuration(flags_in_force())
    except ConfigurationError as error:
        failure = failure_of(error)
    # Outside, so that no frame comes along that holds what somebody may have put a token into.
    raise failure


def profile_names(flags: Flags) -> Sequence[str]:
    """Return the profiles that can be named, none when there is no file or it cannot be used."""
    try:
        found = _find(flags)
        return () if found is None else tuple(_read_file(found.path).profiles)
    except PackCloudError:
        return ()


def _configuration(flags: Flags) -> Configuration:
    found = _find(flags)
    file = None if found is None else _read_file(found.path)
    profile = _profile(flags, file)
    of_file: Mapping[str, Setting] = (
        {} if found is None or file is None else _beside(found.path, file.settings(profile))
    )
    is_trusted = found is None or found.is_named
    settings = settings_in_force(
        _of_flags(flags),
        _of_environment(),
        of_file,
        untrusted=None if is_trusted else of_file,
        is_own=found is not None and found.is_own,
    )
    return Configuration(
        settings=settings,
        file=None if found is None else found.path,
        profile=None if profile is None else str(profile.value),
    )


@frozen
class _Found:
    """A file of settings; ``is_named`` when its place is the user's choice: any folder may have one in it.

    ``is_own`` when it belongs to the user, or to the system.
    """

    path: Path
    is_named: bool
    is_own: bool = True


def _find(flags: Flags) -> _Found | None:
    named = flags.config if flags.config is not None else _environment("PACKCLOUD_CONFIG") or None
    if named is not None:
        return _Found(Path(named), is_named=True)
    own = Path(click.get_app_dir("packcloud"), FILE_NAME)
    for path in (Path(FILE_NAME), own):
        if (owner := _owner_of(path)) is not None:
            return _Found(path, is_named=path is own, is_own=_is_own(owner))
    return None


def _owner_of(path: Path) -> int | None:
    """Return the user a file belongs to, None if there is none; raises for what is there and cannot be read."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        if not os.path.lexists(path):
            return None
        found = None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read ({error.strerror}); --config names another") from None
    if found is not None and stat.S_ISREG(found.st_mode):
        return found.st_uid
    # A pipe would be waited for, and what a broken link was to say would not hold.
    raise ConfigurationError(f"{path} is no file that can be read; --config names another")


def _is_own(owner: int) -> bool:
    # Where there are no numbers of users, every file has that of the system.
    return owner in {0, os.geteuid()} if hasattr(os, "geteuid") else True


def _read_file(path: Path) -> SettingsFile:
    return read_settings_file(_text_of(path, "the configuration"), str(path))


def _profile(flags: Flags, file: SettingsFile | None) -> Setting | None:
    named = None
    if flags.profile is not None:
        named = Setting(flags.profile, "--profile")
    elif name := _environment("PACKCLOUD_PROFILE"):
        named = Setting(name, "PACKCLOUD_PROFILE")
    if file is not None:
        return file.profile(named)
    if named is None:
        return None
    places = f"{FILE_NAME} here, nor {Path(click.get_app_dir('packcloud'), FILE_NAME)}"
    raise ConfigurationError(f"{named.source}: there is no profile {named.value!r}: there is no {places}")


def _beside(file: Path, found: Mapping[str, Setting]) -> Mapping[str, Setting]:
    """Let the path of a token file begin where the file of settings is."""
    token = found.get("token")
    if token is None or not isinstance(token.value, TokenFile) or token.value.path.startswith("~"):
        return found
    return {**found, "token": Setting(TokenFile(str(file.parent / token.value.path)), token.source)}


def _of_flags(flags: Flags) -> Mapping[str, Setting]:
    found: dict[str, Setting] = {}
    if flags.base_url is not None:
        found["base_url"] = Setting(flags.base_url, "--base-url")
    if flags.routes is not None:
        found |= route_settings(_text_of(Path(flags.routes), "--routes"), "--routes")
    if flags.rate is not None:
        found |= rate_settings(flags.rate, "--rate")
    if flags.deadline is not None:
        found["poll.deadline"] = Setting(flags.deadline, "--deadline")
    return found


def _of_environment() -> Mapping[str, Setting]:
    found = dict(environment_settings({name: Secret(_environment(name)) for name in _VARIABLES}))
    if routes := _environment("PACKCLOUD_ROUTES"):
        found |= route_settings(_text_of(Path(routes), "PACKCLOUD_ROUTES"), "PACKCLOUD_ROUTES")
    return found


def _text_of(path: Path, source: str) -> Secret[str]:
    """Read a file, which somebody may have put a secret into."""
    try:
        with path.open("rb") as file:
            held = Secret(file.read(LARGEST_FILE + 1))
        text = Secret(held.reveal().decode("utf-8-sig"))
    except OSError as error:
        told = error.strerror or type(error).__name__
    except ValueError as error:
        told = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else "there can be no such file"
    else:
        if len(held.reveal()) <= LARGEST_FILE:
            return text
        told = f"it is larger than {LARGEST_FILE} bytes"
    # Outside, so that nothing that was read comes along.
    raise ConfigurationError(f"{source} names a file that cannot be read: {str(path)!r} ({told})")


def _environment(name: str) -> str:
    # Apart, because some tracebacks show every name of the failing line: of os.environ that is the token.
    return os.environ.get(name, "")
