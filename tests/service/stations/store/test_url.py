from pathlib import Path

import pytest
from pydantic import SecretStr

from forecasting.errors import RequestError
from service.settings import Settings
from service.stations.store.database import store_url


def test_without_a_setting_the_store_is_beside_the_artifacts() -> None:
    url = store_url(Settings(artifacts=Path("/srv/sst/artifacts")))
    assert str(url) == "sqlite:////srv/sst/state/sst.db"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("state/sst.db", "it is not a URL"),
        ("sqlite://", "it names no file"),
        ("sqlite:///:memory:", "it names no file"),
        ("sqlite:///sst.db?mode=ro", "it names no file, or has parameters"),
        ("mysql://u:secret@host/sst", "it names another kind of database"),
        ("postgresql+asyncpg://u:secret@host/sst", "it names another kind of database"),
        ("postgresql+psycopg://u:secret@host:port/sst", "it is not a URL"),
    ],
)
def test_a_wrong_setting_is_refused_without_its_password(given: str, reason: str) -> None:
    with pytest.raises(
        RequestError, match=f"invalid setting SST_STORE: {reason}.*; write sqlite:////folder"
    ) as refused:
        store_url(Settings(store=SecretStr(given)))
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_each_common_scheme_names_postgresql(scheme: str) -> None:
    url = store_url(Settings(store=SecretStr(f"{scheme}://u:p@host/sst?sslmode=require")))
    assert url.render_as_string(hide_password=False) == "postgresql+psycopg://u:p@host/sst?sslmode=require"


def test_the_password_may_be_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("p@ss/word\n")
    url = store_url(Settings(store=SecretStr("postgresql+psycopg://u@host/sst"), store_password_file=secret))
    assert (url.username, url.password, url.host, url.database) == ("u", "p@ss/word", "host", "sst")


@pytest.mark.parametrize(
    ("store", "content", "reason"),
    [
        ("", b"secret", "must name a PostgreSQL database without a password"),
        ("postgresql+psycopg://u:other@host/sst", b"secret", "must name a PostgreSQL database without a password"),
        ("postgresql+psycopg://u@host/sst", None, "cannot read SST_STORE_PASSWORD_FILE=.*: No such file"),
        ("postgresql+psycopg://u@host/sst", b"\xff", "cannot read SST_STORE_PASSWORD_FILE=.*: it is not UTF-8 text"),
        ("postgresql+psycopg://u@host/sst", b"\n", "SST_STORE_PASSWORD_FILE=.* is empty"),
    ],
)
def test_a_file_that_gives_no_password_is_refused(
    tmp_path: Path, store: str, content: bytes | None, reason: str
) -> None:
    secret = tmp_path / "password"
    if content is not None:
        secret.write_bytes(content)
    with pytest.raises(RequestError, match=reason) as refused:
        store_url(Settings(store=SecretStr(store), store_password_file=secret))
    assert "secret" not in str(refused.value)
