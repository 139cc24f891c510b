"""Who may call what: one policy, built once from the keys and the address that the service listens on."""

import ipaddress
import re
from http import HTTPStatus
from typing import Final

from forecasting.errors import RequestError
from service.gate.keys import ANONYMOUS, Key, Keys, Role
from service.http.problems import ProblemError
from service.settings import Settings

_LOOPBACK: Final = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))

_OPEN: Final = frozenset({"/", "/metrics", "/docs", "/openapi.json", "/favicon.ico"})
_OPEN_FOLDERS: Final = ("/health/", "/v2/health/", "/assets/")
# No segment that is empty or begins with a dot, and nothing but plain characters.
_OPEN_FILE: Final = re.compile(r"(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)+")

REPOSITORY: Final = "/v2/repository/"
"""Where paths begin whose requests, the index's apart, change what is loaded in all workers."""

_INDEX: Final = "/v2/repository/index"

_MAKE_ADMIN_KEY: Final = (
    "loading and unloading need an admin key, and none is configured: make one with "
    "python -m service key --name NAME --role admin, and start the service with its line in SST_KEYS_FILE or SST_KEYS"
)
_CHALLENGE: Final = {"WWW-Authenticate": "Bearer"}
_INVALID: Final = {"WWW-Authenticate": 'Bearer error="invalid_token"'}


class Access:
    """What each path asks for.

    - Open paths never ask for a key, and never look at one: probes, metrics, the page and its files, the documentation.
    - Everything under ``/v2/repository/`` but its index asks for an admin key, wherever the service listens.
    - All the rest, known or not, asks for a key of either role, unless forecasts are open (``forecasts_are_open``).
      A wrong key is refused even then.
    """

    def __init__(self, settings: Settings, keys: Keys) -> None:
        self._keys = keys
        self._open = forecasts_are_open(settings)
        self._looks_at_keys = bool(keys) or not self._open
        self._keyless = ANONYMOUS if keys and settings.allow_anonymous else None

    def check(self, path: str, authorization: bytes | None) -> Key | None:
        """Let a request pass, and say whose it is for the rate limit; None: nobody's, and not limited.

        Args:
            path: decoded, as the router sees it (``scope["path"]``).
            authorization: the header's value, None where it was not sent.

        Raises:
            ProblemError: 401 (with ``WWW-Authenticate``) without a key or with a wrong one, 403 where the key may not.
        """
        if path.startswith(REPOSITORY) and path != _INDEX:
            return self._check_admin(authorization)
        if not self._looks_at_keys or is_open(path):
            return None
        presented = _presented(authorization)
        if presented is None and self._open:
            return self._keyless
        return self._identify(presented)

    def _check_admin(self, authorization: bytes | None) -> Key:
        if not self._keys.has_admin:
            raise ProblemError(HTTPStatus.FORBIDDEN, _MAKE_ADMIN_KEY, reason="forbidden")
        key = self._identify(_presented(authorization))
        if key.role is not Role.ADMIN:
            raise ProblemError(
                HTTPStatus.FORBIDDEN,
                f"loading and unloading need an admin key, and {key.name}'s is a {key.role} key",
                reason="forbidden",
            )
        return key

    def _identify(self, presented: bytes | None) -> Key:
        if presented is None:
            raise ProblemError(
                HTTPStatus.UNAUTHORIZED,
                "a key is needed: send the header Authorization: Bearer KEY",
                headers=_CHALLENGE,
                reason="unauthorized",
            )
        key = self._keys.find(presented)
        if key is None:
            raise ProblemError(
                HTTPStatus.UNAUTHORIZED,
                "this key is none of the service's keys; ask its operator",
                headers=_INVALID,
                reason="unauthorized",
            )
        return key


def is_open(path: str) -> bool:
    """Whether a decoded path needs no key anywhere: one of a list, letter for letter."""
    return path in _OPEN or (path.startswith(_OPEN_FOLDERS) and _OPEN_FILE.fullmatch(path) is not None)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a service that listens on ``host``; a name but localhost counts as not."""
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in _LOOPBACK)


def forecasts_are_open(settings: Settings) -> bool:
    """Whether forecasts need no key: as ``SST_ALLOW_ANONYMOUS`` says, and where it says nothing, on loopback alone."""
    return is_loopback(settings.host) if settings.allow_anonymous is None else settings.allow_anonymous


def refuse_open_bind(settings: Settings, keys: Keys) -> None:
    """Refuse to serve strangers who were not invited, or nobody at all.

    Raises:
        RequestError: if there are no keys, and forecasts without one are not open.
    """
    if keys or forecasts_are_open(settings):
        return
    make = "make a key with python -m service key --name NAME and put its line in SST_KEYS_FILE or SST_KEYS"
    if settings.allow_anonymous is False:
        raise RequestError(f"SST_ALLOW_ANONYMOUS=false asks for keys, and there are none: {make}", field="keys")
    raise RequestError(
        f"on {settings.host or 'every address'} others than this machine could call, and there are no keys: {make}, or "
        "let everybody forecast with SST_ALLOW_ANONYMOUS=true",
        field="host",
    )


def _presented(authorization: bytes | None) -> bytes | None:
    """The key that a header presents; None where it is of another scheme, as a proxy's own login is."""
    if authorization is None:
        return None
    scheme, _, key = authorization.partition(b" ")
    return key.strip() if scheme.lower() == b"bearer" else None
