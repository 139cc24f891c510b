"""Who may call what, and how often: one policy, built from the keys and the address that the service listens on."""

import ipaddress
import math
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Final, NamedTuple

from starlette.types import Scope

from forecasting.errors import RequestError
from service.http.paths import Paths
from service.http.problems import ProblemError
from service.middleware.keys import ANONYMOUS, Key, Keys, Role
from service.settings import Settings

KEY: Final = "key"
"""Key in the scope of a request with an API key: that :class:`~service.middleware.keys.Key`."""

_LOOPBACK: Final = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))

READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""

_IPV6_PREFIX: Final = 64
"""Bits of an IPv6 address that identify a caller, who may choose the others."""

_BURST_SECONDS: Final = 10

_ARTICLES: Final = {Role.STATION: "a", Role.ADMIN: "an"}
_CHALLENGE: Final = {"WWW-Authenticate": "Bearer"}
_INVALID: Final = {"WWW-Authenticate": 'Bearer error="invalid_token"'}


class Guard(NamedTuple):
    """Paths that need a key of a role: an admin key for every method, a station key only for writing.

    They begin with one of ``prefixes``, except for ``besides``. ``purpose`` is what the caller does there, with a verb:
    "writing stations needs".
    """

    prefixes: tuple[str, ...]
    role: Role
    purpose: str
    besides: frozenset[str] = frozenset()

    def has(self, path: str) -> bool:
        """Whether it guards a path."""
        return path.startswith(self.prefixes) and path not in self.besides


class Access:
    """Which key each path needs.

    - Open paths never need a key, and ignore it.
    - What a guard keeps for administrators needs an admin key, wherever the service listens.
    - Writing where a guard asks for a station key needs a station or admin key, except on loopback if there are no
      keys. Whose station it is, only the store knows.
    - All other paths, known or not, need a key of any role, unless forecasts are open (``forecasts_are_open``).
      An unknown key is refused even then. Methods that a path of stations does not have follow this rule too.
    """

    def __init__(
        self,
        settings: Settings,
        keys: Keys,
        paths: Paths,
        guards: Sequence[Guard] = (),
        has_route: Callable[[str, str], bool] = lambda path, method: True,
    ) -> None:
        """Read the policy from ``settings``; ``has_route`` says whether a path has a method."""
        self._keys = keys
        self._paths, self._guards, self._has_route = paths, guards, has_route
        self._open = forecasts_are_open(settings)
        self.anyone_writes = not keys and is_loopback(settings.host)
        """Whether there are no keys, and only this machine can reach the service."""
        self._looks_at_keys = bool(keys) or not self._open
        self._keyless = ANONYMOUS if keys and settings.allow_anonymous else None

    def check(self, path: str, authorization: bytes | None, method: str = "POST") -> Key | None:
        """Return the key of a request, for the rate limit; None if it has none and is not limited."""
        guard = self._guard(path)
        if guard is not None and guard.role is Role.ADMIN:
            return self._check_admin(guard, authorization)
        if guard is not None and method not in READING:
            try:
                return self._check_station(guard, authorization)
            except ProblemError:
                # A call that no key allows is a 404 or 405, which only the routes can answer.
                if self._has_route(path, method):
                    raise
        if not self._looks_at_keys or self._paths.is_open(path):
            return None
        presented = _presented(authorization)
        if presented is None and self._open:
            return self._keyless
        return self._identify(presented)

    @property
    def has_writers(self) -> bool:
        """Whether there is a key that may write stations."""
        return self._keys.has_station

    def may_own(self, name: str) -> bool:
        """Whether a station may belong to the key of this name: there is one, or there are no keys yet."""
        return not self._keys or name in self._keys.names

    def refusal(self, guard: Guard, key: Key | None) -> ProblemError | None:
        """Return why a caller with this key may not write where ``guard`` asks for a station key; None if it may."""
        if self.anyone_writes:
            return None
        if not self._keys.has_station:
            return _no_key(guard)
        if key is None or key is ANONYMOUS:
            return ProblemError(HTTPStatus.FORBIDDEN, f"{guard.purpose} a station key", reason="forbidden")
        return _wrong_role(guard, key) if key.role is Role.FORECAST else None

    def is_for_admins(self, path: str) -> bool:
        """Whether a path is kept for administrators."""
        guard = self._guard(path)
        return guard is not None and guard.role is Role.ADMIN

    def is_audited(self, path: str, method: str) -> bool:
        """Whether a call is always logged: an administrator's, or one that deletes what a guard keeps."""
        return self.is_for_admins(path) or (method == "DELETE" and self._guard(path) is not None)

    def _guard(self, path: str) -> Guard | None:
        for guard in self._guards:
            if guard.has(path):
                return guard
        return None

    def _check_station(self, guard: Guard, authorization: bytes | None) -> Key | None:
        known = not self.anyone_writes and self._keys.has_station
        key = self._identify(_presented(authorization)) if known else None
        if (refused := self.refusal(guard, key)) is not None:
            raise refused
        return key

    def _check_admin(self, guard: Guard, authorization: bytes | None) -> Key:
        if not self._keys.has_admin:
            raise _no_key(guard)
        key = self._identify(_presented(authorization))
        if key.role is not Role.ADMIN:
            raise _wrong_role(guard, key)
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


