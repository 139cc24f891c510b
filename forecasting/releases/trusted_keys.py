"""The public keys that releases have to be signed with."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from forecasting.errors import ReleaseError, RequestError
from forecasting.extras import needs_extra
from forecasting.models.metadata import digest
from forecasting.releases.signatures import PURPOSE, SIGNATURES, Signature, SignatureFile, fingerprint, shortened
from forecasting.wording import available, listed

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FIELD: Final = "trusted_keys"
VARIABLE: Final = "SST_TRUSTED_KEYS"
"""The environment variable that names the keys to trust."""

_PEM: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)


@dataclass(frozen=True)
class Signer:
    """Who signed a release.

    Attributes:
        name: of the file with the trusted key, without its endings; None if the key is not trusted.
        key: fingerprint of the key.
        valid: whether the signature is that of the key; None if the key is not trusted, so this is not known.
        number: that a rollback gave the release; None if its version is its number.
    """

    name: str | None
    key: str
    valid: bool | None
    number: str | None


@dataclass(frozen=True)
class _TrustedKey:
    name: str
    key: "Ed25519PublicKey"


class TrustedKeys:
    """The public keys that releases have to be signed with. One valid signature by any of them is enough."""

    def __init__(self, keys: Mapping[str, _TrustedKey]) -> None:
        self._keys = keys

    @classmethod
    def read(cls, paths: Iterable[Path | str]) -> "TrustedKeys":
        """Read Ed25519 public keys.

        Args:
            paths: PEM files with one or more public keys, and folders of such files, named ``*.pem``.

        Raises:
            RequestError: if a file cannot be read, or holds anything but Ed25519 public keys.
            MissingExtraError: if the package ``cryptography`` is not installed.
        """
        keys: dict[str, _TrustedKey] = {}
        for path in paths:
            for file in _key_files(Path(path)):
                for key in _public_keys(file):
                    keys[fingerprint(key)] = _TrustedKey(file.name.partition(".")[0], key)
        return cls(keys)

    @classmethod
    def named(cls, paths: str) -> "TrustedKeys | None":
        """Read the keys that a setting names, separated by commas; None if it is empty.

        Raises:
            RequestError: as :meth:`read` does, or if a name is missing.
            MissingExtraError: as :meth:`read` does.
        """
        if not paths.strip():
            return None
        names = [name.strip() for name in paths.split(",") if name.strip()]
        if not names:
            # Commas alone are what unset variables leave: no reason to trust everyone.
            raise _unusable(f"{paths.strip()!r} names no key: name a PEM file, or leave the setting empty")
        return cls.read(names)

    @classmethod
    def chosen(cls, paths: Sequence[Path]) -> "TrustedKeys | None":
        """Read the keys in ``paths``; if there are none, those that :data:`VARIABLE` names; None if it names none.

        Raises:
            RequestError: as :meth:`read` does, or if a name in :data:`VARIABLE` is missing.
            MissingExtraError: as :meth:`read` does.
        """
        if paths:
            return cls.read(paths)
        try:
            return cls.named(os.environ.get(VARIABLE, ""))
        except RequestError as error:
            raise _unusable(f"invalid setting {VARIABLE}: {error}") from None

    @property
    def names(self) -> list[str]:
        """The names of the keys: their files, without endings."""
        return sorted({key.name for key in self._keys.values()})

    def check(self, manifest: bytes, signatures: bytes | None, release: str) -> str | None:
        """Refuse a release unless a trusted key signed its manifest.

        Returns the number that a rollback gave the release; None if its version is its number.

        Args:
            manifest: content of the manifest.
            signatures: content of the signature file; None if there is none.
            release: path of the release, for errors.

        Raises:
            ReleaseError: if no trusted key signed the manifest; says why.
        """
        if signatures is None:
            raise ReleaseError(
                f"{release} is not signed: it has no {SIGNATURES}; sign it with a trusted key ({', '.join(self.names)})"
            )
        file = SignatureFile.parse(signatures, release)
        signers = self.signers(manifest, file)
        if not any(signer.valid for signer in signers):
            raise ReleaseError(self._refusal(manifest, file, signers, release))
        return max((signer.number for signer in signers if signer.valid and signer.number), default=None)

    def signers(self, manifest: bytes, file: SignatureFile) -> list[Signer]:
        """Return who signed ``manifest``, in the order of the file."""
        return [self._signer(manifest, signature) for signature in file.signatures]

    def _signer(self, manifest: bytes, signature: Signature) -> Signer:
        trusted = self._keys.get(signature.key)
        if trusted is None:
            return Signer(None, signature.key, None, signature.number)
        return Signer(trusted.name, signature.key, signature.is_by(trusted.key, manifest), signature.number)

    def _refusal(self, manifest: bytes, file: SignatureFile, signers: Iterable[Signer], release: str) -> str:
        known = [f"{signer.name} ({shortened(signer.key)})" for signer in signers if signer.name is not None]
        if not known:
            unknown = listed([shortened(signer.key) for signer in signers], 4) or "no key"
            return (
                f"{release} is signed by {unknown}, which is not trusted: trust that key, or sign the release with a "
                f"trusted one, {available(self.names)}"
            )
        if file.manifest == digest(manifest):
            return f"{release}: the signature of {known[0]} is not valid: sign the release again"
        if Path(release).parts[-2:] != (file.dataset, file.version):
            return (
                f"{release}: {SIGNATURES} belongs to {file.dataset[:64]} {file.version[:64]}: restore the signature of "
                "this release, or sign it"
            )
        return (
            f"{release}: the manifest has changed since {known[0]} signed it: restore the release, or review it and "
            "sign it again"
        )


def _key_files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(path.glob("*.pem"))
    if not files:
        raise _unusable(f"{path} has no *.pem file: add the public keys to trust")
    return files


def _public_keys(file: Path) -> list["Ed25519PublicKey"]:
    with needs_extra("signing", PURPOSE):
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    try:
        blocks = list(_PEM.finditer(file.read_bytes()))
    except OSError as error:
        raise _unusable(f"cannot read the public key {file}: {error.strerror}") from None
    if not blocks:
        raise _unusable(f"{file} is not a PEM file: export the key with openssl pkey -pubout")
    keys = []
    for block in blocks:
        if b"PRIVATE" in block[1]:
            raise _unusable(f"{file} holds a private key: keep it secret, and name the file with its public key")
        try:
            key = load_pem_public_key(block[0])
        except (ValueError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, Ed25519PublicKey):
            raise _unusable(f"{file} does not hold an Ed25519 public key: make one with sst release key")
        keys.append(key)
    return keys


def _unusable(reason: str) -> RequestError:
    return RequestError(reason, field=FIELD)
