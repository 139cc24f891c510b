"""Many different requests at once share batches and networks; each is answered as if it had come alone."""

import asyncio

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.service.requests_made_up import Json, broken_request, doubtful_series, request, sound_series, written
from tests.service.test_forecast_fuzz import JSON, assert_same, loaded

REQUESTS = st.one_of(
    request(st.lists(sound_series(30), min_size=1, max_size=3)),
    request(st.lists(sound_series(30) | doubtful_series(), min_size=1, max_size=4)),
    broken_request(),
)


@st.composite
def sized_request(draw: st.DrawFn) -> Json:
    """A request of 1 to 200 series: few different ones, over and over."""
    asked: Json = draw(REQUESTS)
    if isinstance(asked["series"], list) and asked["series"]:
        size = draw(st.sampled_from([1, 2, 5, 63, 64, 65, 200]))
        series = [one | {"id": None} if isinstance(one, dict) else one for one in asked["series"]]
        asked["series"] = (series * size)[:size]
    return asked


async def ask_together(url: httpx.URL, contents: list[bytes]) -> list[httpx.Response]:
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        return await asyncio.gather(*(client.post("/forecast", content=one, headers=JSON) for one in contents))


@given(asked=st.lists(sized_request(), min_size=2, max_size=12))
@settings(max_examples=max(20, settings().max_examples // 5))
def test_a_request_is_answered_the_same_alone_and_beside_others(client: httpx.Client, asked: list[Json]) -> None:
    contents = [written(one).encode() for one in asked]
    together = asyncio.run(ask_together(client.base_url, contents))
    for content, beside in zip(contents, together, strict=True):
        alone = client.post("/forecast", content=content, headers=JSON)
        assert beside.status_code == alone.status_code
        one, other = loaded(beside), loaded(alone)
        for answer in (one, other):
            answer.pop("request_id", None)
        assert_same(one, other)
