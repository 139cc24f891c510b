"""Who may call what: one policy, built from the keys and the address that the service listens on."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from forecasting.errors import RequestError
from service.gate.keys import ANONYMOUS, Key, Keys, Role
from service.http.problems import ProblemError
from service.settings import Settings

_LOOPBACK: Final = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))

_OPEN: Final = frozenset({"/", "/metrics", "/docs", "/openapi.json", "/favicon.ico"})
_OPEN_FOLDERS: Final = ("/health/", "/v2/health/", "/assets/")
# Plain characters only, and no segment that is empty or begins with a dot.
_OPEN_FILE: Final = re.compile(r"(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)+")

REPOSITORY: Final = "/v2/repository/"
"""Prefix of the paths that, except for the index, change what all workers load."""

_INDEX: Final = "/v2/repository/index"

_STATIONS: Final = ("/stations", "/observations")
"""Prefixes of the paths that, except for reading, change what is stored of stations."""

_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})

_OWN_SITES: Final = frozenset({b"same-origin", b"none"})
"""Values of ``Sec-Fetch-Site`` of requests that no other page made."""

_MAX_SHOWN: Final = 200
"""Characters of a header that a message repeats."""

_ARTICLES: Final = {Role.STATION: "a", Role.ADMIN: "an"}
_LOADING: Final = "loading and unloading models need"
_WRITING: Final = "writing stations and their readings needs"
_CHALLENGE: Final = {"WWW-Authenticate": "Bearer"}
_INVALID: Final = {"WWW-Authenticate": 'Bearer error="invalid_token"'}


class Access:
    """Which key each path needs.

    - Open paths never need a key, and ignore it: probes, metrics, the page and its files, the documentation.
    - Everything under ``/v2/repository/`` except its index needs an admin key, wherever the service listens.
    - Writing stations and their readings needs a station or admin key, except on loopback if there are no keys. Whose
      station it is, only the store knows.
    - All other paths, known or not, need a key of any role, unless forecasts are open (``forecasts_are_open``).
      An unknown key is refused even then. Methods that a path of stations does not have follow this rule too.
    """

    def __init__(
        self, settings: Settings, keys: Keys, has_route: Callable[[str, str], bool] = lambda path, method: True
    ) -> None:
        """Read the policy from ``settings``; ``has_route`` says whether a path has a method."""
        self._keys = keys
        self._has_route = has_route
        self._open = forecasts_are_open(settings)
        self._anyone_writes = not keys and is_loopback(settings.host)
        self._looks_at_keys = bool(keys) or not self._open
        self._keyless = ANONYMOUS if keys and settings.allow_anonymous else None

    def check(self, path: str, authorization: bytes | None, method: str = "POST") -> Key | None:
        """Return the key of a request, for the rate limit; None if it has none and is not limited.

        Args:
            path: decoded, as the router sees it (``scope["path"]``).
            authorization: value of the header; None if it was not sent.
            method: of the request.

        Raises:
            ProblemError: 401 (with ``WWW-Authenticate``) if the key is missing or unknown, 403 if its role may not.
        """
        if _loads_models(path):
            return self._check_admin(authorization)
        if method not in _READING and path.startswith(_STATIONS):
            try:
                return self._check_station(authorization)
            except ProblemError:
                # A call that no key allows is a 404 or 405, which only the routes can answer.
                if self._has_route(path, method):
                    raise
        if not self._looks_at_keys or is_open(path):
            return None
        presented = _presented(authorization)
        if presented is None and self._open:
            return self._keyless
        return self._identify(presented)

    def _check_station(self, authorization: bytes | None) -> Key | None:
        if self._anyone_writes:
            return None
        if not self._keys.has_station:
            raise _no_key(_WRITING, Role.STATION)
        key = self._identify(_presented(authorization))
        if key.role is Role.FORECAST:
            raise _wrong_role(_WRITING, Role.STATION, key)
        return key

    def _check_admin(self, authorization: bytes | None) -> Key:
        if not self._keys.has_admin:
            raise _no_key(_LOADING, Role.ADMIN)
        key = self._identify(_presented(authorization))
        if key.role is not Role.ADMIN:
            raise _wrong_role(_LOADING, Role.ADMIN, key)
        return key

    def _identify(self, presented: bytes | None) -> Key:
        if presented is None:
            raise ProblemError(
                HTTPStatus.UNAUTHORIZED,
                "missing API key: send the header Authorization: Bearer KEY",
                headers=_CHALLENGE,
                reason="unauthorized",
            )
        key = self._keys.find(presented)
        if key is None:
            raise ProblemError(
                HTTPStatus.UNAUTHORIZED,
                "unknown API key; ask the operator of the service",
                headers=_INVALID,
                reason="unauthorized",
            )
        return key


class Origins:
    """Refuses what other web pages have a browser send. Programs send none of the headers that betray a page.

    - Where only this machine can reach the service, or the setting ``allowed_hosts`` is set, ``Host`` must name this
      machine or a host of the setting. Otherwise, a page could rebind its own name to this machine, and read
      everything. An address cannot be rebound, so others than loopback are answered where they can be reached.
    - Requests that may change something (all but GET, HEAD and OPTIONS) must come from a page of the service itself or
      of a listed origin.
    """

    def __init__(self, settings: Settings) -> None:
        """Read the policy from ``settings``."""
        self._listed = frozenset(origin.encode() for origin in settings.origins)
        self._hosts = settings.hosts
        self._is_local = is_loopback(settings.host)
        self._any_host = "*" in self._hosts or not (self._hosts or self._is_local)
        self.answers_to = lru_cache(maxsize=64)(self._answers_to)
        """Whether the service answers requests with this ``Host``; None if it was not sent, as browsers never do."""

    def _answers_to(self, host: bytes | None) -> bool:
        if self._any_host or host is None:
            return True
        text = host.decode("latin-1").lower()
        name = (text[1:].partition("]") if text.startswith("[") else text.partition(":"))[0].rstrip(".")
        if not self._is_local and _is_address(name):
            return True
        return name in self._hosts or is_loopback(name) or name.endswith(".localhost")

    def check(self, method: str, headers: Mapping[bytes, bytes]) -> None:
        """Check a request before anything of it is read.

        Args:
            method: of the request.
            headers: by name in lower case.

        Raises:
            ProblemError: 421 if it is for another host, 403 if another page may have sent it.
        """
        host, origin = headers.get(b"host"), headers.get(b"origin")
        if not self.answers_to(host):
            raise ProblemError(
                HTTPStatus.MISDIRECTED_REQUEST,
                f"the service does not answer for the host {_shown(host)}: use localhost, or add the host to "
                "SST_ALLOWED_HOSTS",
                reason="forbidden",
            )
        if method in _READING or origin in self._listed or b"*" in self._listed:
            return
        site = headers.get(b"sec-fetch-site")
        # A proxy may have changed Host, but the browser knows. It says so to https and localhost only.
        if site not in _OWN_SITES and (site is not None or not _is_of(origin, host)):
            raise ProblemError(
                HTTPStatus.FORBIDDEN,
                f"a page of {_shown(origin) or 'another site'} may not send {method} requests; SST_CORS_ORIGINS lists "
                "the allowed origins",
                reason="forbidden",
            )


def _is_of(origin: bytes | None, host: bytes | None) -> bool:
    """Whether a request without ``Sec-Fetch-Site`` is of a program, or of a page on ``host``."""
    return origin is None or (host is not None and origin.lower().partition(b"://")[2] == host.lower())


def _shown(header: bytes | None) -> str:
    """Return what a message repeats of a header."""
    return (header or b"").decode("latin-1")[:_MAX_SHOWN]


def _no_key(purpose: str, role: Role) -> ProblemError:
    return ProblemError(
        HTTPStatus.FORBIDDEN,
        f"{purpose} {_ARTICLES[role]} {role} key, but none is configured: create one with python -m service key --name "
        f"NAME --role {role}, and start the service with its line in SST_KEYS_FILE or SST_KEYS",
        reason="forbidden",
    )


def _wrong_role(purpose: str, role: Role, key: Key) -> ProblemError:
    return ProblemError(
        HTTPStatus.FORBIDDEN,
        f"{purpose} {_ARTICLES[role]} {role} key, but the key of {key.name} is a {key.role} key",
        reason="forbidden",
    )


def is_audited(path: str, method: str) -> bool:
    """Whether a call is always logged: it loads or unloads a model, or deletes what belongs to a station."""
    return _loads_models(path) or (method == "DELETE" and path.startswith(_STATIONS))


def _loads_models(path: str) -> bool:
    return path.startswith(REPOSITORY) and path != _INDEX


def is_open(path: str) -> bool:
    """Whether a decoded path never needs a key: it must match the list exactly."""
    return path in _OPEN or (path.startswith(_OPEN_FOLDERS) and _OPEN_FILE.fullmatch(path) is not None)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a service on ``host``. Of names, only localhost counts as loopback."""
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in _LOOPBACK)


