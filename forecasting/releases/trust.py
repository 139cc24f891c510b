"""The public keys that releases have to be signed with."""

import base64
import hashlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BaseModel, Field, ValidationError

from forecasting.errors import ReleaseError, RequestError
from forecasting.extras import needs_extra
from forecasting.models.metadata import digest
from forecasting.wording import available, listed

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


SIGNATURES: Final = "manifest.sig"
ALGORITHM: Final = "ed25519"
PURPOSE: Final = "Signing and verifying releases"
"""What the extra ``signing`` is for, in the sentence where it is missing."""

_SHOWN: Final = len("sha256:") + 16
"""Characters of a fingerprint in a sentence."""


_Word = Annotated[str, Field(pattern=r"^[!-~]{1,100}$")]
"""Text that a terminal can show: nobody has vouched for the file yet."""


class Signature(BaseModel, frozen=True):
    """A signature over the bytes of a manifest and, after a rollback, the number of the release.

    Attributes:
        key: fingerprint of the public key, as :func:`fingerprint` returns it.
        algorithm: ``ed25519`` (RFC 8032).
        signature: 64 bytes in base64.
        number: number that a rollback gave the release, in the form of a version; None if its version is its number.
    """

    key: _Word
    algorithm: _Word
    signature: _Word
    number: Annotated[str, Field(pattern=r"^\d{8}T\d{6}Z$")] | None = None

    def is_by(self, key: "Ed25519PublicKey", content: bytes) -> bool:
        """Return whether ``key`` signed the manifest ``content``."""
        with needs_extra("signing", PURPOSE):
            from cryptography.exceptions import InvalidSignature
        try:
            key.verify(base64.b64decode(self.signature, validate=True), signed_bytes(content, self.number))
        except (InvalidSignature, ValueError):
            return False
        return self.algorithm == ALGORITHM


class SignatureFile(BaseModel, frozen=True):
    """The content of ``manifest.sig``.

    Only :attr:`signatures` prove anything. The other fields are not signed: they say what was signed, so that an error
    can tell a changed manifest from the signature of another release.

    Attributes:
        manifest: sha256 of the manifest.
    """

    dataset: _Word
    version: _Word
    manifest: _Word
    signatures: tuple[Signature, ...]

    @classmethod
    def parse(cls, content: bytes, release: str) -> "SignatureFile":
        """Parse the content of the file.

        Raises:
            ReleaseError: if it is not a signature file.
        """
        try:
            return cls.model_validate_json(content)
        except ValidationError as error:
            raise ReleaseError(
                f"{release}: {SIGNATURES} cannot be used: {error.errors()[0]['msg']}; sign the release again"
            ) from None


def signed_bytes(manifest: bytes, number: str | None) -> bytes:
    """Return what a signature is over: the manifest and, after a rollback, a line with the number of the release."""
    return manifest if number is None else manifest + f"number {number}\n".encode()


def read_signatures(folder: Path) -> bytes | None:
    """Return the content of the signature file in the folder of a release; None if there is none.

    Raises:
        ReleaseError: if the file cannot be read.
    """
    try:
        return (folder / SIGNATURES).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ReleaseError(f"cannot read {folder / SIGNATURES}: {error.strerror}") from None


def fingerprint(key: "Ed25519PublicKey") -> str:
    """Return the fingerprint of a public key: ``sha256:`` and the digest of its DER form (SubjectPublicKeyInfo)."""
    with needs_extra("signing", PURPOSE):
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"sha256:{hashlib.sha256(der).hexdigest()}"


def shortened(key: str) -> str:
    """Return the beginning of a fingerprint, for a sentence: ``sha256:0123456789abcdef…``."""
    return key if len(key) <= _SHOWN else f"{key[:_SHOWN]}…"


FIELD: Final = "trusted_keys"
VARIABLE: Final = "SST_TRUSTED_KEYS"
"""The environment variable that names the keys to trust."""

_PEM: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)


@dataclass(frozen=True)
class Signer:
    """Who signed a release.

    Attributes:
        name: name of the file with the trusted key, without its endings; None if the key is not trusted.
        key: fingerprint of the key.
        valid: whether the signature is that of the key; None if the key is not trusted, so this is not known.
        number: number that a rollback gave the release; None if its version is its number.
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
