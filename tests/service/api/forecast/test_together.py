"""Many different requests at once share batches and networks; each is answered as if it had come alone."""

import asyncio

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.service.api.generated_requests import Json, broken_request, doubtful_series, request, to_json, valid_series
from tests.service.requests import JSON, assert_same, loaded

pytestmark = pytest.mark.long

REQUESTS = st.one_of(
    request(st.lists(valid_series(30), min_size=1, max_size=3)),
    request(st.lists(valid_series(30) | doubtful_series(), min_size=1, max_size=4)),
    broken_request(),
)


SIZES = st.sampled_from([1, 2, 5, 63, 64, 65, 200])


def sized(asked: Json, size: int) -> Json:
    """The request with ``size`` series: the few that it has, over and over, where it has any."""
    series = asked["series"]
    if not isinstance(series, list) or not series:
        return asked
    # A body that is too large is refused before it is read, which a client may see as a broken connection.
    size = min(size, 4_000_000 // len(to_json(series)) + 1)
    unnamed = [entry | {"id": None} if isinstance(entry, dict) else entry for entry in series]
    return asked | {"series": (unnamed * size)[:size]}


async def ask_together(url: httpx.URL, contents: list[bytes]) -> list[httpx.Response]:
    async with httpx.AsyncClient(base_url=url) as client:
        return await asyncio.gather(*(client.post("/forecast", content=content, headers=JSON) for content in contents))


@given(asked=st.lists(st.tuples(REQUESTS, SIZES), min_size=2, max_size=12))
@settings(max_examples=max(20, settings().max_examples // 5))
def test_a_request_gets_the_same_answer_alone_and_among_others(
    client: httpx.Client, asked: list[tuple[Json, int]]
) -> None:
    contents = [to_json(sized(*size)).encode() for size in asked]
    responses = asyncio.run(ask_together(client.base_url, contents))
    for content, beside in zip(contents, responses, strict=True):
        alone = client.post("/forecast", content=content, headers=JSON)
        assert beside.status_code == alone.status_code
        answers = loaded(beside), loaded(alone)
        for answer in answers:
            answer.pop("request_id", None)
        assert_same(*answers)
