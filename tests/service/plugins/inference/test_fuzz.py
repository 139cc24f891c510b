"""Any request to ``/v2/models/{model}/infer`` gets a forecast or an error in one sentence."""

import json
import math
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.service.plugins.inference.requests import INFER, WINDOW, binary_request, request

_fuzz = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])

# Pieces of JSON, and what only looks like them.
ODD = st.sampled_from(
    ["NaN", "-Infinity", "1e400", "-0", "true", "false", "null", '""', '"sst"', "[]", "{}", "[[]]", "[null]", "-1",
     "1.5", "9" * 30, "9" * 5_000, "1" + "0" * 400, '"\\ud800"', '"\\u0000"', "[" * 1_000 + "]" * 1_000,
     '{"a": 1, "a": 2}', "", "2147483648", "18446744073709551616", '"FP32"', '"BYTES"', "[1, 24]", "[24, 1]",
     "[0, 24]", "96", "[24.5]"]
)  # fmt: skip
NUMBERS = st.floats(width=32).map(json.dumps) | st.integers().map(json.dumps)
VALUES = ODD | NUMBERS | st.text(max_size=8).map(json.dumps)


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value in a document, except the document itself."""
    paths = [] if path == () else [path]
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        paths += places(child, (*path, key))
    return paths


def with_piece(document: Any, path: tuple[Any, ...], piece: str) -> bytes:
    """``document`` as JSON, with ``piece`` at one place, be it JSON or not."""
    changed = json.loads(json.dumps(document))
    spot = changed
    for part in path[:-1]:
        spot = spot[part]
    spot[path[-1]] = "\0here"
    return json.dumps(changed).replace('"\\u0000here"', piece).encode("utf-8", "surrogatepass")


def check(response: httpx.Response) -> None:
    """A forecast without NaN, or a 400 with a sentence."""
    assert response.status_code in (200, 400), (response.status_code, response.text)
    if response.status_code == 400:
        document = response.json()
        assert list(document) == ["error"]
        assert document["error"]
        return
    if "inference-header-content-length" in response.headers:
        head = json.loads(response.content[: int(response.headers["inference-header-content-length"])])
        (output,) = head["outputs"]
        assert output["parameters"]["binary_data_size"] == 4 * output["shape"][0]
    else:
        (output,) = response.json()["outputs"]
        assert len(output["data"]) == output["shape"][0]
        assert all(math.isfinite(value) for value in output["data"])


FULL = {
    "id": "pier",
    "parameters": {"binary_data_output": False, "timeout": 1},
    "outputs": [{"name": "forecast", "parameters": {"binary_data": False}}],
    **request(2),
}


@_fuzz
@given(path=st.sampled_from(places(FULL)), piece=VALUES)
def test_one_place_of_a_request_can_hold_anything(client: httpx.Client, path: tuple[Any, ...], piece: str) -> None:
    check(client.post(INFER, content=with_piece(FULL, path, piece)))


HEAD, TAIL = binary_request(2)


@_fuzz
@given(
    path=st.sampled_from(places(HEAD)),
    piece=VALUES,
    tail=st.binary(max_size=300) | st.just(TAIL) | st.integers(0, len(TAIL)).map(lambda cut: TAIL[:cut]),
)
def test_one_place_of_the_json_before_any_bytes_can_hold_anything(
    client: httpx.Client, path: tuple[Any, ...], piece: str, tail: bytes
) -> None:
    content = with_piece(HEAD, path, piece)
    headers = {"Inference-Header-Content-Length": str(len(content))}
    check(client.post(INFER, content=content + tail, headers=headers))


@_fuzz
@given(sst=st.binary(min_size=4 * WINDOW, max_size=4 * WINDOW), valid_time=st.binary(min_size=8, max_size=8))
def test_tensors_can_be_any_bytes(client: httpx.Client, sst: bytes, valid_time: bytes) -> None:
    head, _ = binary_request()
    head["parameters"] = {"binary_data_output": True}
    content = json.dumps(head).encode()
    headers = {"Inference-Header-Content-Length": str(len(content))}
    check(client.post(INFER, content=content + sst + valid_time, headers=headers))


@_fuzz
@given(
    content=st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode()),
    length=st.none() | st.integers(-10, 300).map(str) | st.text(st.characters(min_codepoint=33, max_codepoint=126)),
)
def test_bodies_and_lengths_can_be_anything(client: httpx.Client, content: bytes, length: str | None) -> None:
    headers = {} if length is None else {"Inference-Header-Content-Length": length}
    check(client.post(INFER, content=content, headers=headers))
