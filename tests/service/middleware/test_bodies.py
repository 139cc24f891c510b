"""Bodies that are wrong in a million places, sent to a process of its own whose memory is looked at."""

import gzip
import re
from collections.abc import Iterator
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


UNKNOWN = '"unknown":1'
PARTS = "the JSON contains more than 125000 objects and arrays"
MISSING = "body.series: this field is required (and 1 more)"


def repeated(begin: str, piece: str, n: int, end: str) -> bytes:
    """Return JSON with ``n`` times the same piece; each unknown field has a name of its own."""
    pieces = [f'"{i:x}":1' for i in range(n)] if piece == UNKNOWN else [piece] * n
    return f"{begin}{','.join(pieces)}{end}".encode()


@pytest.mark.parametrize(
    ("path", "begin", "piece", "n", "end", "message"),
    [
        ("/forecast", '{"series":[', "1", MANY, "]}", "body.series[0]: must be an object"),
        ("/compare", '{"series":[', "1", MANY, "]}", "body.series[0]: must be an object"),
        ("/forecast", '{"series":[{"start":"2009-01-01","values":[', '""', MANY, "]}]}",
         "body.series[0].values[0]: must be a valid number"),
        ("/forecast", '{"series":[{"values":[1],"timestamps":[', "1", MANY, "]}]}",
         "body.series[0].timestamps[0]: must be a valid string"),
        ("/forecast", '{"series":[{"values":[1],"weather":{"issued":[', "1", MANY, "]}}]}",
         "body.series[0].weather.issued[0]: must be an object"),
        ("/forecast", '{"series":[{"values":[1],"weather":{"wind_speed":[', '""', MANY, "]}}]}",
         "body.series[0].weather.wind_speed[0]: must be a valid number"),
        ("/forecast", '{"thresholds":[', '""', MANY, "]}", MISSING),
        ("/forecast", '{"id":[', '{"":1}', 2 * MANY, "]}", PARTS),
        ("/compare", '{"id":[', '{"":1}', 2 * MANY, "]}", PARTS),
        ("/forecast", '{"id":[', "[]", 5 * MANY, "]}", PARTS),
        ("/forecast", '{"id":[', "1", 8 * MANY, "]}", "the JSON contains more than 5592405 values"),
        ("/forecast", '{"id":[', "1", 5 * MANY, "]}", MISSING),
        ("/forecast", '{"id":[', '"ā"', 3 * MANY, "]}", "the JSON contains more than 2097152 strings"),
        ("/forecast", '{"id":[', '"ā"', 2 * MANY, "]}", MISSING),
        ("/v2/models/gru/infer", '{"inputs":[', '{"":1}', 2 * MANY, "]}", PARTS),
        ("/v2/repository/index", '{"":[', '{"":1}', 2 * MANY, "]}",
         "the JSON contains more than 5000 objects and arrays"),
        ("/forecast", "{", UNKNOWN, MANY, "}", "body: more than 50 unknown fields"),
        ("/compare", "{", UNKNOWN, MANY, "}", "body: more than 50 unknown fields"),
    ],
)  # fmt: skip
def test_a_body_with_many_errors_takes_little_memory(
    service: Service, path: str, begin: str, piece: str, n: int, end: str, message: str
) -> None:
    before = service.peak()
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    content = gzip.compress(repeated(begin, piece, n, end), 1)
    answer = httpx.post(f"{service.url}{path}", content=content, headers=headers)
    wrong = answer.json()
    assert answer.status_code == (400 if path.startswith("/v2") else 422), wrong
    assert (wrong["error"] if path.startswith("/v2") else wrong["detail"]).startswith(message)
    assert service.peak() - before < KNOWN


@pytest.mark.parametrize(
    ("begin", "piece", "n", "end", "message"),
    [
        ('{"values":[', '""', MANY, "]}", r"values\[0\]: must be a valid number"),
        ("{", UNKNOWN, MANY // 4, "}", "the line: more than 50 unknown fields"),
        ('{"id":[', '{"":1}', MANY // 2, "]}", "the JSON contains more than 5012 objects and arrays"),
    ],
)
def test_a_line_with_many_errors_takes_little_memory(
    service: Service, begin: str, piece: str, n: int, end: str, message: str
) -> None:
    before, line = service.peak(), repeated(begin, piece, n, end)
    answer = httpx.post(f"{service.url}/forecast", content=line, headers={"Content-Type": "application/x-ndjson"})
    assert answer.status_code == 200, answer.text
    assert re.search(message, answer.json()["error"])
    assert service.peak() - before < KNOWN / 4


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
