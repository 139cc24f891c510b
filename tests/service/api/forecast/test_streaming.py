"""Series that come line by line over a socket, and are answered so."""

import gzip
import json
import re
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any

import httpx
import pytest

from forecasting.series.sst_series import SstSeries
from service.middleware.keys import Role, new_key
from service.settings import Settings
from tests.processes import Service, running
from tests.service.requests import NDJSON, body
from tests.serving import serve

Json = dict[str, Any]


@pytest.fixture
def series(nino12: SstSeries) -> Json:
    entry: Json = body(nino12)["series"][0]
    return entry


def written(*lines: object) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def read(response: httpx.Response) -> list[Json]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.content.splitlines()]


def post(client: httpx.Client, content: bytes | Iterable[bytes], **query: object) -> httpx.Response:
    return client.post("/forecast", params={"dataset": "nino12"} | query, content=content, headers=NDJSON)  # type: ignore[arg-type]


@contextmanager
def conversation(port: int, query: str = "dataset=nino12&model=gru") -> Iterator[tuple[socket.socket, BufferedReader]]:
    """Begin a request whose body the test sends in chunks."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as wire, wire.makefile("rb") as stream:
        lines = [f"POST /forecast?{query} HTTP/1.1", "Host: localhost", "Content-Type: application/x-ndjson"]
        wire.sendall("\r\n".join([*lines, "Transfer-Encoding: chunked", "", ""]).encode())
        yield wire, stream


def send(wire: socket.socket, piece: bytes) -> None:
    wire.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))


def read_head(stream: BufferedReader) -> int:
    status = int(stream.readline().split()[1])
    assert all(iter(stream.readline, b"\r\n"))
    return status


def read_lines(stream: BufferedReader) -> Iterator[Json]:
    """Yield the lines of a chunked answer whose chunks end with a line."""
    while size := int(stream.readline() or b"0", 16):
        yield from map(json.loads, stream.read(size).splitlines())
        stream.readline()


def test_each_line_is_answered_in_its_order_as_a_request_with_all_of_them_is(
    client: httpx.Client, nino12: SstSeries, series: Json
) -> None:
    many = [series | {"id": f"n{i}", "values": [value + i / 100 for value in series["values"]]} for i in range(600)]
    query = {"model": "gru", "horizon": 2, "level": [80], "threshold": [24.5], "units": "celsius"}
    lines = read(post(client, written(*many), **query))
    request = body(nino12, horizon=2, levels=[80], thresholds=[24.5]) | {"series": many}
    answer = client.post("/forecast", json=request).json()
    assert [line["model"] for line in lines] == ["nino12-gru"] * 600
    assert {line["version"] for line in lines} == {answer["version"]}
    for line, entry in zip(lines, answer["forecasts"], strict=True):
        assert line["id"] == entry["id"]
        assert line["sst"] == pytest.approx(entry["sst"], abs=1e-4)
        assert [interval["level"] for interval in line["intervals"]] == [80]
        assert line["exceedance"][0]["probability"] == pytest.approx(entry["exceedance"][0]["probability"], abs=1e-3)


def test_a_bad_line_gets_an_error_in_its_place_that_names_it(client: httpx.Client, series: Json) -> None:
    good = json.dumps(series).encode()
    long = json.dumps(series | {"values": [20] * 200_000, "id": "long"}).encode()
    bad = {
        b"{": "line is not JSON",
        b'{"id": "\xff", "values": [1]}': "line is not JSON",
        b"[]": "line: must be an object",
        b'{"id": "pier", "start": "2009-01-01", "values": [1, "cold"]}': r"values\[1\]: must be a valid number",
        b'{"id": "pier", "start": "2009-01-01", "values": [NaN]}': r"values\[0\]: must be a finite number",
        json.dumps(series | {"depth": 3}).encode(): "depth: unknown field",
        json.dumps(series | {"step": "day"}).encode(): "the step is one day",
        json.dumps(series | {"values": [20, 21]}).encode(): "2 values are too few",
        long: "200000 values are too many",
    }
    content = b"\r\n\n".join([good, *bad, good])
    lines = read(post(client, content, model="gru"))
    assert len(lines) == len(bad) + 2
    assert [line["id"] for line in (lines[0], lines[-1])] == ["pier", "pier"]
    assert lines[0]["sst"] == lines[-1]["sst"]
    for i, (line, sentence) in enumerate(zip(lines[1:-1], bad.values(), strict=True)):
        # A blank line stands behind each.
        assert line["line"] == 3 + 2 * i
        assert re.search(sentence, line["error"]), line
        assert "sst" not in line


def test_a_line_that_is_too_long_is_skipped_and_the_next_is_answered(artifacts: Path, series: Json) -> None:
    with serve(Settings(artifacts=artifacts, max_line_bytes=2_000, max_body_bytes=4_000)) as client:
        endless = b'{"values": [' + b"20.0, " * 100_000
        first, second, third = read(post(client, iter([written(series), endless, b"]}\n", written(series)])))
    assert second == {"id": "1", "line": 2, "error": "the line is too long: send at most 2000 bytes"}
    assert first["sst"] == third["sst"]


def test_a_short_body_in_one_piece_and_an_empty_one_are_answered(client: httpx.Client, series: Json) -> None:
    without_end = written(series).rstrip()
    assert [line["id"] for line in read(post(client, without_end))] == ["pier"]
    assert read(post(client, b"")) == []
    # The connection serves the next request.
    assert client.get("/health/live").status_code == 200


def test_all_three_models_answer_in_one_line(client: httpx.Client, series: Json) -> None:
    good, bad = read(post(client, written(series, series | {"values": [20]}), model="all", level=""))
    assert [model["model"] for model in good["models"]] == ["nino12-rnn", "nino12-lstm", "nino12-gru"]
    assert all(model["sst"] and model["intervals"] == [] for model in good["models"])
    assert (bad["line"], len(bad["models"])) == (2, 3)


@pytest.mark.parametrize(
    ("query", "status", "sentence"),
    [
        ({"model": "transformer"}, 404, "transformer"),
        ({"horizon": 0}, 422, "query.horizon"),
        ({"level": 81}, 422, "81"),
        ({"units": "reaumur"}, 422, "query.units"),
        ({"threshold": "nan"}, 422, "query.threshold"),
    ],
)
def test_unavailable_models_are_refused_before_the_body_is_read(
    client: httpx.Client, series: Json, query: Json, status: int, sentence: str
) -> None:
    response = post(client, written(series), **query)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert sentence in response.json()["detail"]


def test_compressed_lines_are_refused(client: httpx.Client, series: Json) -> None:
    headers = NDJSON | {"Content-Encoding": "gzip"}
    response = client.post("/forecast", content=gzip.compress(written(series)), headers=headers)
    assert response.status_code == 415
    assert "without Content-Encoding" in response.json()["detail"]


def test_with_strict_the_first_bad_line_ends_the_response(client: httpx.Client, series: Json) -> None:
    bad = series | {"values": [20]}
    refused = post(client, written(bad, series), model="gru", strict=True)
    assert refused.status_code == 422
    assert refused.json()["detail"].startswith("line 1: 1 value")
    assert [place["location"] for place in refused.json()["errors"]] == ["body.line[1]"]
    query = "/forecast?dataset=nino12&model=gru&strict=1"
    with client.stream("POST", query, content=written(series, bad), headers=NDJSON) as answer:
        pieces = answer.iter_lines()
        lines = [json.loads(next(pieces)) for _ in range(2)]
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
            next(pieces)
    assert lines[0]["id"] == "pier"
    assert (lines[1]["status"], lines[1]["detail"][:7]) == (422, "line 2:")
    (place,) = lines[1]["errors"]
    assert place["location"] == "body.line[2]"
    assert lines[1]["detail"] == f"line 2: {place['message']}"


def test_a_line_is_answered_while_the_next_is_not_yet_sent(client: httpx.Client, series: Json) -> None:
    with conversation(client.base_url.port or 0) as (wire, stream):
        line = written(series)
        send(wire, line[:50])
        send(wire, line[50:])
        assert read_head(stream) == 200
        answers = read_lines(stream)
        assert next(answers)["id"] == "pier"
        send(wire, written(series | {"id": "second"}))
        assert next(answers)["id"] == "second"
        wire.sendall(b"0\r\n\r\n")
        assert list(answers) == []


@pytest.mark.long
def test_the_deadline_applies_to_each_batch(artifacts: Path, series: Json) -> None:
    with serve(Settings(artifacts=artifacts, request_seconds=2)) as client:
        pause = threading.Event()
        with conversation(client.base_url.port or 0) as (wire, stream):
            send(wire, written(series))
            assert read_head(stream) == 200
            answers = read_lines(stream)
            for _ in range(5):
                assert next(answers)["id"] == "pier"
                pause.wait(0.5)
                send(wire, written(series))
            assert next(answers)["id"] == "pier"
            # From here on nothing comes, and the service says why it ends.
            assert "the connection made no progress for 2 seconds" in next(answers)["detail"]
            # Cut: the chunk of no bytes that would end the body is missing.
            assert stream.read() == b"\r\n"
        assert 'sst_rejected_total{reason="deadline"} 1.0' in client.get("/metrics").text


def test_a_client_that_disconnects_ends_its_work(artifacts: Path, series: Json) -> None:
    with serve(Settings(artifacts=artifacts)) as client:
        with conversation(client.base_url.port or 0) as (wire, stream):
            send(wire, written(*[series] * 50))
            assert read_head(stream) == 200
            send(wire, written(*[series] * 50))
        while "sst_requests_in_flight 1.0" not in (metrics := client.get("/metrics").text):
            pass
    assert 'sst_request_seconds_count{method="POST",route="/forecast",status="200"} 1.0' in metrics


def test_keys_and_the_rate_limit_hold(artifacts: Path, series: Json) -> None:
    presented, key = new_key("pier", Role.FORECAST)
    settings = Settings(artifacts=artifacts, keys=key.line, rate_limit=1, allow_anonymous=False)
    with serve(settings) as client:
        assert post(client, written(series)).status_code == 401
        client.headers["Authorization"] = f"Bearer {presented}"
        assert len(read(post(client, written(*[series] * 300)))) == 300
        assert post(client, written(series)).status_code == 429


def feed(wire: socket.socket, line: bytes, count: int) -> None:
    for _ in range(count // 100):
        send(wire, line * 100)
    wire.sendall(b"0\r\n\r\n")


@pytest.fixture(scope="module")
def process(artifacts: Path) -> Iterator[Service]:
    with running(artifacts, access_log="true") as service:
        yield service


@pytest.mark.long
def test_memory_does_not_grow_with_the_number_of_lines(process: Service, series: Json) -> None:
    line = written(series)
    peaks = []
    for count in (2_000, 20_000):
        peak = 0
        with conversation(process.port, "dataset=nino12&model=gru&horizon=3") as (wire, stream):
            sender = threading.Thread(target=feed, args=(wire, line, count))
            sender.start()
            assert read_head(stream) == 200
            answered = 0
            for answered, answer in enumerate(read_lines(stream), 1):
                assert "sst" in answer
                if answered % 500 == 0:
                    peak = max(peak, process.resident())
            sender.join()
        assert answered == count
        peaks.append(peak)
    assert len(line) * 20_000 > 4 * 2**20
    assert peaks[1] < peaks[0] + 16 * 1024, peaks


@pytest.mark.long
def test_a_client_that_reads_nothing_is_not_read_from(process: Service, series: Json) -> None:
    line = written(series)
    with conversation(process.port, "dataset=nino12&model=all&horizon=12") as (wire, stream):
        wire.settimeout(3)
        before = process.resident()
        with pytest.raises(TimeoutError):
            feed(wire, line, 10_000_000)
        assert process.resident() < before + 128 * 1024
        assert read_head(stream) == 200


@pytest.mark.long
def test_a_stream_is_finished_when_the_service_stops(artifacts: Path, series: Json) -> None:
    with running(artifacts, linger_seconds=0) as service:
        with conversation(service.port) as (wire, stream):
            send(wire, written(series))
            assert read_head(stream) == 200
            answers = read_lines(stream)
            assert next(answers)["id"] == "pier"
            service.process.terminate()
            while service.process.poll() is None and _accepts(service.port):
                pass
            send(wire, written(*[series] * 300))
            wire.sendall(b"0\r\n\r\n")
            assert len(list(answers)) == 300
        assert service.process.wait() == 0


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
