"""A folder in any place that fsspec reaches, such as ``s3://bucket/prefix``."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Final

from forecasting.errors import RemoteError
from forecasting.extras import needs_extra

_PURPOSE: Final = "Reading and writing releases at a URL"
_S3: Final = ("s3", "s3a")
_S3_ATTEMPTS: Final = 3
_LOCAL: Final = ("file", "local")
LARGEST_MANIFEST: Final = 2**20
"""Bytes of a manifest, of its signatures, and of ``current``. All that is read is held in memory."""
_LONGEST_REASON: Final = 300
"""Characters of another program's error that a message repeats."""


class RemoteFolder:
    """A folder of releases, which is read and written as a whole file at a time."""

    def __init__(self, system: Any, root: str, url: str) -> None:
        """Create the object; use :meth:`open`."""
        self._system = system
        self._root = root.rstrip("/")
        self.url = url.rstrip("/")

    @classmethod
    def open(cls, url: str) -> "RemoteFolder":
        """Return the folder at ``url``. Nothing is read yet.

        Credentials and the address of the server come from the environment, as the library of each protocol reads them.
        """
        protocol = url.partition("://")[0] if "://" in url else "file"
        # No instance that was made before, with what the environment held then.
        options: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}
        if protocol in _LOCAL:
            options["auto_mkdir"] = True
        shown = re.sub(r"://[^/]*@", "://", url)  # without a user and a password
        with needs_extra("remote", _PURPOSE):
            import fsspec.core
        if protocol in _S3:
            if shown != url:
                raise RemoteError(
                    f"cannot use {shown} with a user and password in it: set AWS_ACCESS_KEY_ID and "
                    "AWS_SECRET_ACCESS_KEY instead"
                )
            with needs_extra("s3", "Reading and writing releases in S3"):
                import_module("s3fs")
            # Its own attempts and those of botocore would multiply to minutes for a server that does not answer.
            options["config_kwargs"] = {"retries": {"total_max_attempts": 1}}
        try:
            system, root = fsspec.core.url_to_fs(url, **options)
        except Exception as error:
            raise RemoteError(f"cannot use {shown}: {_reason(error)}") from None
        if protocol in _S3:
            system.retries = _S3_ATTEMPTS
        return cls(system, root, shown)

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self._root.rpartition("/")[2]

    @property
    def parent(self) -> "RemoteFolder":
        """The folder that holds this one."""
        return RemoteFolder(self._system, self._root.rpartition("/")[0], self.url.rpartition("/")[0])

    @property
    def server(self) -> str | None:
        """The server of S3 that the environment or the AWS profile names; None for that of AWS, or another protocol.

        Nothing is connected, so this needs no credentials.
        """
        if not self._is_of(_S3):
            return None
        server: str | None = self._system.endpoint_url or self._system.client_kwargs.get("endpoint_url")
        return server or _configured_server()

    def shown(self, name: str) -> str:
        """Return the URL of a file or folder inside, for messages."""
        return f"{self.url}/{name}"

    def folders(self) -> list[str]:
        """Return the names of the folders inside, sorted; empty if the folder does not exist."""
        try:
            with self._reaching("list", self.url):
                entries = self._system.ls(self._root, detail=True)
        except FileNotFoundError:
            return []
        paths = (entry["name"].rstrip("/") for entry in entries if entry["type"] == "directory")
        return sorted({path.rpartition("/")[2] for path in paths})

    def find(self, name: str, largest: int = LARGEST_MANIFEST) -> bytes | None:
        """Return the content of a file of at most ``largest`` bytes; None if it does not exist."""
        size = self.size(name)
        if size is None:
            return None
        if size > largest:
            raise RemoteError(
                f"cannot read {self.shown(name)}: it has {size} bytes, and at most {largest} are expected"
            )
        try:
            with self._reaching("read", self.shown(name)):
                content: bytes = self._system.cat_file(f"{self._root}/{name}")
        except (FileNotFoundError, IsADirectoryError):
            return None
        return content

    def size(self, name: str) -> int | None:
        """Return the number of bytes of a file; None if it does not exist."""
        try:
            with self._reaching("read", self.shown(name)):
                size: int = self._system.info(f"{self._root}/{name}")["size"]
        except FileNotFoundError:
            return None
        return size

    def write(self, name: str, content: bytes) -> None:
        """Write a file, replacing it as a whole if it exists."""
        try:
            with self._reaching("write", self.shown(name)):
                self._write(f"{self._root}/{name}", content)
        except FileNotFoundError:
            raise RemoteError(
                f"cannot write {self.shown(name)}: the bucket or folder does not exist; create it, or correct the URL"
            ) from None

    def _write(self, path: str, content: bytes) -> None:
        if not self._is_of(_LOCAL):
            self._system.pipe_file(path, content)
            return
        # An object appears as a whole, but a file of this machine can be read while it is written.
        unfinished = f"{path}.unfinished"
        self._system.pipe_file(unfinished, content)
        self._system.mv(unfinished, path)

    def _is_of(self, protocols: tuple[str, ...]) -> bool:
        known = self._system.protocol
        return not set(protocols).isdisjoint([known] if isinstance(known, str) else known)

    @contextmanager
    def _reaching(self, verb: str, url: str) -> Iterator[None]:
        """Turn what a library of fsspec raises into one sentence; a missing file stays a FileNotFoundError."""
        try:
            yield
        except (FileNotFoundError, IsADirectoryError):
            raise
        except Exception as error:
            # Each library has errors of its own, with no base in common.
            raise RemoteError(f"cannot {verb} {url}: {_reason(error)}") from None


def _configured_server() -> str | None:
    """Return the server of S3 that botocore will use instead of that of AWS; None if it is configured to use none."""
    from botocore.exceptions import BotoCoreError
    from botocore.session import Session

    server = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    session = Session()
    try:
        if session.get_config_variable("ignore_configured_endpoint_urls"):
            return None
        profile = session.get_scoped_config()
        services = session.full_config.get("services", {}).get(profile.get("services"), {})
        return server or services.get("s3", {}).get("endpoint_url") or profile.get("endpoint_url")
    except (BotoCoreError, AttributeError):
        # Reading from the server says what is wrong with the configuration.
        return server


def _reason(error: Exception) -> str:
    text = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return " ".join(text.split())[:_LONGEST_REASON].rstrip(".")
