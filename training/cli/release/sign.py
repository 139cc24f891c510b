"""``python -m training release sign``: sign releases with a private key."""

import argparse

from forecasting.releases.release_folders import release_folders
from forecasting.releases.signatures import fingerprint
from training.cli.programs import RELEASE
from training.cli.release.options import add_paths, add_private_key, private_key
from training.publish.signing import sign


def main(arguments: list[str]) -> int:
    """Sign releases; returns 0."""
    options = _parser().parse_args(arguments)
    key = private_key(options)
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
    add_private_key(parser, required=True)
    return parser
