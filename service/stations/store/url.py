"""Where the database is."""

from importlib import import_module
from pathlib import Path
from typing import Final

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from forecasting.bundled import RELEASES
from forecasting.errors import RequestError
from forecasting.extras import needs_extra
from service.settings import Settings

SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql+psycopg"
_SERVER_SCHEMES: Final = ("postgresql", "postgres")
"""What libpq and most providers write; SQLAlchemy would look for another driver."""


def store_url(settings: Settings) -> URL:
    """Return the URL of the database: that of ``SST_STORE``, or ``state/sst.db`` beside the artifacts.

    If the artifacts are the bundled ones or at a URL, ``state`` is in the working folder.

    Raises:
        RequestError: if the setting names no file or server, or the file with the password cannot be read. The message
            does not repeat the URL, which may hold a password.
        MissingExtraError: if PostgreSQL's driver is not installed.
    """
    given = settings.store.get_secret_value()
    if given:
        url = _parse(given)
    else:
        beside = isinstance(settings.artifacts, Path) and settings.artifacts != RELEASES
        folder = Path(settings.artifacts).absolute().parent if beside else Path.cwd()
        url = URL.create(SQLITE, database=str(folder / "state" / "sst.db"))
    return url if settings.store_password_file is None else _with_password(url, settings.store_password_file)


def _parse(given: str) -> URL:
    try:
        url = make_url(given)
    except (ArgumentError, ValueError):
        raise _invalid("it is not a URL") from None
    if url.drivername == SQLITE and (not url.database or url.database == ":memory:" or url.query):
        raise _invalid("it names no file, or has parameters")
    if url.drivername in _SERVER_SCHEMES:
        url = url.set(drivername=POSTGRESQL)
    if url.drivername not in (SQLITE, POSTGRESQL):
        raise _invalid("it names another kind of database")
    if url.drivername == POSTGRESQL:
        with needs_extra("postgres", "The PostgreSQL database in SST_STORE"):
            import_module("psycopg")
    return url


def _with_password(url: URL, file: Path) -> URL:
    if url.drivername != POSTGRESQL or url.password is not None:
        raise RequestError(
            "SST_STORE_PASSWORD_FILE is set, so SST_STORE must name a PostgreSQL database without a password: "
            "postgresql://user@host/database",
            field="store_password_file",
        )
    try:
        password = file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise RequestError(
            f"cannot read SST_STORE_PASSWORD_FILE={file}: {reason}", field="store_password_file"
        ) from None
    if not password:
        raise RequestError(f"SST_STORE_PASSWORD_FILE={file} is empty", field="store_password_file")
    return url.set(password=password)


def _invalid(reason: str) -> RequestError:
    return RequestError(
        f"invalid setting SST_STORE: {reason}; write sqlite:////folder/sst.db, or "
        "postgresql://user:password@host/database",
        field="store",
    )
