from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from service.app import create_app
from service.settings import Settings
from tests.service.requests import answered
from tests.serving import serve


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


def test_probes_create_no_database_and_say_once_it_takes_writes(artifacts: Path, tmp_path: Path) -> None:
    path = tmp_path / "state" / "sst.db"
    settings = Settings(artifacts=artifacts, store=SecretStr(f"sqlite:///{path}"))
    with serve(settings) as service:
        assert answered(service.get("/health/ready"))["store"] == "not_created"
        assert "\nsst_store_up 1.0\n" in service.get("/metrics").text
        assert not path.parent.exists()
        service.put("/stations/pier", json={"step": "day"}).raise_for_status()
    with serve(settings) as service:
        assert answered(service.get("/health/ready"))["store"] == "writable"


def test_where_no_database_can_be_created_only_a_service_that_names_one_is_not_ready(
    artifacts: Path, tmp_path: Path
) -> None:
    (tmp_path / "artifacts").symlink_to(artifacts)
    (tmp_path / "state").touch()
    settings = Settings(artifacts=tmp_path / "artifacts")
    with serve(settings) as service:
        assert answered(service.get("/health/ready"))["store"] == "unavailable"
        assert "\nsst_store_up 0.0\n" in service.get("/metrics").text
        assert service.put("/stations/pier", json={"step": "day"}).status_code == 503
    named = settings.model_copy(update={"store": SecretStr(f"sqlite:///{tmp_path}/state/sst.db")})
    with serve(named) as service:
        refused = service.get("/health/ready")
        assert refused.status_code == 503
        assert "the database of stations cannot be written" in refused.json()["detail"]
        assert service.get("/v2/health/ready").status_code == 200


def test_no_response_names_the_server(client: httpx.Client) -> None:
    assert "server" not in client.get("/health/live").headers
