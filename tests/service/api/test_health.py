from pathlib import Path

import httpx
import pytest

from service.app import create_app
from service.settings import Settings
from tests.service.requests import answered


def test_a_started_service_is_live_and_ready(client: httpx.Client) -> None:
    assert answered(client.get("/health/live")) == {"status": "live"}
    ready = answered(client.get("/health/ready"))
    assert ready["status"] == "ready"
    assert "nino12-gru" in ready["models"]


@pytest.mark.anyio
async def test_before_the_models_are_loaded_it_is_live_and_not_ready(artifacts: Path) -> None:
    transport = httpx.ASGITransport(create_app(Settings(artifacts=artifacts)))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert (await client.get("/health/live")).status_code == 200
        response = await client.get("/health/ready")
        assert response.status_code == 503
        assert "still loading" in response.json()["detail"]
        assert response.headers["retry-after"] == "1"
        assert (await client.get("/forecast")).status_code == 503


def test_no_response_names_the_server(client: httpx.Client) -> None:
    assert "server" not in client.get("/health/live").headers