def _no_key(guard: Guard) -> ProblemError:
    role = guard.role
    return ProblemError(
        HTTPStatus.FORBIDDEN,
        f"{guard.purpose} {_ARTICLES[role]} {role} key, but none is configured: create one with python -m service key "
        f"--name NAME --role {role}, and start the service with its line in SST_KEYS_FILE or SST_KEYS",
        reason="forbidden",
    )


def _wrong_role(guard: Guard, key: Key) -> ProblemError:
    return ProblemError(
        HTTPStatus.FORBIDDEN,
        f"{guard.purpose} {_ARTICLES[guard.role]} {guard.role} key, but the key of {key.name} is a {key.role} key",
        reason="forbidden",
    )


def is_address(host: str) -> bool:
    """Whether a host is an IP address."""
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
    """Refuse to serve everyone by accident, or nobody at all."""
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


def caller_of(scope: Scope) -> str:
    """Return who a request counts for as long as its key is unknown: its address, or its /64 network of IPv6."""
    client = scope.get("client")
    return _network_of(client[0]) if client else ""


@lru_cache(maxsize=4_096)
def _network_of(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return host
    mapped = address.ipv4_mapped
    return str(mapped or ipaddress.ip_network((int(address), _IPV6_PREFIX), strict=False))


def too_many(problem: str, wait: float, remedy: str = "") -> ProblemError:
    """Return the refusal of a call that may be repeated after ``wait`` seconds: 429 with ``Retry-After``."""
    seconds = math.ceil(wait)
    return ProblemError(
        HTTPStatus.TOO_MANY_REQUESTS,
        f"{problem}: wait {seconds} s{remedy}",
        headers={"Retry-After": str(seconds)},
        reason="rate_limited",
    )


class RateLimiter:
    """Allows each key ``per_minute`` requests a minute, at most ten seconds' worth (at least one) at once."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 60 / per_minute if per_minute else 0.0
        self._ahead = max(_BURST_SECONDS - self._interval, 0.0)
        self._clock = clock
        # One number describes a bucket: the time at which it will be full again.
        self._full_at: dict[str, float] = {}

    def take(self, name: str) -> float:
        """Return the seconds until a caller may call again; 0.0 if it may call now, and this call is counted."""
        if not self._interval:
            return 0.0
        now = self._clock()
        full_at = max(self._full_at.get(name, now), now)
        wait = full_at - now - self._ahead
        if wait > 0:
            return wait
        self._full_at[name] = full_at + self._interval
        return 0.0

    def admit(self, key: Key | None) -> None:
        """Count a call of ``key``. Calls without a key are not limited."""
        if key is None:
            return
        wait = self.take(key.name)
        if wait > 0:
            raise too_many(f"rate limit of {key.name} exceeded", wait, ", or send more series in one request")
