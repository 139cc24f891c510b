"""The signatures of a release: ``manifest.sig``, beside the manifest whose bytes it signs."""

import base64
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BaseModel, Field, ValidationError

from forecasting.errors import ReleaseError
from forecasting.extras import needs_extra

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
        number: that a rollback gave the release, in the form of a version; None if its version is its number.
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
        dataset: of the release.
        version: of the release.
        manifest: sha256 of the manifest.
        signatures: of one or more signers.
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
