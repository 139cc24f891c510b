"""The Open Inference Protocol, as the asyncio client speaks it: one media type for everything, gzip always offered."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from tritonclient.utils import InferenceServerException

from forecasting.series.sst_series import SstSeries
from tests.service.plugins.inference.requests import address, inputs, windows

pytestmark = pytest.mark.anyio


@pytest.fixture
async def aio(client: httpx.Client, anyio_backend: str) -> AsyncIterator[Any]:
    async with triton_aio.InferenceServerClient(address(client)) as aio_client:
        yield aio_client


async def test_every_call_returns_what_the_sync_client_returns(aio: Any, client: httpx.Client) -> None:
    with triton.InferenceServerClient(address(client)) as sync:
        for call in ("is_server_live", "is_server_ready", "get_server_metadata", "get_model_repository_index"):
            assert await getattr(aio, call)() == getattr(sync, call)()
        for call in ("is_model_ready", "get_model_metadata", "get_model_config", "get_inference_statistics"):
            assert await getattr(aio, call)("nino12-gru") == getattr(sync, call)("nino12-gru")
        assert await aio.get_inference_statistics() == sync.get_inference_statistics()


@pytest.mark.parametrize(
    ("n", "binary", "sent", "wanted"),
    [
        (0, True, "gzip", None),
        (1, False, None, "deflate"),
        (600, True, "deflate", "gzip"),
        (600, False, "gzip", "gzip"),
    ],
)
async def test_inference_returns_what_the_sync_client_returns(
    aio: Any, client: httpx.Client, nino12: SstSeries, n: int, binary: bool, sent: str | None, wanted: str | None
) -> None:
    sst, valid_time = windows(nino12, n)
    result = await aio.infer(
        "nino12-gru",
        inputs(sst, valid_time, binary),
        outputs=[triton.InferRequestedOutput("forecast", binary_data=binary)],
        request_id="pier",
        request_compression_algorithm=sent,
        response_compression_algorithm=wanted,
    )
    assert result.get_response()["id"] == "pier"
    with triton.InferenceServerClient(address(client)) as sync:
        expected = sync.infer("nino12-gru", inputs(sst, valid_time)).as_numpy("forecast")
    np.testing.assert_array_equal(result.as_numpy("forecast"), expected)


async def test_errors_reach_the_client_as_its_own_exceptions(aio: Any, nino12: SstSeries) -> None:
    sst, valid_time = windows(nino12, 1)
    with pytest.raises(InferenceServerException, match=r"\[404\] no model 'nino12-transformer'"):
        await aio.infer("nino12-transformer", inputs(sst, valid_time))
    with pytest.raises(InferenceServerException, match=r"\[400\] input sst should have the shape \[-1, 24\]"):
        await aio.infer("nino12-gru", inputs(sst[:, :-1].copy(), valid_time))
    sst[0, 5] = np.inf
    with pytest.raises(InferenceServerException, match=r"\[400\] sst\[0\]\[5\] is inf"):
        await aio.infer("nino12-gru", inputs(sst, valid_time))
    with pytest.raises(InferenceServerException, match=r"\[404\] no such path: /v2/logging"):
        await aio.get_log_settings()
    with pytest.raises(InferenceServerException, match=r"\[403\] loading and unloading models need an admin key"):
        await aio.load_model("nino12-gru")
