"""``python -m training release key``: make a key pair."""

import argparse
from pathlib import Path

from forecasting.errors import RequestError
from training.cli.programs import RELEASE
from training.publish.signing import make_key_pair


def main(arguments: list[str]) -> int:
    """Make a key pair; returns 0."""
    name: Path = _parser().parse_args(arguments).name
    if name.name in ("", ".."):
        raise RequestError(f"{name} does not name a key: give a name, such as {name / 'alice'}", field="key")
    private, public = name.with_name(f"{name.name}.pem"), name.with_name(f"{name.name}.pub.pem")
    key = make_key_pair(private, public)
    print(f"{private}: private key, to sign with; keep it secret")
    print(f"{public}: public key, to trust; {key}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=RELEASE.subcommand("key").name,
        description="Make an Ed25519 key pair: NAME.pem, which only you may read, and NAME.pub.pem. The private key "
        "has no passphrase.",
    )
    parser.add_argument("name", type=Path, metavar="NAME", help="name of the signer, as in alice or keys/alice")
    return parser
