"""What ``/health/ready`` and ``/metrics`` say of the database."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from service.settings import Settings
from tests.service.requests import answered
from tests.serving import serve

pytestmark = pytest.mark.long


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database may take long to answer on a busy machine."""
    monkeypatch.setattr("service.plugins.stations.store.database._FIGURES_SECONDS", 600)
    monkeypatch.setattr("service.plugins.stations.store.pulse._WAIT_SECONDS", 600)


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
