"""Signing releases with private keys."""

import base64
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from forecasting.errors import ReleaseError, RequestError
from forecasting.extras import needs_extra
from forecasting.networks.metadata import digest
from forecasting.releases.current import replace_text
from forecasting.releases.release import MANIFEST, Release, versions
from forecasting.releases.signatures import (
    ALGORITHM,
    PURPOSE,
    SIGNATURES,
    Signature,
    SignatureFile,
    fingerprint,
    read_signatures,
    signed_bytes,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def make_key_pair(private: Path, public: Path) -> str:
    """Write a new private key, which only the user may read, and its public key; returns the fingerprint.

    Raises:
        RequestError: if a file exists or cannot be written.
    """
    with needs_extra("signing", PURPOSE):
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            NoEncryption,
            PrivateFormat,
            PublicFormat,
        )
    key = Ed25519PrivateKey.generate()
    _write_new(public, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), 0o644)
    try:
        _write_new(private, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
    except RequestError:
        public.unlink()
        raise
    return fingerprint(key.public_key())


def read_private_key(path: Path, passphrase: Callable[[], str]) -> "Ed25519PrivateKey":
    """Read an Ed25519 private key from a PEM file, as ``openssl genpkey -algorithm ed25519`` writes it.

    Args:
        path: of the file.
        passphrase: returns the passphrase; called only if the key is encrypted.

    Raises:
        RequestError: if the file cannot be read, or holds anything else, or the passphrase is wrong.
    """
    with needs_extra("signing", PURPOSE):
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RequestError(f"cannot read {path}: {error.strerror}", field="key") from None
    encrypted = b"ENCRYPTED" in content
    try:
        key = load_pem_private_key(content, passphrase().encode() if encrypted else None)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        if encrypted:
            raise RequestError(f"{path} cannot be decrypted: check the passphrase", field="key") from None
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise RequestError(
            f"{path} does not hold an Ed25519 private key in PEM form: make one with sst release key", field="key"
        )
    return key


def sign(folder: Path, key: "Ed25519PrivateKey", number: str | None = None) -> SignatureFile:
    """Sign the manifest of the release in ``folder``, after checking its files; returns all its signatures.

    Signatures of other keys over the same manifest are kept. A signature file that cannot be used is replaced.

    Args:
        folder: of the release.
        key: that signs.
        number: that a rollback gives the release; None for a signature of the release as it was made.

    Raises:
        ReleaseError: if the release does not match its manifest, or the signature cannot be written.
    """
    release = Release.open(folder)
    for name in release.manifest.files:
        release.read(name)
    manifest = (folder / MANIFEST).read_bytes()
    new = Signature(
        key=fingerprint(key.public_key()),
        algorithm=ALGORITHM,
        signature=base64.b64encode(key.sign(signed_bytes(manifest, number))).decode(),
        number=number,
    )
    others = [
        signature
        for signature in _signatures_over(manifest, folder)
        if (signature.key, signature.number is None) != (new.key, number is None)
    ]
    file = SignatureFile(
        dataset=release.dataset, version=release.version, manifest=digest(manifest), signatures=(*others, new)
    )
    path = folder / SIGNATURES
    try:
        replace_text(path, file.model_dump_json(indent=1, exclude_none=True) + "\n")
    except OSError as error:
        raise ReleaseError(f"cannot write {path}: {error.strerror}") from None
    return file


def numbers(dataset: Path) -> list[str]:
    """Return the numbers that rollbacks gave releases in the folder of a dataset. Nothing of it is verified."""
    found = []
    for version in versions(dataset):
        with suppress(OSError, ReleaseError):
            manifest = (dataset / version / MANIFEST).read_bytes()
            found += [signature.number for signature in _signatures_over(manifest, dataset / version)]
    return [number for number in found if number is not None]


def _signatures_over(manifest: bytes, folder: Path) -> tuple[Signature, ...]:
    content = read_signatures(folder)
    if content is None:
        return ()
    try:
        file = SignatureFile.parse(content, str(folder))
    except ReleaseError:
        # Signing again is what repairs such a file.
        return ()
    return file.signatures if file.manifest == digest(manifest) else ()


def _write_new(path: Path, content: bytes, mode: int) -> None:
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
    except FileExistsError:
        raise RequestError(
            f"{path} exists: choose another name, since a lost key cannot be restored", field="key"
        ) from None
    except OSError as error:
        raise RequestError(f"cannot write {path}: {error.strerror}", field="key") from None