def forecasts_are_open(settings: Settings) -> bool:
    """Whether forecasts need no key: as ``SST_ALLOW_ANONYMOUS`` says, and by default only on loopback."""
    return is_loopback(settings.host) if settings.allow_anonymous is None else settings.allow_anonymous


def refuse_open_bind(settings: Settings, keys: Keys) -> None:
    """Refuse to serve everyone by accident, or nobody at all.

    Raises:
        RequestError: if there are no keys, and forecasts need one.
    """
    if keys or forecasts_are_open(settings):
        return
    create = "create a key with python -m service key --name NAME and put its line in SST_KEYS_FILE or SST_KEYS"
    if settings.allow_anonymous is False:
        raise RequestError(f"SST_ALLOW_ANONYMOUS=false needs keys, but there are none: {create}", field="keys")
    raise RequestError(
        f"other machines can reach {settings.host or 'every address'}, but there are no keys: {create}, or let "
        "everyone forecast with SST_ALLOW_ANONYMOUS=true",
        field="host",
    )


def _presented(authorization: bytes | None) -> bytes | None:
    """Return the key in the header; None for any other scheme, such as the login of a proxy."""
    if authorization is None:
        return None
    scheme, _, key = authorization.partition(b" ")
    return key.strip() if scheme.lower() == b"bearer" else None
