"""The settings: read once from the environment (prefix ``SST_``) and the command line, then passed on."""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from ipaddress import IPv4Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from forecasting.bundled import default_artifacts

_PREFIX: Final = "SST_"
_OF_COMMANDS: Final = ("SST_KEY", "SST_URL")
"""Variables that ``sst station`` reads."""
_MAX_SHOWN: Final = 64
"""Characters of a value that a message repeats."""
_MAX_SECONDS: Final = 86_400
"""The largest value of any setting in seconds: a day."""
_ORIGIN: Final = re.compile(r"https?://[a-z0-9._\[\]:-]+")
_ADDRESS: Final = re.compile(r"https?://[A-Za-z0-9._\[\]:-]+(/[A-Za-z0-9._/-]*)?")
_SECRET_ADDRESS: Final = re.compile(r"https?://[A-Za-z0-9._\[\]:-]+([/?][!-~]*)?")
_HOST: Final = re.compile(r"[a-z0-9._-]+|\[?[0-9a-f:.]+\]?|\*")
_SCHEME: Final = re.compile(r"[a-z][a-z0-9]{0,31}")
_EMPTY_IS_UNSET: Final = BeforeValidator(lambda value: None if value == "" else value)


def _split(names: str) -> tuple[str, ...]:
    """Return the parts of a list in lower case, as browsers send origins and hosts."""
    return tuple(name.strip().lower() for name in names.split(",") if name.strip())


def _folder_or_url(value: object) -> object:
    """Leave a URL as text, since a path would lose one of its slashes."""
    return Path(value) if isinstance(value, str) and "://" not in value else value


def _check_origins(origins: str) -> str:
    for origin in _split(origins):
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise ValueError(f"invalid origin {origin!r}: write https://host or https://host:port, without a path")
    return origins


def _check_url(url: str) -> str:
    if url and not _ADDRESS.fullmatch(url):
        raise ValueError(f"invalid address {url!r}: write https://host, without a user, a password or a query")
    return url


def _check_heartbeat(url: SecretStr) -> SecretStr:
    text = url.get_secret_value()
    try:
        is_valid = not text or bool(_SECRET_ADDRESS.fullmatch(text) and urlsplit(text).port != 0)
    except ValueError:
        is_valid = False
    if not is_valid:
        raise ValueError("write https://host/path, without a user or a password before the host")
    return url


def _check_hosts(hosts: str) -> str:
    for host in _split(hosts):
        if not _HOST.fullmatch(host):
            raise ValueError(f"invalid host {host!r}: write a name or an address, without a scheme or a port")
    return hosts


def _check_networks(proxies: str) -> str:
    for proxy in _split(proxies):
        try:
            ip_network(proxy)
        except ValueError:
            raise ValueError(
                f"invalid address {proxy!r}: write an IP address, or a network such as 10.0.0.0/8"
            ) from None
    return proxies


def _check_schemes(schemes: str) -> str:
    for scheme in _split(schemes):
        if not _SCHEME.fullmatch(scheme):
            raise ValueError(f"invalid scheme {scheme!r}: write names such as ntfys,mailtos, without ://")
    return schemes


