"""Settings, read once from the environment (prefix ``SST_``) and the command line, then passed on."""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

_PREFIX: Final = "SST_"
_SHOWN_CHARACTERS: Final = 64
"""Of a value that a sentence repeats."""
_DAY: Final = 86_400
"""Most seconds of any setting."""
_ORIGIN: Final = re.compile(r"https?://[a-z0-9._\[\]:-]+")
_EMPTY_IS_UNSET: Final = BeforeValidator(lambda value: None if value == "" else value)


def _split(origins: str) -> tuple[str, ...]:
    """In lower case, as browsers send them."""
    return tuple(origin.strip().lower() for origin in origins.split(",") if origin.strip())


def _check_origins(origins: str) -> str:
    for origin in _split(origins):
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise ValueError(f"{origin!r} is no origin: write https://host or https://host:port, without a path")
    return origins


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
        max_answer_bytes: largest answer to series in one request, as estimated before it is made.
        max_waiting: most requests a process works on at once.
        max_waiting_bytes: most that their bodies, and the answers to large ones, may hold together.
        request_seconds: longest that a request may take.
        write_seconds: longest that a client may take nothing of an answer, before its connection is closed.
        busy_poll_microseconds: how long a process that answers one connection twice in a row waits awake for more.
        drain_seconds: longest that a process which is told to stop works on what it has begun.
        linger_seconds: how long it goes on saying that it stops, before it closes idle connections.
        reload_seconds: between looks at which releases are current.
        max_line_bytes: longest line of a request that is answered line by line.
        max_series: most series in one request.
        max_values: most values in one series.
        max_horizon: most steps ahead; where a release forecasts less far, that rules.
        keys: API keys, a line each as ``name:role:sha256``.
        keys_file: a file of such lines.
        allow_anonymous: whether forecasts need no key; None: on loopback alone.
        rate_limit: requests a minute that each key may make of each worker; 0 sets none.
        cors_origins: whose pages may call, with commas between them; empty: none but the service's own.
        log_format: ``text``, ``json``, or ``auto``: text on a terminal, JSON elsewhere.
        access_log: whether each request is logged.
    """

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True)

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
    max_answer_bytes: int = Field(default=48 * 2**20, ge=1_024)
    max_waiting: int = Field(default=256, ge=1)
    max_waiting_bytes: int = Field(default=64 * 2**20, ge=1_024)
    request_seconds: float = Field(default=30.0, gt=0, le=_DAY)
    write_seconds: float = Field(default=30.0, gt=0, le=_DAY)
    busy_poll_microseconds: float = Field(default=50.0, ge=0, le=1_000_000)
    drain_seconds: int = Field(default=30, ge=1, le=_DAY)
    linger_seconds: float = Field(default=1.0, ge=0, le=_DAY)
    reload_seconds: float = Field(default=10.0, gt=0, le=_DAY)
    max_line_bytes: int = Field(default=4 * 2**20, ge=1_024)
    max_series: int = Field(default=10_000, ge=1)
    max_values: int = Field(default=100_000, ge=2)
    max_horizon: int = Field(default=10_000, ge=1, le=10_000)
    keys: SecretStr = SecretStr("")
    keys_file: Annotated[Path | None, _EMPTY_IS_UNSET] = None
    allow_anonymous: Annotated[bool | None, _EMPTY_IS_UNSET] = None
    rate_limit: int = Field(default=6_000, ge=0)
    cors_origins: Annotated[str, AfterValidator(_check_origins)] = ""
    log_format: Literal["auto", "text", "json"] = "auto"
    access_log: bool = False

    @property
    def max_stream_bytes(self) -> int:
        """Most that a request which is answered line by line holds of its body."""
        return min(self.max_line_bytes + 2**20, self.max_waiting_bytes)

    @property
    def origins(self) -> tuple[str, ...]:
        """Each of ``cors_origins``."""
        return _split(self.cors_origins)


def unknown_settings(names: Iterable[str]) -> list[str]:
    """A sentence on each of these names of the environment that begins as a setting's and is none, with the nearest."""
    known = [f"{_PREFIX}{name.upper()}" for name in Settings.model_fields]
    said = []
    # Names count in capitals or not, as they do where settings are read.
    for name in sorted(name for name in names if name.upper().startswith(_PREFIX) and name.upper() not in known):
        nearest = get_close_matches(name.upper(), known, n=1)
        remedy = f"the nearest is {nearest[0]}" if nearest else "docs/reference/settings.md lists those there are"
        said.append(f"{name} is no setting and has no effect; {remedy}")
    return said


def unusable_settings(error: ValidationError) -> list[str]:
    """A sentence on each setting that ``error`` is about: its name in the environment, what it got, what it takes."""
    found = {str(one["loc"][0]): one for one in reversed(error.errors())}
    return [_unusable(name, found[name]) for name in Settings.model_fields if name in found]


def _unusable(name: str, error: Mapping[str, Any]) -> str:
    given = str(error["input"])[:_SHOWN_CHARACTERS]
    shown = given if given.isprintable() else repr(given)
    why = str(error["ctx"]["error"]) if error["type"] == "value_error" else f"it takes {_what_is_taken(name)}"
    return f"{_PREFIX}{name.upper()}={shown} cannot be used: {why}"


def _what_is_taken(name: str) -> str:
    field = Settings.model_fields[name]
    kind: Any = field.annotation
    if get_origin(kind) is Literal:
        *others, last = get_args(kind)
        return f"{', '.join(others)} or {last}"
    if bool in (kind, *get_args(kind)):
        return "true or false"
    if kind not in (int, float):
        return "a path" if Path in (kind, *get_args(kind)) else "text"
    names = ("ge", "gt", "le")
    limits = {limit: getattr(one, limit) for one in field.metadata for limit in names if hasattr(one, limit)}
    noun = "a whole number" if kind is int else "a number"
    if "gt" in limits:
        return f"{noun} over {limits['gt']}, up to {limits['le']}"
    return f"{noun} from {limits['ge']} to {limits['le']}" if "le" in limits else f"{noun}, {limits['ge']} or more"
