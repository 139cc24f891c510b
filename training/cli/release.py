"""``sst release``: sign, verify and move releases, and go back to an older one. No command here needs torch."""

import argparse
import getpass
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from forecasting.console import Command, add_out, add_trusted_keys
from forecasting.errors import ReleaseError, RequestError
from forecasting.releases.release import (
    MANIFEST,
    Release,
    current_version,
    refuse_if_older,
    release_folders,
    signed_releases,
)
from forecasting.releases.remote.copies import Copied, pull, push, remote_releases
from forecasting.releases.remote.remote_folder import RemoteFolder
from forecasting.releases.trust import SIGNATURES, SignatureFile, Signer, TrustedKeys, fingerprint, read_signatures
from forecasting.wording import counted, listed
from training.cli import RELEASE, ROLLBACK
from training.publish.release import make_key_pair, read_private_key, rollback, sign

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

VERIFIED, UNTRUSTED = 0, 1
_RELEASES: Final = "a release, a dataset (its current release) or an artifacts folder (all current releases)"
"""The meanings of a path or URL."""


def _add_key_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", type=Path, metavar="NAME", help="name of the signer, as in alice or keys/alice")


def _key(options: argparse.Namespace) -> int:
    """Make a key pair."""
    name: Path = options.name
    if name.name in ("", ".."):
        raise RequestError(f"{name} does not name a key: give a name, such as {name / 'alice'}", field="key")
    private, public = name.with_name(f"{name.name}.pem"), name.with_name(f"{name.name}.pub.pem")
    key = make_key_pair(private, public)
    print(f"{private}: private key, to sign with; keep it secret")
    print(f"{public}: public key, to trust; {key}")
    return 0


def _add_pull_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", metavar="URL", help=f"{_RELEASES}, as in s3://bucket/artifacts/nino12")
    parser.add_argument(
        "destination",
        nargs="?",
        type=Path,
        default=Path("artifacts"),
        metavar="DIR",
        help="artifacts folder to copy to (default: %(default)s)",
    )
    _add_keep_current(parser)
    add_trusted_keys(parser)


def _pull(options: argparse.Namespace) -> int:
    trusted = TrustedKeys.chosen(options.trusted_key)
    for release in remote_releases(options.url):
        copied = pull(release, options.destination, trusted, make_current=not options.keep_current)
        _print_copied(copied, is_current=not options.keep_current)
    return 0


def _add_push_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, metavar="SOURCE", help=_RELEASES)
    parser.add_argument("url", metavar="URL", help="artifacts folder to copy to, as in s3://bucket/artifacts")
    _add_keep_current(parser)


def _push(options: argparse.Namespace) -> int:
    artifacts = RemoteFolder.open(options.url)
    for folder in release_folders(options.source):
        copied = push(folder, artifacts, make_current=not options.keep_current)
        _print_copied(copied, is_current=not options.keep_current)
    return 0


def _print_copied(copied: Copied, *, is_current: bool) -> None:
    """Print what a copy of a release did, and whether the release serves from now on."""
    serving = "; it is now current" if is_current else ""
    print(f"{copied.location}: {copied.copied} of {counted(copied.files, 'file')} copied{serving}")


def _add_rollback_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="name of the dataset")
    parser.add_argument(
        "version", nargs="?", metavar="VERSION", help="version to serve (default: the one before the current release)"
    )
    add_out(parser)
    _add_private_key(parser, required=False)


def _rollback(options: argparse.Namespace) -> int:
    """Make another release of a dataset serve."""
    key = None if options.key is None else _private_key(options)
    version = rollback(options.out, options.name, options.version, TrustedKeys.chosen(()), key)
    print(f"{options.out / options.name}: {version} is now serving")
    return 0


def _add_sign_options(parser: argparse.ArgumentParser) -> None:
    _add_paths(parser)
    _add_private_key(parser, required=True)


def _sign(options: argparse.Namespace) -> int:
    key = _private_key(options)
    for folder in [folder for path in options.paths for folder in release_folders(path)]:
        sign(folder, key)
        print(f"{folder}: signed by {fingerprint(key.public_key())}")
    return 0


def _add_verify_options(parser: argparse.ArgumentParser) -> None:
    _add_paths(parser)
    add_trusted_keys(parser)


def _verify(options: argparse.Namespace) -> int:
    """Verify releases; returns the exit status: 0 if all can be trusted, 1 if one cannot."""
    trusted = TrustedKeys.chosen(options.trusted_key)
    folders = [folder for path in options.paths for folder in release_folders(path)]
    return max(_verify_release(folder, trusted) for folder in folders)


