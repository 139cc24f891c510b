"""HTTP requests to addresses that users name: webhooks and sources of readings.

Clients that may write stations must not reach the operator's network through them. The name in a URL is resolved once,
every address is checked, and the connection is made to one of these addresses, so that a second answer of the name
server changes nothing. Proxies of the environment are not used, because they would resolve the name again.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

import httpx

from service.plugins.stations.addresses import is_private_name, is_public
from service.telemetry.tracing import part

CONNECT_SECONDS: Final = 5.0
"""How long a connection to one address may take."""

MAX_URL: Final = 2_000
"""Characters of a URL."""

_HEADERS: Final = {"User-Agent": "sst-forecasting", "Accept": "*/*", "Accept-Encoding": "identity"}

_MAX_PORT: Final = 65_535

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a host; raises OSError if there are none."""


class OutboundError(Exception):
    """A URL that cannot be used, or a request without a usable response.

    ``str()`` is a sentence for users. Of the URL, it has the host at most: the rest may hold a secret.
    """


def check_url(text: str, *, allow_private: bool) -> httpx.URL:
    """Parse a URL, before any name is resolved."""
    if len(text) > MAX_URL:
        raise OutboundError(f"the URL has more than {MAX_URL} characters: use a shorter one")
    try:
        url = httpx.URL(text)
        # Decodes an international name, and fails if it is none.
        _ = url.host
    except (httpx.InvalidURL, UnicodeError):
        raise OutboundError("this is not a URL: write https://host/path") from None
    if url.scheme not in ("http", "https") or not _name(url):
        raise OutboundError("the URL must begin with https:// or http:// and a host: write https://host/path")
    if url.userinfo:
        raise OutboundError("the URL contains a user name or password: leave out the part before the @")
    if url.port is not None and not 1 <= url.port <= _MAX_PORT:
        raise OutboundError(f"the port {url.port} does not exist: use one from 1 to {_MAX_PORT}")
    if not allow_private and is_private_name(_name(url)):
        raise OutboundError(private_refusal(url.host))
    return url


class Outbound:
    """Sends requests to addresses that users name. Create one in each process; it keeps no connections."""

    def __init__(
        self, *, allow_private: bool, resolve: Resolve | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        """Allow addresses of private networks or not.

        Names are resolved by the system unless ``resolve`` is given. The certificates to trust are those of
        ``SSL_CERT_FILE``, or else of certifi, unless ``tls`` is given.
        """
        self._allow_private = allow_private
        self._resolve = resolve or _addresses
        self._tls = tls

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        max_bytes: int = 0,
        seconds: float = 30.0,
    ) -> httpx.Response:
        """Send a request and return the response, whatever its status. Redirects are not followed."""
        target = check_url(url, allow_private=self._allow_private)
        request = httpx.Request(method, target, headers=_HEADERS | dict(headers or {}), content=content)
        try:
            with part("call", {"http.request.method": method, "server.address": target.host}):
                async with asyncio.timeout(seconds):
                    return await self._exchange(request, max_bytes)
        except TimeoutError:
            raise OutboundError(f"{target.host} did not send a complete response within {seconds:g} seconds") from None
        except httpx.ConnectTimeout:
            raise OutboundError(f"no connection to {target.host} within {CONNECT_SECONDS:g} seconds") from None
        except httpx.ConnectError as error:
            raise OutboundError(f"cannot connect to {target.host}: {error}") from None
        except httpx.RemoteProtocolError:
            # Its text repeats what arrived, such as the greeting of another protocol.
            raise OutboundError(f"the request to {target.host} failed: it sent no complete HTTP response") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise OutboundError(f"the request to {target.host} failed: {error}") from None

    async def _exchange(self, request: httpx.Request, max_bytes: int) -> httpx.Response:
        addresses = await self._checked_addresses(request.url)
        if self._tls is None:
            self._tls = httpx.create_ssl_context()
        # A connection that is kept would be used again for another host at the same address, unchecked.
        limits = httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncHTTPTransport(verify=self._tls, limits=limits) as transport:
            response = await _send_to_first(transport, request, addresses)
            try:
                body = await _read(response, request.url.host, max_bytes) if max_bytes else b""
            finally:
                await response.aclose()
        return httpx.Response(response.status_code, headers=response.headers, content=body)

    async def _checked_addresses(self, url: httpx.URL) -> Sequence[str]:
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            addresses = await self._resolve(_name(url), port)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "invalid name"
            raise OutboundError(f"cannot find the host {url.host}: {reason}") from None
        if not self._allow_private and not all(is_public(address) for address in addresses):
            raise OutboundError(private_refusal(url.host))
        return addresses


async def _send_to_first(
    transport: httpx.AsyncHTTPTransport, request: httpx.Request, addresses: Sequence[str]
) -> httpx.Response:
    """Send the request to the first address that accepts a connection."""
    *others, last = (_pinned(request, address) for address in addresses)
    for pinned in others:
        with suppress(httpx.ConnectError, httpx.ConnectTimeout):
            return await transport.handle_async_request(pinned)
    return await transport.handle_async_request(last)


def _pinned(request: httpx.Request, address: str) -> httpx.Request:
    """Return the request to an address, with the name of the host in its header and in TLS."""
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions={"sni_hostname": _name(request.url), "timeout": {"connect": CONNECT_SECONDS}},
    )


async def _read(response: httpx.Response, host: str, max_bytes: int) -> bytes:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise OutboundError(f"{host} sent a compressed response although the request does not allow it")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > max_bytes:
            raise OutboundError(f"the response from {host} has more than {max_bytes} bytes")
    return bytes(body)


def _name(url: httpx.URL) -> str:
    """Return the host as DNS and TLS know it."""
    return url.raw_host.decode("ascii").rstrip(".")


def private_refusal(host: str) -> str:
    """Return why a host on a private network is not called, and what to do."""
    return (
        f"{host} is on a private network, which this service does not call: use a public host, or ask the operator to "
        "set SST_ALLOW_PRIVATE_ADDRESSES"
    )


async def _addresses(host: str, port: int) -> list[str]:
    addresses = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in addresses))