class Settings(BaseSettings):
    """The settings of the service. Each has an environment variable, ``SST_<NAME>``."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, use_attribute_docstrings=True)

    artifacts: Annotated[Path | str, BeforeValidator(_folder_or_url)] = Field(default_factory=default_artifacts)
    """Folder of published releases, or its URL, such as `s3://bucket/artifacts`. Default: `artifacts`, or the bundled
    releases if there is no such folder. Also `--artifacts`."""
    artifacts_cache: Annotated[Path | None, _EMPTY_IS_UNSET] = None
    """Folder for local copies of releases at a URL. Default: `~/.cache/sst-forecasting`."""
    trusted_keys: str = ""
    """PEM files with public keys, or folders of them, separated by commas. Releases that none of them signed are
    refused."""
    plugins: str = "all"
    """Parts of the service to start: `all`, `none`, or names separated by commas: `columns` takes Arrow
    tables, `uploads` reads files, `stations` (with `uploads`) keeps readings in a database, `outlooks` shows those of a
    grid, `inference` is the Open Inference Protocol under `/v2`, which the health checks of the images and of `deploy`
    call, and `page` (with `stations`) is what people see in a browser."""
    default_dataset: str = "nino12"
    """Dataset for GET requests that name none."""
    host: str = "127.0.0.1"
    """Address to listen on; `::` also accepts IPv4. Also `--host`."""
    port: int = Field(default=8000, ge=0, le=65_535)
    """Port to listen on. Also `--port`."""
    workers: int = Field(default=1, ge=1, le=256)
    """Number of worker processes; each loads every model. Also `--workers`."""
    device: str = "auto"
    """`cpu`, `cuda`, `cuda:N`, or `auto`: the first GPU if there is one. Also `--device`."""
    log_level: Annotated[
        Literal["critical", "error", "warning", "info", "debug"], BeforeValidator(lambda text: str(text).lower())
    ] = "info"
    """`critical`, `error`, `warning`, `info` or `debug`."""
    max_body_bytes: int = Field(default=16 * 2**20, ge=1_024)
    """Largest body, both as sent and after decompression; larger ones get a 413."""
    max_answer_bytes: int = Field(default=48 * 2**20, ge=1_024)
    """Largest response to `POST /forecast`, estimated before it is computed; the 422 says how many series would fit."""
    max_waiting: int = Field(default=512, ge=1)
    """Requests that a worker holds at once; further ones get a 503."""
    max_waiting_bytes: int = Field(default=128 * 2**20, ge=1_024)
    """Total size of what has arrived of their bodies, of the parsed content of small ones, and of large responses (more
    than about 64 forecasts); further requests get a 503."""
    max_working_bytes: int = Field(default=384 * 2**20, ge=1_024)
    """Estimated memory for the work on large requests (more than 64 KiB) at once; further ones wait for their turn."""
    caller_share: float = Field(default=0.5, gt=0, le=1)
    """Part of `SST_MAX_WAITING`, `SST_MAX_WAITING_BYTES` and `SST_MAX_SPOOL_BYTES` that one caller (key, or address
    without one) can take; 1: no limit."""
    request_seconds: float = Field(default=30.0, gt=0, le=_MAX_SECONDS)
    """Time limit for a request, after which it gets a 504. It restarts with each batch of NDJSON, and with every 64
    stations of `POST /observations`. The folder of outlooks has a third of it to answer, before a 503."""
    write_seconds: float = Field(default=30.0, gt=0, le=_MAX_SECONDS)
    """Time without progress after which the connection of a client that does not read its response is closed."""
    drain_seconds: int = Field(default=30, ge=1, le=_MAX_SECONDS)
    """Time that it then has to finish the requests that it has accepted."""
    linger_seconds: float = Field(default=1.0, ge=0, le=_MAX_SECONDS)
    """Time for which a stopping worker rejects new requests with 503 before it stops listening and closes idle
    connections."""
    reload_seconds: float = Field(default=10.0, gt=0, le=_MAX_SECONDS)
    """Time between checks for new releases."""
    max_line_bytes: int = Field(default=4 * 2**20, ge=1_024)
    """Longest NDJSON line; a longer one gets an error in its place."""
    max_spool_bytes: int = Field(default=256 * 2**20, ge=1_024)
    """Total size of a worker's temporary files (in `TMPDIR`), for Arrow responses; the share of one caller is also the
    largest record batch."""
    max_series: int = Field(default=10_000, ge=1)
    """Series per request; more are a 422."""
    max_values: int = Field(default=100_000, ge=2)
    """Values per series; more are a 422."""
    max_horizon: int = Field(default=10_000, ge=1, le=10_000)
    """Largest horizon; a release's own limit applies too."""
    store: SecretStr = SecretStr("")
    """Database of stations: `sqlite:////folder/sst.db` or `postgresql://user:password@host/database`. Default:
    `state/sst.db` next to the artifacts folder, or in the working directory if the artifacts are bundled or at a
    URL."""
    store_password_file: Annotated[Path | None, _EMPTY_IS_UNSET] = None
    """File with the password of the PostgreSQL database; leave the password out of the URL."""
    outlooks: Annotated[Path | None, _EMPTY_IS_UNSET] = None
    """Folder of outlooks that `sst outlook` writes."""
    keep_days: int = Field(default=0, ge=0, le=36_500)
    """Days after which the forecasts and alerts of stations are deleted; 0 keeps them forever."""
    stations_per_key: int = Field(default=1_000, ge=0)
    """Most stations of one key with the role `station`; 0: no limit."""
    sources_per_key: int = Field(default=100, ge=0)
    """Most of them whose readings are fetched from a `source`; 0: no limit."""
    background: bool = True
    """Whether this process can fetch readings and weather and deliver webhooks; of all processes with the same
    database, one does it."""
    heartbeat_url: Annotated[SecretStr, AfterValidator(_check_heartbeat)] = SecretStr("")
    """Address that the background work calls once a minute while all is well. It can be on a private network, and is
    never logged, since its path may hold a secret."""
    allow_private_addresses: bool = False
    """Whether webhooks, sources and `notify` addresses of stations can be on private networks, such as `10.0.0.1` or
    `localhost`."""
    notify_schemes: Annotated[str, AfterValidator(_check_schemes)] = "ntfys,mailtos"
    """Kinds of addresses that stations can notify, separated by commas, as Apprise names them; empty: none."""
    open_meteo_url: Annotated[str, AfterValidator(_check_url)] = ""
    """Open-Meteo server of your own, for the weather of stations and `sst fetch --weather`. Default: Open-Meteo's
    own."""
    open_meteo_key: SecretStr = SecretStr("")
    """API key of an Open-Meteo subscription, which has servers of its own. Default: the free servers, for
    non-commercial use."""
    keys: SecretStr = SecretStr("")
    """API keys in the same form; if both are set, both are used."""
    keys_file: Annotated[Path | None, _EMPTY_IS_UNSET] = None
    """File of API keys, one `name:role:sha256` per line."""
    allow_anonymous: Annotated[bool | None, _EMPTY_IS_UNSET] = None
    """`true`: forecasts need no key; `false`: they need one even on loopback; unset: open on loopback only."""
    rate_limit: int = Field(default=6_000, ge=0)
    """Requests per minute, per key and worker; 0: no limit."""
    cors_origins: Annotated[str, AfterValidator(_check_origins)] = ""
    """Origins, separated by commas, whose pages can call the service; `*`: all."""
    allowed_hosts: Annotated[str, AfterValidator(_check_hosts)] = ""
    """Hosts, separated by commas, that the service answers to besides local ones; `*`: any; unset: none on loopback,
    any elsewhere."""
    trusted_proxies: Annotated[str, AfterValidator(_check_networks)] = ""
    """Addresses and networks of proxies, separated by commas, such as `10.0.0.0/8`; their `X-Forwarded-For` says which
    address a request comes from."""
    log_format: Literal["auto", "text", "json"] = "auto"
    """`text`, `json`, or `auto`: text on a terminal, JSON elsewhere."""
    access_log: bool = False
    """Whether to log a line for each request."""

    @property
    def max_stream_bytes(self) -> int:
        """The most memory that an NDJSON request takes for its body."""
        return min(self.max_line_bytes + 2**20, self.max_waiting_bytes)

    @property
    def proxies(self) -> list[str]:
        """The addresses and networks in ``trusted_proxies``; IPv4 also as a socket of IPv6 shows it."""
        networks = [ip_network(proxy) for proxy in _split(self.trusted_proxies)]
        mapped = [
            f"::ffff:{network.network_address}/{96 + network.prefixlen}"
            for network in networks
            if isinstance(network, IPv4Network)
        ]
        return [*map(str, networks), *mapped]

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins in ``cors_origins``."""
        return _split(self.cors_origins)

    @property
    def schemes(self) -> tuple[str, ...]:
        """The schemes in ``notify_schemes``."""
        return _split(self.notify_schemes)

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts in ``allowed_hosts``, without brackets."""
        return frozenset(host.strip("[]") for host in _split(self.allowed_hosts))


