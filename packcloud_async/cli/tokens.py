"""The token, read from where the settings say: a file of one line, or the keyring of the system."""

import asyncio
import logging
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from attrs import define, field

from packcloud_async._sansio.secret import Secret
from packcloud_async._sansio.settings import Token
from packcloud_async._sansio.settings_file import TokenFile, TokenKeyring
from packcloud_async.auth import Auth, BearerToken
from packcloud_async.errors import ConfigurationError

logger = logging.getLogger("packcloud_async")

SERVICE = "packcloud"
"""The name under which the keyring keeps tokens."""
_LONGEST = 16_384


def read_token(token: Token, source: str) -> Secret[str]:
    """Return the token; ``source`` is what to name in an error. Raises :class:`ConfigurationError`."""
    match token:
        case None:
            raise ConfigurationError(
                "no token: set PACKCLOUD_TOKEN, or name a file with token_file in packcloud.toml; "
                "packcloud config show tells what is in force"
            )
        case TokenFile():
            return _of_file(token, source)
        case TokenKeyring():
            return _of_keyring(token.user, source)
        case _:
            return token


def auth_of(held: Secret[str], token: Token, source: str) -> Auth:
    """Return who gives the token that was read; one that may be another by now is read anew when it is refused."""
    bearer = BearerToken(held)
    return _ReadAnew(bearer, token, source) if isinstance(token, TokenFile | TokenKeyring) else bearer


@define(eq=False)
class _ReadAnew:
    _bearer: BearerToken
    _token: TokenFile | TokenKeyring = field(repr=False)
    _source: str

    async def headers(self, *, refused: bool) -> Mapping[str, str]:
        """Return the one header."""
        if refused:
            try:
                # In a thread: a keyring may ask the user, while other requests are under way.
                self._bearer = BearerToken(await asyncio.to_thread(read_token, self._token, self._source))
            except ConfigurationError as error:
                logger.warning("the token was refused, and there is no other: %s", error)
        return await self._bearer.headers(refused=refused)


def _of_file(token: TokenFile, source: str) -> Secret[str]:
    # The path is not told: who mistook it for the token itself would find the token in a log.
    try:
        with Path(token.path).expanduser().open("rb") as file:
            _warn_if_exposed(file.fileno(), source)
            held = Secret(file.read(_LONGEST + 1).decode())
    except OSError as error:
        told = error.strerror or type(error).__name__
    except ValueError:
        told = "it is not a text"
    except RuntimeError:
        told = "there is no home that ~ could be"
    else:
        if (complaint := _complaint_about(held)) is None:
            return Secret(held.reveal().strip())
        told = complaint
    # Outside, so that nothing that was read comes along.
    raise ConfigurationError(f"{source} names a file that gives no token: {told}")


def _complaint_about(held: Secret[str]) -> str | None:
    if not held.reveal().strip():
        return "it is empty"
    if len(held.reveal()) > _LONGEST or len(held.reveal().strip().splitlines()) > 1:
        return "it must hold one line, the token"
    return None


def _warn_if_exposed(descriptor: int, source: str) -> None:
    found = os.fstat(descriptor)
    mode = stat.S_IMODE(found.st_mode)
    if os.name == "posix" and stat.S_ISREG(found.st_mode) and mode & 0o077:
        logger.warning("the file of %s is open to other users (mode %04o): chmod 600 it", source, mode)


def _of_keyring(user: str, source: str) -> Secret[str]:
    try:
        import keyring  # noqa: PLC0415 - an extra of its own
    except ModuleNotFoundError:
        raise ConfigurationError(f"{source} needs the extra: pip install 'packcloud_async[keyring]'") from None
    try:
        held = Secret(keyring.get_password(SERVICE, user))
    except Exception as error:  # noqa: BLE001 - a keyring is a plugin of somebody else, and raises what it likes
        told = f"the keyring cannot be read ({type(error).__name__})"
    else:
        if (token := _given(held)) is not None:
            return token
        told = f"the keyring has no such entry; keyring set {SERVICE} NAME makes one"
    raise ConfigurationError(f"{source}: {told}")


def _given(held: Secret[str | None]) -> Secret[str] | None:
    value = held.reveal()
    return None if not value else Secret(value)
