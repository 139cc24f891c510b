"""A PostgreSQL server on a Unix socket with a temporary data folder, from Debian's package."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest

from tests.processes import wait_until

PROGRAMS = Path("/usr/lib/postgresql/15/bin")
_USER = "postgres"


class Cluster:
    """A server, which tests may stop and start. Nobody else can take its address meanwhile, as a port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)
        # The server refuses to run as root.
        self._user = ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups"] if os.getuid() == 0 else []
        options = ["--no-sync", "--auth=trust", f"--username={_USER}", "--encoding=UTF8", "--locale=C.UTF-8"]
        command = [*self._user, str(PROGRAMS / "initdb"), *options, "-D", str(folder / "data")]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def start(self) -> None:
        settings = ["listen_addresses=", f"unix_socket_directories={self._folder}", "fsync=off"]
        options = [option for setting in settings for option in ("-c", setting)]
        with (self._folder / "log").open("ab") as log:
            command = [*self._user, str(PROGRAMS / "postgres"), "-D", str(self._folder / "data"), *options]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_until(self._answers, f"PostgreSQL does not answer; see {self._folder / 'log'}")

    def stop(self) -> None:
        """Stop the server at once, without a checkpoint, as a crash would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
            self._process = None

    def new_database(self) -> str:
        """Create an empty database, and return its URL for ``SST_STORE``."""
        name = f"test{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://{_USER}@/{name}?host={self._folder}"

    def run(self, statement: str, database: str | None = _USER) -> None:
        """Run a statement in a database, outside a transaction."""
        with psycopg.connect(self._address, dbname=database, autocommit=True) as connection:
            connection.execute(statement.encode())

    @property
    def _address(self) -> str:
        return f"host={self._folder} user={_USER} dbname={_USER} connect_timeout=5"

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._address).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Run a server; skip the test if PostgreSQL is not installed."""
    if not (PROGRAMS / "postgres").exists():
        pytest.skip(f"needs PostgreSQL in {PROGRAMS}: apt install postgresql-15")
    folder = Path(tempfile.mkdtemp(prefix="sst-postgres-"))
    try:
        if os.getuid() == 0:
            shutil.chown(folder, _USER, _USER)
        cluster = Cluster(folder)
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(folder)
