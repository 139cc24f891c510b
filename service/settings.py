"""Settings, read once from the environment (prefix ``SST_``) and the command line, then passed on."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What the service is set to. Each can be given as ``SST_<NAME>``.

    Attributes:
        artifacts: folder of published releases.
        default_dataset: meant where a request names none.
        host: address to listen on.
        port: to listen on.
        workers: processes.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        log_level: of the service and of uvicorn.
        max_body_bytes: largest request body.
        max_series: most series in one request.
        max_values: most values in one series.
        log_format: ``text``, ``json``, or ``auto``: text on a terminal, JSON elsewhere.
        access_log: whether each request is logged.
    """

    model_config = SettingsConfigDict(env_prefix="SST_", frozen=True)

    artifacts: Path = Path("artifacts")
    default_dataset: str = "nino12"
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65_535)
    workers: int = Field(default=1, ge=1, le=256)
    device: str = "auto"
    log_level: Annotated[
        Literal["critical", "error", "warning", "info", "debug"], BeforeValidator(lambda text: str(text).lower())
    ] = "info"
    max_body_bytes: int = Field(default=16 * 2**20, ge=1_024)
    max_series: int = Field(default=10_000, ge=1)
    max_values: int = Field(default=100_000, ge=2)
    log_format: Literal["auto", "text", "json"] = "auto"
    access_log: bool = False
