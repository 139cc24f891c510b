import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from service.settings import Settings, unknown_settings
from tests.processes import running


def test_a_name_that_is_no_setting_is_warned_of_with_the_nearest_and_the_service_starts(artifacts: Path) -> None:
    with running(artifacts, max_serie=5, log_format="json") as service:
        service.wait_for("SST_MAX_SERIE")
    (line,) = (json.loads(line) for line in service.log if "SST_MAX_SERIE" in line)
    assert (line["level"], line["logger"]) == ("warning", "service")
    assert line["message"] == "SST_MAX_SERIE is no setting and has no effect; the nearest is SST_MAX_SERIES"


def test_only_names_that_begin_as_settings_do_are_looked_at() -> None:
    assert unknown_settings(["PATH", "SST_PORT", "sst_port", "MY_SST_PORT"]) == []
    assert unknown_settings(["sst_prot"]) == ["sst_prot is no setting and has no effect; the nearest is SST_PORT"]
    (said,) = unknown_settings(["SST_QUUX_XYZZY"])
    assert said.endswith("docs/reference/settings.md lists those there are")


def refusal(artifacts: Path, **settings: str) -> list[str]:
    command = [sys.executable, "-m", "service", "--port", "0", "--artifacts", str(artifacts)]
    environment = os.environ | {f"SST_{name.upper()}": value for name, value in settings.items()}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    return done.stderr.splitlines()


def test_each_setting_that_cannot_be_used_has_a_line_with_what_it_got_and_what_it_takes(artifacts: Path) -> None:
    said = refusal(
        artifacts,
        workers="0",
        log_level="loud",
        max_series="0",
        request_seconds="soon",
        linger_seconds="-1",
        reload_seconds="0",
        allow_anonymous="perhaps",
        cors_origins="https://a.org/",
        log_format="te\nxt",
    )
    assert said == [
        "service: SST_WORKERS=0 cannot be used: it takes a whole number from 1 to 256",
        "service: SST_LOG_LEVEL=loud cannot be used: it takes critical, error, warning, info or debug",
        "service: SST_REQUEST_SECONDS=soon cannot be used: it takes a number over 0, up to 86400",
        "service: SST_LINGER_SECONDS=-1 cannot be used: it takes a number from 0 to 86400",
        "service: SST_RELOAD_SECONDS=0 cannot be used: it takes a number over 0, up to 86400",
        "service: SST_MAX_SERIES=0 cannot be used: it takes a whole number, 1 or more",
        "service: SST_ALLOW_ANONYMOUS=perhaps cannot be used: it takes true or false",
        "service: SST_CORS_ORIGINS=https://a.org/ cannot be used: 'https://a.org/' is no origin: write https://host or "
        "https://host:port, without a path",
        "service: SST_LOG_FORMAT='te\\nxt' cannot be used: it takes auto, text or json",
    ]


@pytest.mark.parametrize("value", ["8000.5", "", "65536"])
def test_a_port_is_a_whole_number(artifacts: Path, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SST_PORT", value)
    command = [sys.executable, "-m", "service", "--artifacts", str(artifacts)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == f"service: SST_PORT={value} cannot be used: it takes a whole number from 0 to 65535\n"


@pytest.mark.parametrize("seconds", ["inf", "nan", "1e300", "86401"])
@pytest.mark.parametrize(
    "name", ["request_seconds", "write_seconds", "linger_seconds", "drain_seconds", "reload_seconds"]
)
def test_seconds_are_a_day_at_most(name: str, seconds: str) -> None:
    with pytest.raises(ValidationError, match=name):
        Settings.model_validate({name: seconds})
    assert getattr(Settings.model_validate({name: "86400"}), name) == 86_400
