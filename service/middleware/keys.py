"""API keys: who may call. Keys are stored as digests, in a file or the environment, and never in the clear."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from typing import Final

from forecasting.errors import RequestError
from service.settings import Settings

MAX_NAME: Final = 32

_KEY_BYTES: Final = 32
_MAX_PRESENTED: Final = 512
# Shorter than a key, so that a key in the wrong field is refused before it can turn up in a log as a name.
NAME: Final = rf"[A-Za-z0-9._-]{{1,{MAX_NAME}}}"
_NAME: Final = re.compile(NAME)
_DIGEST: Final = re.compile(r"[0-9A-Fa-f]{64}")
_PREFIX: Final = 8


class Role(StrEnum):
    """What a key may do: forecast; also write stations and their readings; or everything."""

    FORECAST = "forecast"
    STATION = "station"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Key:
    """The key of one caller."""

    name: str
    role: Role
    digest: bytes = field(repr=False)
    place: str = field(default="", repr=False, compare=False)

    @property
    def line(self) -> str:
        """The line of a keys file for this key."""
        return f"{self.name}:{self.role}:{self.digest.hex()}"


ANONYMOUS: Final = Key("anonymous", Role.FORECAST, digest=b"")
"""All callers without a key together, where ``SST_ALLOW_ANONYMOUS=true`` lets them call."""


class Keys:
    """An immutable set of keys."""

    def __init__(self, keys: Sequence[Key] = ()) -> None:
        names: dict[str, Key] = {}
        by_prefix: dict[bytes, Key] = {}
        for key in keys:
            _refuse_second(key, names.setdefault(key.name, key), "name")
            _refuse_second(key, by_prefix.setdefault(key.digest[:_PREFIX], key), "key")
        self._by_prefix = by_prefix
        self.names = frozenset(names)
        self.has_admin = any(key.role is Role.ADMIN for key in keys)
        self.has_station = self.has_admin or any(key.role is Role.STATION for key in keys)

    @classmethod
    def parse(cls, text: str, source: str) -> "Keys":
        """Parse the keys in ``text``, a line each as ``name:role:sha256``; skip empty lines and ``#`` comments."""
        lines = enumerate((line.strip() for line in text.splitlines()), start=1)
        return cls([_parse(line, f"{source} line {i}") for i, line in lines if line and not line.startswith("#")])

    @property
    def lines(self) -> str:
        """The content of a keys file with these keys."""
        return "\n".join(key.line for key in self._by_prefix.values())

    def __len__(self) -> int:
        return len(self._by_prefix)

    def __add__(self, other: "Keys") -> "Keys":
        return Keys([*self._by_prefix.values(), *other._by_prefix.values()])

    def find(self, presented: bytes) -> Key | None:
        """Return the key that was presented; None if it is unknown.

        The time this takes reveals nothing about any key: it compares digests, and in constant time
        (docs/decisions/0006-keys.md).
        """
        if len(presented) > _MAX_PRESENTED:
            return None
        digest = sha256(presented).digest()
        # The start of the digest selects the only candidate. The whole digest decides.
        key = self._by_prefix.get(digest[:_PREFIX])
        return key if key is not None and compare_digest(key.digest, digest) else None


def new_key(name: str, role: Role) -> tuple[str, Key]:
    """Return a new random key of 256 bits as text, and what is stored of it."""
    _refuse_bad_name(name, "--name")
    presented = secrets.token_urlsafe(_KEY_BYTES)
    return presented, Key(name, role, sha256(presented.encode()).digest())


def read_keys(settings: Settings) -> Keys:
    """Read the keys of ``SST_KEYS`` and ``SST_KEYS_FILE`` together."""
    keys = Keys.parse(settings.keys.get_secret_value(), "SST_KEYS")
    return keys if settings.keys_file is None else keys + _read_file(settings.keys_file)


def _read_file(path: Path) -> Keys:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise RequestError(f"cannot read the keys file {path}: {error.strerror}", field="keys_file") from None
    except UnicodeDecodeError:
        raise RequestError(f"the keys file {path} is not UTF-8 text", field="keys_file") from None
    keys = Keys.parse(text, str(path))
    if not keys:
        raise RequestError(
            f"the keys file {path} has no key: add a line that python -m service key --name NAME prints, or unset "
            "SST_KEYS_FILE",
            field="keys_file",
        )
    return keys


def _parse(line: str, place: str) -> Key:
    fields = [part.strip() for part in line.split(":")]
    if len(fields) != 3:
        raise RequestError(
            f"{place}: expected three fields, name:role:sha256, and got {len(fields)}; "
            "python -m service key --name NAME prints a valid line",
            field="keys",
        )
    name, role, digest = fields
    _refuse_bad_name(name, place)
    if role not in set(Role):
        raise RequestError(f"{place}: the role of a key must be forecast, station or admin", field="keys")
    if not _DIGEST.fullmatch(digest):
        raise RequestError(
            f"{place}: the last field must be the SHA-256 of the key in 64 hexadecimal digits, never the key itself; "
            "python -m service key --name NAME prints a valid line",
            field="keys",
        )
    return Key(name, Role(role), bytes.fromhex(digest), place)


def _refuse_bad_name(name: str, place: str) -> None:
    if not _NAME.fullmatch(name):
        raise RequestError(
            f"{place}: the name of a key must be 1 to {MAX_NAME} letters, digits, dots, hyphens or underscores",
            field="keys",
        )
    if name == ANONYMOUS.name:
        raise RequestError(
            f"{place}: the name {name} is reserved for callers without a key; choose another", field="keys"
        )


def _refuse_second(key: Key, first: Key, item: str) -> None:
    if first is not key:
        raise RequestError(
            f"{key.place}: duplicate {item}, also at {first.place}; each key must have its own", field="keys"
        )
