"""``python -m training release sign``: sign releases with a private key."""

import argparse
import getpass
from pathlib import Path

from forecasting.errors import RequestError
from forecasting.releases.release_folders import release_folders
from forecasting.releases.signatures import fingerprint
from training.cli.programs import RELEASE
from training.cli.release.options import add_paths
from training.publish.signing import read_private_key, sign


def main(arguments: list[str]) -> int:
    """Sign releases; returns 0."""
    options = _parser().parse_args(arguments)
    key = read_private_key(options.key, lambda: _passphrase(options.key, options.passphrase_file))
    for folder in [folder for path in options.paths for folder in release_folders(path)]:
        sign(folder, key)
        print(f"{folder}: signed by {fingerprint(key.public_key())}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=RELEASE.subcommand("sign").name,
        description="Check the files of releases, and sign their manifests. Signatures of other keys are kept.",
    )
    add_paths(parser)
    parser.add_argument("--key", type=Path, required=True, metavar="FILE", help="PEM file with the Ed25519 private key")
    parser.add_argument(
        "--passphrase-file", type=Path, metavar="FILE", help="file with the passphrase of the key, if it has one"
    )
    return parser


def _passphrase(key: Path, file: Path | None) -> str:
    if file is None:
        return getpass.getpass(f"passphrase of {key}: ")
    try:
        return file.read_text().rstrip("\n")
    except OSError as error:
        raise RequestError(f"cannot read {file}: {error.strerror}", field="key") from None
    except UnicodeDecodeError:
        raise RequestError(f"cannot read {file}: it is not text", field="key") from None