def _verify_release(folder: Path, trusted: TrustedKeys | None) -> int:
    """Print what is known of one release; returns the exit status."""
    print(folder)
    try:
        release = Release.open(folder)
        manifest = (folder / MANIFEST).read_bytes()
        content = read_signatures(folder)
        file = None if content is None else SignatureFile.parse(content, str(folder))
        print(f"  signatures  {_signatures_text(manifest, file, trusted)}")
        problems = _file_problems(release)
        total = counted(len(release.manifest.files), "file")
        print(f"  files       {f'{total} as in the manifest' if not problems else listed(problems)}")
        if others := _unlisted(release):
            print(f"  unlisted    {listed(others)}: not in the manifest, so no program uses them")
        if trusted is not None:
            signed = Release.open(folder, trusted)
            if current_version(folder.parent) == folder.name:
                refuse_if_older(signed.path, signed.number, signed_releases(folder.parent, trusted))
    except ReleaseError as error:
        print(f"  refused     {error}")
        return UNTRUSTED
    print(f"  verified    {_verdict(problems, trusted)}")
    return UNTRUSTED if problems else VERIFIED


def _verdict(problems: Sequence[str], trusted: TrustedKeys | None) -> str:
    if problems:
        return "no: restore the release"
    return "files and signature" if trusted is not None else "files only, as no trusted key is given"


def _signatures_text(manifest: bytes, file: SignatureFile | None, trusted: TrustedKeys | None) -> str:
    if file is None:
        return f"none: there is no {SIGNATURES}"
    if trusted is None:
        return "; ".join(f"{signature.key}, not checked" for signature in file.signatures)
    return "; ".join(_signer_text(signer) for signer in trusted.signers(manifest, file))


def _signer_text(signer: Signer) -> str:
    if signer.name is None:
        return f"{signer.key}, not trusted"
    number = "" if signer.number is None else f" for the rollback {signer.number}"
    return f"{signer.name} ({signer.key}), {'valid' if signer.valid else 'not valid'}{number}"


def _file_problems(release: Release) -> list[str]:
    problems = []
    for name in release.manifest.files:
        try:
            release.read(name)
        except ReleaseError as error:
            problems.append(str(error))
    return problems


def _unlisted(release: Release) -> list[str]:
    known = {MANIFEST, SIGNATURES, *release.manifest.files}
    files = (str(path.relative_to(release.path)) for path in release.path.rglob("*") if path.is_file())
    return sorted(name if name.isprintable() else repr(name) for name in files if name not in known)


def _add_paths(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help=_RELEASES)


def _add_keep_current(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--keep-current", action="store_true", help="do not make the copied release current")


def _add_private_key(parser: argparse.ArgumentParser, *, required: bool) -> None:
    parser.add_argument(
        "--key", type=Path, required=required, metavar="FILE", help="PEM file with the Ed25519 private key to sign with"
    )
    parser.add_argument(
        "--passphrase-file", type=Path, metavar="FILE", help="file with the passphrase of the key, if it has one"
    )


def _private_key(options: argparse.Namespace) -> "Ed25519PrivateKey":
    """Read the key that ``--key`` names, and ask for its passphrase if it has one that no file holds."""
    return read_private_key(options.key, lambda: _passphrase(options.key, options.passphrase_file))


def _passphrase(key: Path, file: Path | None) -> str:
    if file is None:
        return getpass.getpass(f"passphrase of {key}: ")
    try:
        return file.read_text().rstrip("\n")
    except OSError as error:
        raise RequestError(f"cannot read {file}: {error.strerror}", field="key") from None
    except UnicodeDecodeError:
        raise RequestError(f"cannot read {file}: it is not text", field="key") from None


KEY_COMMAND: Final = Command(
    RELEASE.subcommand("key"),
    "Make an Ed25519 key pair: NAME.pem, which only you may read, and NAME.pub.pem. The private key has no passphrase.",
    _add_key_options,
    _key,
)
PULL_COMMAND: Final = Command(
    RELEASE.subcommand("pull"),
    "Copy releases from another place, such as a bucket of S3, and check every file. A release appears only when it is "
    "complete. A copy that was interrupted continues where it stopped.",
    _add_pull_options,
    _pull,
)
PUSH_COMMAND: Final = Command(
    RELEASE.subcommand("push"),
    "Copy releases to another place, such as a bucket of S3: files first, then the manifest and its signatures, and "
    "finally the file that says which release is current. Files that are there already are not copied again.",
    _add_push_options,
    _push,
)
ROLLBACK_COMMAND: Final = Command(
    RELEASE.subcommand("rollback"),
    "Serve another release. Where releases have to be signed, going back has to be signed too.",
    _add_rollback_options,
    _rollback,
)
OLD_ROLLBACK_COMMAND: Final = ROLLBACK_COMMAND._replace(program=ROLLBACK)
SIGN_COMMAND: Final = Command(
    RELEASE.subcommand("sign"),
    "Check the files of releases, and sign their manifests. Signatures of other keys are kept.",
    _add_sign_options,
    _sign,
)
VERIFY_COMMAND: Final = Command(
    RELEASE.subcommand("verify"),
    "Check that the files of releases match their manifests, and that trusted keys signed them.",
    _add_verify_options,
    _verify,
    "Exit status: 0 if every release can be trusted, 1 if one cannot, 2 after any other error. Without a trusted key, "
    "only the files are checked.",
)
