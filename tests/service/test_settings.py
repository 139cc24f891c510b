import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from service.settings import Settings, unknown_settings
from tests.processes import running
from tests.refused_start import refused_start


@pytest.mark.long
def test_an_unknown_setting_is_warned_of_with_the_closest_match_and_the_service_starts(artifacts: Path) -> None:
    with running(artifacts, max_serie=5, log_format="json") as service:
        service.wait_for("SST_MAX_SERIE")
    (line,) = (json.loads(line) for line in service.log if "SST_MAX_SERIE" in line)
    assert (line["level"], line["logger"]) == ("warning", "service")
    assert line["message"] == "unknown setting SST_MAX_SERIE has no effect; did you mean SST_MAX_SERIES?"


def test_only_variables_with_the_prefix_of_settings_are_checked() -> None:
    assert unknown_settings(["PATH", "SST_PORT", "sst_port", "MY_SST_PORT", "SST_KEY", "SST_URL"]) == []
    assert unknown_settings(["sst_prot"]) == ["unknown setting sst_prot has no effect; did you mean SST_PORT?"]
    (message,) = unknown_settings(["SST_QUUX_XYZZY"])
    assert message.endswith("docs/reference/settings.md lists the settings")


def test_each_invalid_setting_has_a_line_with_its_value_and_what_is_expected(
    artifacts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    messages = refused_start(
        capsys,
        *("--port", "0", "--artifacts", str(artifacts)),
        workers="0",
        log_level="loud",
        max_series="0",
        request_seconds="soon",
        linger_seconds="-1",
        reload_seconds="0",
        allow_anonymous="perhaps",
        cors_origins="https://a.org/",
        trusted_proxies="10.0.0.0/8, proxy",
        log_format="te\nxt",
    )
    assert messages == [
        "sst serve: invalid setting SST_WORKERS=0: expected a whole number from 1 to 256",
        "sst serve: invalid setting SST_LOG_LEVEL=loud: expected critical, error, warning, info or debug",
        "sst serve: invalid setting SST_REQUEST_SECONDS=soon: expected a number above 0, up to 86400",
        "sst serve: invalid setting SST_LINGER_SECONDS=-1: expected a number from 0 to 86400",
        "sst serve: invalid setting SST_RELOAD_SECONDS=0: expected a number above 0, up to 86400",
        "sst serve: invalid setting SST_MAX_SERIES=0: expected a whole number, 1 or more",
        "sst serve: invalid setting SST_ALLOW_ANONYMOUS=perhaps: expected true or false",
        "sst serve: invalid setting SST_CORS_ORIGINS=https://a.org/: invalid origin 'https://a.org/': write "
        "https://host or https://host:port, without a path",
        "sst serve: invalid setting SST_TRUSTED_PROXIES=10.0.0.0/8, proxy: invalid address 'proxy': write an IP "
        "address, or a network such as 10.0.0.0/8",
        "sst serve: invalid setting SST_LOG_FORMAT='te\\nxt': expected auto, text or json",
    ]


@pytest.mark.parametrize(
    "value", ["hc.example/s3cret", "ftp://hc.example/s3cret", "https://u:s3cret@hc.example", "http://hc:99999/s3cret"]
)
def test_an_invalid_heartbeat_url_is_refused_and_not_shown(
    artifacts: Path, capsys: pytest.CaptureFixture[str], value: str
) -> None:
    messages = refused_start(capsys, "--port", "0", "--artifacts", str(artifacts), heartbeat_url=value)
    assert messages == [
        "sst serve: invalid setting SST_HEARTBEAT_URL: write https://host/path, without a user or a password before "
        "the host"
    ]


@pytest.mark.parametrize("value", ["8000.5", "", "65536"])
def test_a_port_is_a_whole_number(artifacts: Path, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    messages = refused_start(capsys, "--artifacts", str(artifacts), port=value)
    assert messages == [f"sst serve: invalid setting SST_PORT={value}: expected a whole number from 0 to 65535"]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_unusable_store_stops_the_start(artifacts: Path, workers: str, capsys: pytest.CaptureFixture[str]) -> None:
    (message,) = refused_start(
        capsys, "--port", "0", "--artifacts", str(artifacts), store="mysql://u:secret@host/db", workers=workers
    )
    assert message.startswith("sst serve: invalid setting SST_STORE: it names another kind of database; write sqlite:")
    assert "secret" not in message


@pytest.mark.parametrize("seconds", ["inf", "nan", "1e300", "86401"])
@pytest.mark.parametrize(
    "name", ["request_seconds", "write_seconds", "linger_seconds", "drain_seconds", "reload_seconds"]
)
def test_seconds_are_a_day_at_most(name: str, seconds: str) -> None:
    with pytest.raises(ValidationError, match=name):
        Settings.model_validate({name: seconds})
    assert getattr(Settings.model_validate({name: "86400"}), name) == 86_400
