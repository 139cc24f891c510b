"""``python -m training release verify``: check the files and signatures of releases."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from forecasting.errors import ReleaseError
from forecasting.releases.release import MANIFEST, Release, current_version, signed_releases
from forecasting.releases.release_folders import release_folders
from forecasting.releases.signatures import SIGNATURES, SignatureFile, read_signatures
from forecasting.releases.trusted_keys import Signer, TrustedKeys
from forecasting.wording import counted, listed
from training.cli.programs import RELEASE
from training.cli.release.options import add_paths, add_trusted_keys

VERIFIED, REFUSED = 0, 1


def main(arguments: list[str]) -> int:
    """Verify releases; returns the exit status: 0 if all can be trusted, 1 if one cannot."""
    options = _parser().parse_args(arguments)
    trusted = TrustedKeys.chosen(options.trusted_key)
    folders = [folder for path in options.paths for folder in release_folders(path)]
    return max(_verify(folder, trusted) for folder in folders)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=RELEASE.subcommand("verify").name,
        description="Check that the files of releases match their manifests, and that trusted keys signed them.",
        epilog="Exit status: 0 if every release can be trusted, 1 if one cannot, 2 after any other error. Without a "
        "trusted key, only the files are checked.",
    )
    add_paths(parser)
    add_trusted_keys(parser)
    return parser


def _verify(folder: Path, trusted: TrustedKeys | None) -> int:
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
                signed.refuse_if_older(signed_releases(folder.parent, trusted))
    except ReleaseError as error:
        print(f"  refused     {error}")
        return REFUSED
    print(f"  verified    {_verdict(problems, trusted)}")
    return REFUSED if problems else VERIFIED


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
    rollback = "" if signer.number is None else f" for the rollback {signer.number}"
    return f"{signer.name} ({signer.key}), {'valid' if signer.valid else 'not valid'}{rollback}"


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
