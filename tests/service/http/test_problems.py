import gzip
import json
import re
import zlib
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from forecasting.series.sst_series import SstSeries
from service.app import create_app
from service.settings import Settings
from tests.service.requests import JSON, NDJSON, Json, body
from tests.serving import serve

pytestmark = pytest.mark.plugin("inference")


def refused(response: httpx.Response, status: int) -> Json:
    """The problem document of a refusal."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: Json = response.json()
    assert problem["status"] == status
    assert problem["type"] == "about:blank"
    assert problem["title"]
    assert problem["request_id"] == response.headers["x-request-id"]
    return problem


@pytest.mark.parametrize(
    "content", [b"", b"{", b"nonsense", b'{"series": }', b"\xff\xfe", b"\x1f\x8b", b'{"id": "\\ud8']
)
def test_a_body_that_is_not_json_is_a_400(client: httpx.Client, content: bytes) -> None:
    assert "the body is not JSON" in refused(client.post("/forecast", content=content, headers=JSON), 400)["detail"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
@pytest.mark.parametrize("path", ["/forecast", "/compare", "/v2/models/nino12-gru/infer", "/v2/repository/index"])
def test_a_body_in_another_encoding_is_refused_with_the_expected_one(
    client: httpx.Client, path: str, encoding: str
) -> None:
    response = client.post(path, content='{"series": []}\n{}'.encode(encoding), headers=JSON)
    assert response.status_code == 400
    assert "the body is not JSON: expected UTF-8 without a byte order mark, but it looks like UTF-" in response.text
    lines = client.post("/forecast", content="{}\n{}\n".encode(encoding), headers=NDJSON)
    assert "the line is not JSON: expected UTF-8 without a byte order mark" in lines.text.splitlines()[0]


def test_a_thousand_levels_of_nesting_are_a_400_or_422(client: httpx.Client) -> None:
    for depth in (10, 1_000, 100_000):
        response = client.post("/forecast", content=b"[" * depth + b"]" * depth, headers=JSON)
        assert response.status_code in (400, 422)


@pytest.mark.parametrize(
    "headers",
    [{"Content-Type": "text/csv"}, {"Content-Type": ""}, {"Content-Type": "application/x-www-form-urlencoded"}],
)
def test_another_media_type_is_a_415_that_names_the_header(client: httpx.Client, headers: dict[str, str]) -> None:
    response = client.post("/forecast", content=b"{}", headers=headers)
    assert "Content-Type: application/json" in refused(response, 415)["detail"]


@pytest.mark.parametrize(("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_compressed_body_is_read(
    client: httpx.Client, nino12: SstSeries, encoding: str, compress: Callable[[bytes], bytes]
) -> None:
    content = json.dumps(body(nino12)).encode()
    plain = client.post("/forecast", content=content, headers=JSON)
    packed = client.post("/forecast", content=compress(content), headers={**JSON, "Content-Encoding": encoding})
    assert packed.status_code == 200
    assert packed.json() == plain.json()


@pytest.mark.parametrize(
    ("content", "encoding", "status", "message"),
    [
        (b"{}", "br", 415, "use gzip or deflate, or send the body uncompressed"),
        (b"{}", "gzip", 400, "cannot be decompressed as gzip"),
        (gzip.compress(b"{}" * 100, mtime=0)[:-9], "gzip", 400, "is truncated"),
        (
            gzip.compress(b" " * (17 * 2**20), mtime=0),
            "gzip",
            413,
            "the body is too large: send at most 16777216 bytes",
        ),
    ],
)
def test_a_compression_that_is_broken_unknown_or_a_bomb_is_refused(
    client: httpx.Client, content: bytes, encoding: str, status: int, message: str
) -> None:
    response = client.post("/forecast", content=content, headers={**JSON, "Content-Encoding": encoding})
    assert message in refused(response, status)["detail"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/forecast?dataset=north-sea", "no dataset 'north-sea'; available: buoy, nino12"),
        ("/forecast?model=transformer", "no model 'transformer'"),
        ("/forecast?model=persistence", "persistence is included in each forecast, under baselines"),
        ("/compare?dataset=north-sea", "no dataset 'north-sea'"),
        ("/compare/predictions?dataset=north-sea", "no dataset 'north-sea'"),
        ("/compare/plot?dataset=north-sea", "no dataset 'north-sea'"),
        ("/models/transformer", "no model 'transformer'"),
        ("/models/all", "'all' is not a single model"),
        ("/nowhere", "no such path: /nowhere"),
    ],
)
def test_an_unknown_name_is_a_404_that_lists_the_known_ones(client: httpx.Client, path: str, message: str) -> None:
    assert message in refused(client.get(path), 404)["detail"]


def test_an_error_shortens_a_long_path(client: httpx.Client) -> None:
    assert len(client.get("/" + "nowhere" * 2_000).content) < 1_000


def test_another_method_is_a_405(client: httpx.Client) -> None:
    response = client.delete("/forecast")
    assert "DELETE is not allowed at /forecast; allowed: GET, HEAD, POST" in refused(response, 405)["detail"]
    assert response.headers["allow"] == "GET, HEAD, POST"


@pytest.mark.anyio
async def test_another_method_is_a_405_below_a_prefix(artifacts: Path) -> None:
    transport = httpx.ASGITransport(create_app(Settings(artifacts=artifacts)), root_path="/sst")
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        response = await client.delete("/sst/forecast")
    assert response.headers["allow"] == "GET, HEAD, POST"


def test_head_is_answered_as_get_without_a_body(client: httpx.Client) -> None:
    response = client.head("/health/live")
    assert (response.status_code, response.content) == (200, b"")
    assert client.head("/nowhere").status_code == 404


@pytest.mark.parametrize(
    ("query", "location"),
    [
        ("/forecast?horizon=0", "query.horizon"),
        ("/forecast?horizon=many", "query.horizon"),
        ("/forecast?horizon=13", "query.horizon"),
        ("/forecast?level=98", "query.level"),
        ("/forecast?model=buoy-gru&dataset=nino12", "query.model"),
        ("/models/buoy-gru?dataset=nino12", "path.model"),
        ("/compare?horizon=13", "query.horizon"),
        ("/compare?format=xml", "query.format"),
        ("/compare/plot?format=gif", "query.format"),
    ],
)
def test_a_parameter_out_of_range_is_a_422_that_names_it(client: httpx.Client, query: str, location: str) -> None:
    problem = refused(client.get(query), 422)
    assert problem["errors"][0]["location"] == location


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400"])
@pytest.mark.parametrize("field", ["values", "thresholds"])
def test_an_invalid_number_is_a_422(client: httpx.Client, nino12: SstSeries, number: str, field: str) -> None:
    request = body(nino12, thresholds=[7777.0])
    request["series"][0]["values"][3] = 8888.0
    placeholder = "8888.0" if field == "values" else "7777.0"
    response = client.post("/forecast", content=json.dumps(request).replace(placeholder, number), headers=JSON)
    where = {"values": "body.series[0].values[3]", "thresholds": "body.thresholds[0]"}[field]
    assert refused(response, 422)["errors"][0]["location"] == where
    assert "NaN" not in response.text


@pytest.mark.parametrize(
    ("change", "location"),
    [
        ({"series": []}, "body.series"),
        ({"series": [{"start": "2010-01-01", "values": []}]}, "body.series[0].values"),
        ({"series": [{"start": "2010-01-01", "values": ["24.1"]}]}, "body.series[0].values[0]"),
        ({"series": [{"start": "2010-01-01", "values": [True]}]}, "body.series[0].values[0]"),
        ({"series": [{"start": "2010-01-01", "values": 5}]}, "body.series[0].values"),
        ({"series": [{"start": "2010-01-01", "valves": [1.0]}]}, "body.series[0].values"),
        ({"horizon": 0}, "body.horizon"),
        ({"horizon": 1.5}, "body.horizon"),
        ({"horizon": 10**30}, "body.horizon"),
        ({"horizon": 13}, "body.horizon"),
        ({"levels": [0]}, "body.levels[0]"),
        ({"levels": [98]}, "body.levels"),
        ({"units": "rankine"}, "body.units"),
        ({"modle": "gru"}, "body.modle"),
        ({"model": "buoy-gru", "dataset": "nino12"}, "body.model"),
    ],
)
def test_an_invalid_payload_is_a_422_that_names_the_place(
    client: httpx.Client, nino12: SstSeries, change: Json, location: str
) -> None:
    problem = refused(client.post("/forecast", json=body(nino12) | change), 422)
    assert problem["errors"][0]["location"].startswith(location)
    assert problem["detail"]


def test_a_lone_surrogate_breaks_nothing(client: httpx.Client, nino12: SstSeries) -> None:
    for spot in ("id", "start", "model"):
        text = json.dumps(body(nino12) | {"model": "M"}).replace('"M"', '"gru"')
        for key, value in (("id", '"pier"'), ("start", '"2008-07-01T00:00:00Z"'), ("model", '"gru"')):
            if key == spot:
                text = text.replace(value, '"\\ud800"')
        response = client.post("/forecast", content=text.encode(), headers=JSON)
        assert response.status_code < 500, spot
        response.json()
    response = client.post("/forecast", content=b'{"\\udfff": 1, "series": []}', headers=JSON)
    assert response.status_code in (400, 422)


@pytest.mark.long
def test_a_body_over_the_limit_is_a_413_with_or_without_a_length(artifacts: Path) -> None:
    with serve(Settings(artifacts=artifacts, max_body_bytes=2_000)) as client:
        content = b" " * 3_000
        refused(client.post("/forecast", content=content, headers=JSON), 413)
        refused(client.post("/forecast", content=iter([content[:1_500], content[1_500:]]), headers=JSON), 413)


def test_too_many_series_or_values_are_a_422_that_names_the_limit(artifacts: Path, nino12: SstSeries) -> None:
    with serve(Settings(artifacts=artifacts, max_series=2, max_values=40)) as client:
        request = body(nino12)
        request["series"] *= 3
        assert "3 series are too many: send at most 2" in refused(client.post("/forecast", json=request), 422)["detail"]
        problem = refused(client.post("/forecast", json=body(nino12, n=41)), 422)
        assert problem["errors"][0]["location"] == "body.series[0].values"
        assert client.post("/forecast", json=body(nino12, n=40)).status_code == 200


def test_a_valid_request_id_is_kept_and_an_invalid_one_replaced(client: httpx.Client) -> None:
    assert client.get("/health/live", headers={"X-Request-ID": "abc-1"}).headers["x-request-id"] == "abc-1"
    long = client.get("/health/live", headers={"X-Request-ID": "x" * 500}).headers["x-request-id"]
    assert re.fullmatch("[0-9a-f]{24}", long)


@pytest.mark.parametrize("field", ["levels", "thresholds"])
def test_the_error_for_a_list_that_is_too_long_is_in_terms_of_json(
    client: httpx.Client, nino12: SstSeries, field: str
) -> None:
    problem = refused(client.post("/forecast", json=body(nino12) | {field: [80] * 200}), 422)
    assert re.fullmatch(rf"body\.{field}: must have at most \d+ items, not 200", problem["detail"])


@pytest.mark.parametrize("path", ["/forecast/", "/models/", "/docs/", "/v2/", "/v2/models/nino12-gru/"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_path_with_an_extra_slash_is_a_404_without_a_redirect(client: httpx.Client, path: str, method: str) -> None:
    response = client.request(method, path, headers={"Host": "evil.localhost"}, follow_redirects=False)
    assert "evil.localhost" not in f"{response.headers}{response.text}"
    if path.startswith("/v2/"):
        assert response.status_code == 404
        assert path in response.json()["error"]
    else:
        assert path in refused(response, 404)["detail"]


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e400", '"NaN"', '""'])
def test_the_error_for_an_invalid_value_says_how_to_send_a_missing_one(client: httpx.Client, value: str) -> None:
    series = f'{{"start": "2009-01-01", "values": [24.8, {value}]}}'
    for path in ("/forecast", "/compare"):
        problem = refused(client.post(path, content=f'{{"series": [{series}]}}', headers=JSON), 422)
        assert problem["detail"].startswith("body.series[0].values[1]: must be a ")
        assert problem["detail"].endswith("; use null for a missing value")
    line = client.post("/forecast", content=series, headers=NDJSON).json()
    assert line["error"].endswith("; use null for a missing value")
    threshold = client.post("/forecast", content=f'{{"thresholds": [{value}], "series": []}}', headers=JSON)
    assert threshold.status_code == 422
    assert "null" not in threshold.text
