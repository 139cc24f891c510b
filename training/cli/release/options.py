"""Arguments that several subcommands of ``release`` share, and what they print of a copy."""

import argparse
import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from forecasting.errors import RequestError
from forecasting.releases.remote.push import Copied
from forecasting.releases.trusted_keys import VARIABLE
from forecasting.wording import counted
from training.publish.signing import read_private_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

RELEASES: Final = "a release, a dataset (its current release) or an artifacts folder (all current releases)"
"""The meanings of a path or URL."""


def add_paths(parser: argparse.ArgumentParser) -> None:
    """Add the paths of releases, at least one."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help=RELEASES)


def add_keep_current(parser: argparse.ArgumentParser) -> None:
    """Add ``--keep-current``."""
    parser.add_argument("--keep-current", action="store_true", help="do not make the copied release current")


def print_copied(copied: Copied, *, is_current: bool) -> None:
    """Print what a copy of a release did, and whether the release serves from now on."""
    serving = "; it is now current" if is_current else ""
    print(f"{copied.place}: {copied.copied} of {counted(copied.files, 'file')} copied{serving}")


def add_trusted_keys(parser: argparse.ArgumentParser) -> None:
    """Add ``--trusted-key``."""
    parser.add_argument(
        "--trusted-key",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help=f"PEM file with a public key, or a folder of them; repeatable (default: {VARIABLE})",
    )


def add_private_key(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """Add ``--key`` and ``--passphrase-file``."""
    parser.add_argument(
        "--key", type=Path, required=required, metavar="FILE", help="PEM file with the Ed25519 private key to sign with"
    )
    parser.add_argument(
        "--passphrase-file", type=Path, metavar="FILE", help="file with the passphrase of the key, if it has one"
    )


def private_key(options: argparse.Namespace) -> "Ed25519PrivateKey":
    """Read the key that ``--key`` names, and ask for its passphrase if it has one that no file holds.

    Raises:
        RequestError: if the key or the file with the passphrase cannot be used.
    """
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
