"""Releases on disk: staging, publishing by rename, pruning, rolling back, and signing with private keys."""

import base64
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from forecasting.disk import locked, move_whole
from forecasting.errors import ReleaseError, RequestError, UnknownNameError
from forecasting.extras import needs_extra
from forecasting.models.metadata import digest
from forecasting.releases.release import (
    MANIFEST,
    UNFINISHED,
    Manifest,
    ManifestEntry,
    Release,
    current_version,
    dataset_names,
    point_current,
    refuse_if_older,
    replace_text,
    signed_releases,
    versions,
)
from forecasting.releases.trust import (
    ALGORITHM,
    PURPOSE,
    SIGNATURES,
    Signature,
    SignatureFile,
    TrustedKeys,
    fingerprint,
    read_signatures,
    signed_bytes,
)
from forecasting.wording import available

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Written = TypeVar("Written")


def make_key_pair(private: Path, public: Path) -> str:
    """Write a new private key, which only the user may read, and its public key; returns the fingerprint."""
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

    ``passphrase`` is called only if the key is encrypted.
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

    Signatures of other keys over the same manifest are kept. A signature file that cannot be used is replaced. A
    rollback gives the release a ``number``.
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


def next_version(dataset: Path, now: datetime | None = None) -> str:
    """Return the version for a release made ``now``, which sorts after every version and number of ``dataset``."""
    moment = now or datetime.now(UTC)
    existing = sorted([*versions(dataset), *numbers(dataset)])
    while existing and f"{moment:%Y%m%dT%H%M%SZ}" <= existing[-1]:
        moment = datetime.strptime(existing[-1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) + timedelta(seconds=1)
    return f"{moment:%Y%m%dT%H%M%SZ}"


def made_at(version: str) -> str:
    """Return the time of a version, ISO 8601."""
    return datetime.strptime(version, "%Y%m%dT%H%M%SZ").strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def writing_to(dataset: Path) -> Iterator[None]:
    """Raise ReleaseError where the block cannot write to the folder of a dataset's releases."""
    try:
        yield
    except OSError as error:
        raise ReleaseError(f"cannot write the release to {dataset}: {error.strerror or error}") from None


@contextmanager
def staging(dataset: Path) -> Iterator[Path]:
    """Yield an empty folder to write a release into, removed at the end of the block unless it was published.

    It is created beside the releases, so that a rename can publish it, and locked while in use. Folders without a lock
    were left behind by killed processes; this removes them.
    """
    existed = dataset.exists()
    with writing_to(dataset):
        dataset.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(dataset)
        folder = dataset / f"{UNFINISHED}{secrets.token_hex(4)}"
        try:
            folder.mkdir(mode=0o700)
            with locked(folder):
                yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            if not existed and not any(dataset.iterdir()):
                dataset.rmdir()


def _remove_abandoned(dataset: Path) -> None:
    for entry in dataset.glob(f"{UNFINISHED}*"):
        with suppress(FileNotFoundError), locked(entry, 0) as is_abandoned:
            if is_abandoned and entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)
            elif is_abandoned:
                entry.unlink()


def publish_next(dataset: Path, write: Callable[[Path, str], Written]) -> tuple[Path, Written]:
    """Publish the next release of a dataset, which does not serve yet.

    For a version, ``write`` writes all files but the manifest into a folder.
    """
    with staging(dataset) as stage:
        version = next_version(dataset)
        written = write(stage, version)
        return publish(stage, dataset, version), written


def publish(folder: Path, dataset: Path, version: str) -> Path:
    """Seal ``folder`` and rename it to its version; returns the new path. The release does not serve yet."""
    seal(folder, dataset.name, version)
    folder.chmod(0o755)
    target = dataset / version
    try:
        move_whole(folder, target)
    except OSError as error:
        raise ReleaseError(f"cannot publish {target}: {error.strerror}") from None
    return target


def seal(folder: Path, dataset: str, version: str) -> None:
    """Write the manifest of a release, with the digest of every other file in ``folder``."""
    files = {
        str(file.relative_to(folder)): ManifestEntry(sha256=digest(content := file.read_bytes()), bytes=len(content))
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name not in (MANIFEST, SIGNATURES)
    }
    manifest = Manifest(dataset=dataset, version=version, files=files)
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")


def prune(dataset: Path, keep: int, new: str | None = None) -> list[str]:
    """Remove old releases except the ``keep`` newest, the one that serves and ``new``; returns the removed versions."""
    spared = {current_version(dataset), new}
    old = [version for version in versions(dataset) if version not in spared]
    removed = old[: max(len(old) - keep, 0)]
    for version in removed:
        shutil.rmtree(dataset / version)
    return removed


def rollback(
    artifacts: Path,
    name: str,
    version: str | None = None,
    trusted: TrustedKeys | None = None,
    key: "Ed25519PrivateKey | None" = None,
) -> str:
    """Make another release of a dataset serve, by default the one before the current; returns its version.

    If there are ``trusted`` keys, one must have signed the release and the rollback. To sign the rollback, ``key``
    gives the release a number after those of all others.
    """
    if name not in dataset_names(artifacts):
        raise UnknownNameError(f"no dataset {name!r} in {artifacts}; {available(dataset_names(artifacts))}")
    dataset = artifacts / name
    existing = versions(dataset)
    if version is None:
        older = [candidate for candidate in existing if candidate < (current_version(dataset) or "")]
        if not older:
            raise ReleaseError(f"{dataset} has no release older than the one that serves")
        version = older[-1]
    elif version not in existing:
        raise UnknownNameError(f"no release {version!r} of {name}; {available(existing)}")
    if key is not None:
        sign(dataset / version, key, next_version(dataset))
    if trusted is not None:
        release = Release.open(dataset / version, trusted)
        refuse_if_older(release.path, release.number, signed_releases(dataset, trusted))
    point_current(dataset, version)
    return version
