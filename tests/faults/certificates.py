"""Certificates made for the tests by an authority of their own; nothing of it works without trustme."""

import datetime
import ssl
from functools import cache
from typing import Any

import aiohttp

try:
    import trustme
except ImportError:
    trustme = None

TRUSTED_NAME = "localhost"


@cache
def _authority() -> Any:
    return trustme.CA()


@cache
def good() -> ssl.SSLContext:
    return _serving(_authority().issue_cert(TRUSTED_NAME))


@cache
def self_signed() -> ssl.SSLContext:
    """By an authority that nobody trusts."""
    return _serving(trustme.CA().issue_cert(TRUSTED_NAME))


@cache
def expired() -> ssl.SSLContext:
    began = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    ended = datetime.datetime(2021, 1, 1, tzinfo=datetime.UTC)
    return _serving(_authority().issue_cert(TRUSTED_NAME, not_before=began, not_after=ended))


@cache
def for_another_host() -> ssl.SSLContext:
    return _serving(_authority().issue_cert("elsewhere.test"))


def trusting() -> aiohttp.ClientSession:
    """A session that trusts the authority."""
    context = ssl.create_default_context()
    _authority().configure_trust(context)
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context))


def _serving(certificate: Any) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    return context
