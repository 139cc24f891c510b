"""Bodies that are wrong in a million places, sent to a process of its own whose memory is looked at."""

import gzip
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from forecasting.series.sst_series import SstSeries
from tests.processes import Service, running
from tests.service.requests import body

MANY = 1_000_000

KNOWN = 600 * 2**20
"""Bytes that a body of 16 MiB may take beside the models while it is read: they and the models fit into 1 GiB."""


@pytest.fixture(scope="module")
def service(artifacts: Path) -> Iterator[Service]:
    with running(artifacts) as service:
        yield service


def peak(service: Service) -> int:
    """Bytes of memory that the process has held at most."""
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) * 1024


def repeated(piece: bytes, n: int = MANY) -> bytes:
    return b",".join([piece] * n)


def short_id(parameter: object) -> str | None:
    return "content" if callable(parameter) else None


def unknown(n: int) -> bytes:
    return b",".join(b'"%x":1' % i for i in range(n))


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("/forecast", lambda: b'{"series":[' + repeated(b"1") + b"]}", "body.series[0]: must be an object"),
        ("/compare", lambda: b'{"series":[' + repeated(b"1") + b"]}", "body.series[0]: must be an object"),
        (
            "/forecast",
            lambda: b'{"series":[{"start":"2009-01-01","values":[' + repeated(b'""') + b"]}]}",
            "body.series[0].values[0]: must be a valid number",
        ),
        (
            "/forecast",
            lambda: b'{"series":[{"values":[1],"timestamps":[' + repeated(b"1") + b"]}]}",
            "body.series[0].timestamps[0]: must be a valid string",
        ),
        (
            "/forecast",
            lambda: b'{"thresholds":[' + repeated(b'""') + b"]}",
            "body.series: this field is required (and 1 more)",
        ),
        ("/forecast", lambda: b"{" + unknown(MANY) + b"}", "body: more than 50 unknown fields"),
        ("/compare", lambda: b"{" + unknown(MANY) + b"}", "body: more than 50 unknown fields"),
        (
            "/forecast",
            lambda: b'{"id":[' + repeated(b'{"":1}', 2 * MANY) + b"]}",
            "the JSON contains more than 121000 objects and arrays",
        ),
        (
            "/compare",
            lambda: b'{"id":[' + repeated(b'{"":1}', 2 * MANY) + b"]}",
            "the JSON contains more than 121000 objects and arrays",
        ),
        (
            "/forecast",
            lambda: b'{"id":[' + repeated(b"[]", 5 * MANY) + b"]}",
            "the JSON contains more than 121000 objects and arrays",
        ),
        (
            "/forecast",
            lambda: b'{"id":[' + repeated(b"1", 8 * MANY) + b"]}",
            "the JSON contains more than 5592405 values",
        ),
        (
            "/forecast",
            lambda: b'{"id":[' + repeated(b"1", 5 * MANY) + b"]}",
            "body.series: this field is required (and 1 more)",
        ),
        (
            "/forecast",
            lambda: b'{"id":[' + repeated('"ā"'.encode(), 3 * MANY) + b"]}",
            "the JSON contains more than 2097152 strings",
        ),
        (
            "/forecast",
            lambda: b'{"id":[' + repeated('"ā"'.encode(), 2 * MANY) + b"]}",
            "body.series: this field is required (and 1 more)",
        ),
        (
            "/v2/models/gru/infer",
            lambda: b'{"inputs":[' + repeated(b'{"":1}', 2 * MANY) + b"]}",
            "the JSON contains more than 121000 objects and arrays",
        ),
        (
            "/v2/repository/index",
            lambda: b'{"":[' + repeated(b'{"":1}', 2 * MANY) + b"]}",
            "the JSON contains more than 1000 objects and arrays",
        ),
    ],
    ids=short_id,
)
def test_a_body_with_many_errors_takes_little_memory(
    service: Service, path: str, content: Callable[[], bytes], message: str
) -> None:
    before = peak(service)
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = httpx.post(f"{service.url}{path}", content=gzip.compress(content(), 1), headers=headers, timeout=60)
    wrong = answer.json()
    assert answer.status_code == (400 if path.startswith("/v2") else 422), wrong
    assert (wrong["error"] if path.startswith("/v2") else wrong["detail"]).startswith(message)
    assert peak(service) - before < KNOWN


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (lambda: b'{"values":[' + repeated(b'""') + b"]}", r"values\[0\]: must be a valid number"),
        (lambda: b"{" + unknown(MANY // 4) + b"}", "the line: more than 50 unknown fields"),
        (
            lambda: b'{"id":[' + repeated(b'{"":1}', MANY // 2) + b"]}",
            "the JSON contains more than 1012 objects and arrays",
        ),
    ],
    ids=short_id,
)
def test_a_line_with_many_errors_takes_little_memory(service: Service, line: Callable[[], bytes], message: str) -> None:
    before = peak(service)
    headers = {"Content-Type": "application/x-ndjson"}
    answer = httpx.post(f"{service.url}/forecast", content=line(), headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    assert re.search(message, answer.json()["error"])
    assert peak(service) - before < KNOWN / 4


def test_a_few_unknown_fields_are_named_one_by_one(service: Service, nino12: SstSeries) -> None:
    request = body(nino12, depth=3, horizon="far")
    request["series"][0] |= {"place": "pier"}
    wrong = httpx.post(f"{service.url}/forecast", json=request).json()
    assert [error["location"] for error in wrong["errors"]] == ["body.series[0].place", "body.horizon", "body.depth"]
    assert wrong["detail"] == "body.series[0].place: unknown field; see /docs for the known ones (and 2 more)"
    fifty = httpx.post(f"{service.url}/forecast", json=body(nino12, **{f"f{i}": i for i in range(50)})).json()
    assert [error["location"] for error in fifty["errors"]] == [f"body.f{i}" for i in range(50)]


@pytest.mark.parametrize("begun", ["", '"'])
def test_braces_in_series_names_do_not_count_as_objects(service: Service, nino12: SstSeries, begun: str) -> None:
    request = body(nino12)
    request["series"] = [request["series"][0] | {"id": f"{begun}\\{'{[' * 120}"}] * 1_000
    answer = httpx.post(f"{service.url}/forecast", json=request)
    assert answer.status_code == 200, answer.text
    assert answer.json()["forecasts"][-1]["id"] == request["series"][0]["id"]
