"""Requests to addresses that users name reach public hosts only."""

import asyncio
import ssl
from collections.abc import Sequence
from urllib.parse import urlsplit

import httpx
import pytest
import trustme

from service.plugins.stations.addresses import is_public
from service.plugins.stations.outbound import Outbound, OutboundError, Resolve, check_url
from tests.servers.webhook_receiver import Answer, Handler, die, drip, endless, hang, receiving, status

PRIVATE = (
    "127.0.0.1 10.0.0.1 172.16.0.1 192.168.1.1 0.0.0.0 169.254.169.254 100.100.100.200 168.63.129.16 192.0.0.192 "
    "224.0.0.1 240.0.0.1 255.255.255.255 198.18.0.1 :: ::1 fe80::1 fe80::1%eth0 fc00::1 fd00:ec2::254 fec0::1 ff02::1 "
    "::127.0.0.1 ::ffff:127.0.0.1 ::ffff:169.254.169.254 64:ff9b::10.0.0.1 64:ff9b:1::1 2002:7f00:1::"
)
PUBLIC = "8.8.8.8 172.32.0.1 2606:4700::1111 ::ffff:8.8.8.8 64:ff9b::8.8.8.8 2002:808:808::"


@pytest.mark.parametrize("address", PRIVATE.split())
def test_addresses_of_a_machine_a_network_or_a_cloud_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC.split())
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


def names(*addresses: str) -> Resolve:
    """Return a name server on which every host has these addresses."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return resolve


def send(outbound: Outbound, url: str, seconds: float = 30, max_bytes: int = 0) -> httpx.Response:
    return asyncio.run(outbound.send("POST", url, content=b"{}", seconds=seconds, max_bytes=max_bytes))


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("hooks.example/sst", "must begin with https://"),
        ("ftp://hooks.example", "must begin with https://"),
        ("https://", "must begin with https://"),
        ("https://user:secret@hooks.example", "leave out the part before the @"),
        ("https://hooks.example:99999", "port 99999"),
        ("https://hooks.example/" + "a" * 2_000, "2000 characters"),
        ("https://\x00", "not a URL"),
        ("https://xn--/sst", "not a URL"),
        ("https://../sst", "and a host"),
        ("http://localhost:8000/", "private network"),
        ("http://db.localhost/", "private network"),
        ("http://169.254.169.254/latest", "private network"),
        ("http://[::ffff:10.0.0.1]/", "private network"),
    ],
)
def test_a_url_that_cannot_be_used_says_why_and_repeats_no_secret(url: str, says: str) -> None:
    with pytest.raises(OutboundError, match=says) as caught:
        check_url(url, allow_private=False)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("addresses", [("127.0.0.1",), ("8.8.8.8", "10.0.0.1"), ("::ffff:127.0.0.1",)])
def test_a_name_with_a_private_address_is_not_called(addresses: Sequence[str]) -> None:
    with receiving() as receiver:
        port = urlsplit(receiver.url).port
        outbound = Outbound(allow_private=False, resolve=names(*addresses))
        with pytest.raises(OutboundError, match=r"hooks\.example is on a private network.*SST_ALLOW_PRIVATE_ADDRESSES"):
            send(outbound, f"http://hooks.example:{port}/")
        assert receiver.received.empty()


def test_an_address_written_as_a_number_is_not_called() -> None:
    with receiving() as receiver, pytest.raises(OutboundError, match="private network"):
        send(Outbound(allow_private=False), f"http://2130706433:{urlsplit(receiver.url).port}/")


def test_a_name_is_resolved_once_and_sent_as_host_and_in_tls() -> None:
    authority, asked = trustme.CA(), list[str]()
    server, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("hooks.example").configure_cert(server)
    authority.configure_trust(trusting)

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"]

    with receiving(server) as receiver:
        port = urlsplit(receiver.url).port
        outbound = Outbound(allow_private=True, resolve=resolve, tls=trusting)
        assert send(outbound, f"https://hooks.example:{port}/a?b=c").status_code == 200
        assert (received := receiver.next()).headers["host"] == f"hooks.example:{port}"
        assert (received.path, received.body, asked) == ("/a?b=c", b"{}", ["hooks.example"])
        with pytest.raises(OutboundError, match="certificate"):
            send(outbound, f"https://other.example:{port}/")


def test_the_next_address_is_called_if_one_accepts_no_connection() -> None:
    with receiving() as receiver:
        outbound = Outbound(allow_private=True, resolve=names("127.255.255.254", "127.0.0.1"))
        assert send(outbound, f"http://hooks.example:{urlsplit(receiver.url).port}/").status_code == 200


def test_a_redirect_is_not_followed() -> None:
    with receiving() as receiver:
        receiver.answers.put(status(302, Location=receiver.url))
        answer = send(Outbound(allow_private=True), receiver.url)
        assert (answer.status_code, answer.headers["location"]) == (302, receiver.url)
        receiver.next()
        assert receiver.received.empty()


@pytest.mark.parametrize("answer", [hang, drip, endless], ids=["hangs", "drips", "never ends"])
def test_an_answer_that_does_not_end_is_given_up(answer: Answer) -> None:
    with receiving() as receiver:
        receiver.answers.put(answer)
        with pytest.raises(OutboundError, match=r"127\.0\.0\.1 did not send a complete response within 0\.3 seconds"):
            send(Outbound(allow_private=True), receiver.url, seconds=0.3, max_bytes=2**40)


def test_a_body_is_read_up_to_the_limit_and_only_if_it_is_asked_for() -> None:
    outbound = Outbound(allow_private=True)
    with receiving() as receiver:
        receiver.answers.put(status(200, b"12345"))
        assert send(outbound, receiver.url, max_bytes=5).content == b"12345"
        receiver.answers.put(endless)
        with pytest.raises(OutboundError, match="more than 5 bytes"):
            send(outbound, receiver.url, max_bytes=5)
        receiver.answers.put(endless)
        assert send(outbound, receiver.url).content == b""


def test_what_another_protocol_says_is_not_repeated() -> None:
    def greet(handler: Handler) -> None:
        handler.wfile.write(b"SSH-2.0-banner\r\n\r\n")

    with receiving() as receiver:
        receiver.answers.put(greet)
        with pytest.raises(OutboundError, match=r"failed: it sent no complete HTTP response$"):
            asyncio.run(Outbound(allow_private=True).send("POST", receiver.url))


def test_a_failed_exchange_names_the_host_and_not_the_rest_of_the_url() -> None:
    with receiving() as receiver:
        receiver.answers.put(die)
        with pytest.raises(OutboundError, match=r"the request to 127\.0\.0\.1 failed") as caught:
            send(Outbound(allow_private=True), f"{receiver.url}/?token=secret")
        assert "secret" not in str(caught.value)
        closed = receiver.url
    with pytest.raises(OutboundError, match=r"cannot connect to 127\.0\.0\.1"):
        send(Outbound(allow_private=True), closed)


@pytest.mark.usefixtures("no_names")
def test_a_host_that_does_not_exist_is_named() -> None:
    with pytest.raises(OutboundError, match=r"cannot find the host hooks\.invalid"):
        send(Outbound(allow_private=True), "https://hooks.invalid/")
