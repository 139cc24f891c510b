"""A client of several services, each of which gets some of the requests."""

from zlib import crc32

import httpx


class _Transport(httpx.HTTPTransport):
    def __init__(self, addresses: list[httpx.URL]) -> None:
        super().__init__()
        self._addresses = addresses

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        address = self._addresses[crc32(request.read()) % len(self._addresses)]
        request.url = request.url.copy_with(host=address.host, port=address.port)
        request.headers["Host"] = address.netloc.decode()
        return super().handle_request(request)


def either_of(*services: httpx.Client) -> httpx.Client:
    """Return a client that sends a request to the service that its body determines, the same each time."""
    addresses = [service.base_url for service in services]
    return httpx.Client(base_url=addresses[0], transport=_Transport(addresses), timeout=60)