def stated_log_format(environment: Mapping[str, str]) -> str:
    """Return the log format that ``environment`` asks for, even if other settings are invalid; ``text`` if unknown."""
    stated = next((value for name, value in environment.items() if name.upper() == f"{_PREFIX}LOG_FORMAT"), "auto")
    return stated if stated in get_args(Settings.model_fields["log_format"].annotation) else "text"


def unknown_settings(names: Iterable[str]) -> list[str]:
    """Return a message for each variable with the settings' prefix that is not a setting, with the closest match."""
    known = [f"{_PREFIX}{name.upper()}" for name in Settings.model_fields]
    messages = []
    # Case does not matter, as when settings are read.
    upper = {name: name.upper() for name in names if name.upper().startswith(_PREFIX)}
    for name in sorted(name for name in upper if upper[name] not in {*known, *_OF_COMMANDS}):
        matches = get_close_matches(name.upper(), known, n=1)
        remedy = f"did you mean {matches[0]}?" if matches else "docs/reference/settings.md lists the settings"
        messages.append(f"unknown setting {name} has no effect; {remedy}")
    return messages


def invalid_settings(error: ValidationError) -> list[str]:
    """Return a message for each invalid setting: its variable, its value, and what is expected."""
    errors = {str(entry["loc"][0]): entry for entry in reversed(error.errors())}
    return [_message(name, errors[name]) for name in Settings.model_fields if name in errors]


def _message(name: str, error: Mapping[str, Any]) -> str:
    setting = f"{_PREFIX}{name.upper()}"
    if Settings.model_fields[name].annotation is not SecretStr:
        given = str(error["input"])[:_MAX_SHOWN]
        setting += f"={given if given.isprintable() else repr(given)}"
    reason = str(error["ctx"]["error"]) if error["type"] == "value_error" else f"expected {_expected(name)}"
    return f"invalid setting {setting}: {reason}"


def _expected(name: str) -> str:
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
    limits = {limit: getattr(bound, limit) for bound in field.metadata for limit in names if hasattr(bound, limit)}
    noun = "a whole number" if kind is int else "a number"
    if "gt" in limits:
        return f"{noun} above {limits['gt']}, up to {limits['le']}"
    return f"{noun} from {limits['ge']} to {limits['le']}" if "le" in limits else f"{noun}, {limits['ge']} or more"
