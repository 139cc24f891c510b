"""Brings a database to the newest revision."""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, text

from service.store.database.errors import StoreUnavailableError

# Alembic is imported at the first use of a database: that takes a tenth of the time in which a service starts.
if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

_SCRIPTS: Final = Path(__file__).parent / "migrations"
_LOCK: Final = 7_305_417_221
"""The advisory lock of migrations in PostgreSQL: a number that other programs are unlikely to use."""


def migrate(connection: Connection) -> None:
    """Bring the database to the newest revision, in the transaction of ``connection``.

    One process at a time does this: SQLite allows one writer, and in PostgreSQL the transaction takes a lock. If it is
    interrupted, the database is as it was before.

    Raises:
        StoreUnavailableError: if another version of the service has written the database.
    """
    from alembic import command
    from alembic.runtime.migration import MigrationContext

    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    scripts = _scripts()
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision == scripts.get_current_head():
        return
    if revision is not None and revision not in {script.revision for script in scripts.walk_revisions()}:
        raise StoreUnavailableError(
            f"another version of this service has written the database (revision {revision}): start that version, or "
            "restore a backup from before the upgrade"
        )
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


@lru_cache(maxsize=1)
def _scripts() -> "ScriptDirectory":
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(_config())


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    return config
