import base64
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sst
from forecasting.models.metadata import digest
from tests.signing import make_key, make_release, sign
from training.publish.release import seal

VERSION = "20260101T000000Z"


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    """Two releases, signed by alice."""
    private, _ = make_key(tmp_path, "alice")
    for name in ("nino12", "buoy"):
        make_release(tmp_path / "artifacts", name, VERSION, {"gru.pt": name.encode(), "evaluated/gru.pt": b"network"})
    sign(tmp_path / "artifacts", private)
    return tmp_path / "artifacts"


@pytest.fixture
def release(artifacts: Path) -> Path:
    return artifacts / "nino12" / VERSION


@pytest.fixture
def alice(artifacts: Path) -> Path:
    return artifacts.parent / "alice.pub.pem"


def verify(path: Path, *keys: Path) -> int:
    return sst.run(["release", "verify", str(path), *(part for key in keys for part in ("--trusted-key", str(key)))])


def test_a_signed_release_is_verified_with_the_name_of_its_signer(
    release: Path, alice: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert verify(release, alice) == 0
    key = json.loads((release / "manifest.sig").read_bytes())["signatures"][0]["key"]
    assert capsys.readouterr().out == (
        f"{release}\n"
        f"  signatures  alice ({key}), valid\n"
        "  files       2 files as in the manifest\n"
        "  verified    files and signature\n"
    )


def test_a_dataset_means_its_current_release_and_a_folder_of_datasets_all_of_them(
    artifacts: Path, alice: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert verify(artifacts / "buoy", alice) == 0
    assert verify(artifacts, alice) == 0
    releases = [line for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")]
    assert releases == [str(artifacts / name / VERSION) for name in ("buoy", "buoy", "nino12")]


def alter(release: Path) -> None:
    (release / "evaluated" / "gru.pt").write_bytes(b"another")


def alter_and_hash_again(release: Path) -> None:
    alter(release)
    seal(release, "nino12", VERSION)


def edit(release: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change what a signature file says."""
    file = json.loads((release / "manifest.sig").read_bytes())
    change(file)
    (release / "manifest.sig").write_text(json.dumps(file))


def pretend_that_it_was_signed(release: Path) -> None:
    alter_and_hash_again(release)
    edit(release, lambda file: file.update(manifest=digest((release / "manifest.json").read_bytes())))


def write_lines_with_the_name_of_a_key(release: Path) -> None:
    lines = "\n  verified    files and signature"
    edit(release, lambda file: file["signatures"][0].update(key=file["signatures"][0]["key"] + lines))


def move_to_another_dataset(release: Path) -> None:
    shutil.rmtree(release.parent.parent / "buoy" / VERSION)
    shutil.copytree(release, release.parent.parent / "buoy" / VERSION)
    (release / "manifest.json").write_text((release / "manifest.json").read_text().replace("nino12", "buoy"))


def garble_the_signature(release: Path) -> None:
    (release / "manifest.sig").write_bytes(b"\xff")


def sign_by_nobody(release: Path) -> None:
    edit(release, lambda file: file.update(signatures=[]))


@pytest.mark.parametrize(
    ("tamper", "sentence"),
    [
        (alter, "evaluated/gru.pt has changed since it was published"),
        (alter_and_hash_again, "the manifest has changed since alice (sha256:"),
        (
            lambda release: shutil.copy(release.parent.parent / "buoy" / VERSION / "manifest.sig", release),
            "manifest.sig belongs to buoy 20260101T000000Z",
        ),
        (pretend_that_it_was_signed, "the signature of alice (sha256:"),
        (lambda release: (release / "manifest.sig").unlink(), "is not signed: it has no manifest.sig"),
        (garble_the_signature, "manifest.sig cannot be used"),
        (
            lambda release: edit(release, lambda file: file["signatures"][0].update(algorithm="none")),
            "is not valid: sign the release again",
        ),
        (write_lines_with_the_name_of_a_key, "manifest.sig cannot be used"),
        (sign_by_nobody, "is signed by no key"),
        (move_to_another_dataset, "the manifest belongs to buoy 20260101T000000Z"),
    ],
)
def test_a_release_that_cannot_be_trusted_is_refused_with_the_reason(
    release: Path,
    alice: Path,
    capsys: pytest.CaptureFixture[str],
    tamper: Callable[[Path], None],
    sentence: str,
) -> None:
    capsys.readouterr()
    tamper(release)
    assert verify(release, alice) == 1
    lines = capsys.readouterr().out
    assert sentence in lines
    assert "files and signature" not in lines


def test_a_key_that_is_not_trusted_is_named(release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, bob = make_key(tmp_path, "bob")
    assert verify(release, bob) == 1
    assert "which is not trusted: trust that key, or sign the release with a trusted one, available: bob" in (
        capsys.readouterr().out
    )


def test_several_people_sign_a_release_and_any_of_them_is_enough(release: Path, alice: Path, tmp_path: Path) -> None:
    private, bob = make_key(tmp_path, "bob")
    sign(release, private)
    sign(release, private)
    assert len(json.loads((release / "manifest.sig").read_bytes())["signatures"]) == 2
    assert (verify(release, alice), verify(release, bob)) == (0, 0)


def test_signing_an_altered_manifest_drops_the_signatures_of_the_old_one(
    release: Path, alice: Path, tmp_path: Path
) -> None:
    private, bob = make_key(tmp_path, "bob")
    alter_and_hash_again(release)
    sign(release, private)
    assert (verify(release, alice), verify(release, bob)) == (1, 0)


@pytest.mark.parametrize("damage", [garble_the_signature, write_lines_with_the_name_of_a_key, sign_by_nobody])
def test_signing_again_repairs_a_signature_file_that_cannot_be_used(
    release: Path, alice: Path, damage: Callable[[Path], None]
) -> None:
    damage(release)
    sign(release, alice.with_name("alice.pem"))
    assert verify(release, alice) == 0


def test_an_altered_release_is_not_signed(release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alter(release)
    assert sst.run(["release", "sign", str(release), "--key", str(tmp_path / "alice.pem")]) == 2
    assert "evaluated/gru.pt has changed since it was published" in capsys.readouterr().err


def test_the_keys_to_trust_may_be_a_folder_or_a_variable(
    release: Path, alice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, bob = make_key(tmp_path, "bob")
    folder = tmp_path / "keys"
    folder.mkdir()
    (folder / "both.pem").write_bytes(bob.read_bytes() + alice.read_bytes())
    assert verify(release, folder) == 0
    monkeypatch.setenv("SST_TRUSTED_KEYS", f"{bob}, {alice}")
    assert verify(release) == 0
    monkeypatch.setenv("SST_TRUSTED_KEYS", str(bob))
    assert verify(release) == 1


def test_without_trusted_keys_only_the_files_are_checked(release: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(release) == 0
    assert "verified    files only, as no trusted key is given" in capsys.readouterr().out
    alter(release)
    assert verify(release) == 1


def test_files_that_the_manifest_does_not_list_are_named(
    release: Path, alice: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (release / "notes.txt").write_text("hello")
    assert verify(release, alice) == 0
    assert "unlisted    notes.txt: not in the manifest, so no program uses them" in capsys.readouterr().out
    (release / "notes.txt").rename(release / "notes\n  verified")
    assert verify(release, alice) == 0
    assert "unlisted    'notes\\n  verified': not in the manifest" in capsys.readouterr().out


def test_openssl_makes_the_keys_and_verifies_the_signature(tmp_path: Path) -> None:
    release = make_release(tmp_path / "artifacts", "nino12", VERSION, {"gru.pt": b"network"})
    private, public, signature = (str(tmp_path / name) for name in ("carol.pem", "carol.pub.pem", "signature"))

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)

    openssl("genpkey", "-algorithm", "ed25519", "-out", private)
    openssl("pkey", "-in", private, "-pubout", "-out", public)
    sign(release, Path(private))
    assert verify(release, Path(public)) == 0
    (signed,) = json.loads((release / "manifest.sig").read_bytes())["signatures"]
    Path(signature).write_bytes(base64.b64decode(signed["signature"]))
    manifest = str(release / "manifest.json")
    openssl("pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin", "-in", manifest, "-sigfile", signature)


def test_an_encrypted_key_needs_its_passphrase(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    release = make_release(tmp_path / "artifacts", "nino12", VERSION, {"gru.pt": b"network"})
    key, right, wrong = tmp_path / "key.pem", tmp_path / "right", tmp_path / "wrong"
    right.write_text("sesame\n")
    wrong.write_text("open\n")
    options = ["-algorithm", "ed25519", "-aes-256-cbc", "-pass", f"file:{right}", "-out", str(key)]
    subprocess.run(["openssl", "genpkey", *options], check=True, capture_output=True)
    arguments = ["release", "sign", str(release), "--key", str(key), "--passphrase-file"]
    assert sst.run([*arguments, str(wrong)]) == 2
    assert "key.pem cannot be decrypted: check the passphrase" in capsys.readouterr().err
    assert sst.run([*arguments, str(tmp_path / "none")]) == 2
    error = f"sst release sign: cannot read {tmp_path / 'none'}: No such file or directory\n"
    assert capsys.readouterr().err == error
    assert sst.run([*arguments, str(right)]) == 0


def test_a_private_key_is_readable_by_its_owner_only_and_never_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    private, public = make_key(tmp_path, "alice")
    assert (private.stat().st_mode & 0o777, public.stat().st_mode & 0o777) == (0o600, 0o644)
    public.unlink()
    before = private.read_bytes()
    assert sst.run(["release", "key", str(tmp_path / "alice")]) == 2
    assert "alice.pem exists: choose another name" in capsys.readouterr().err
    assert (private.read_bytes(), public.exists()) == (before, False)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "cannot read the public key"),
        ("hello", "is not a PEM file"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "does not hold an Ed25519 public key"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "holds a private key: keep it secret"),
    ],
)
def test_a_key_that_cannot_be_trusted_is_refused(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, sentence: str
) -> None:
    key = tmp_path / "key.pub.pem"
    if content is not None:
        key.write_text(content)
    assert verify(release, key) == 2
    assert sentence in capsys.readouterr().err


def test_a_folder_without_keys_is_refused(release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "keys").mkdir()
    assert verify(release, tmp_path / "keys") == 2
    assert "keys has no *.pem file: add the public keys to trust" in capsys.readouterr().err


@pytest.mark.parametrize("path", ["none", "artifacts/nino12/none", "empty"])
def test_a_path_without_a_release_is_refused(
    artifacts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], path: str
) -> None:
    (tmp_path / "empty").mkdir()
    assert verify(tmp_path / path) == 2
    assert "name the folder of a release, of a dataset, or of all datasets" in capsys.readouterr().err


def test_a_path_may_be_relative(release: Path, alice: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(release)
    assert verify(Path(), alice) == 0
    monkeypatch.chdir(release / "evaluated")
    assert verify(Path(".."), alice) == 0


def test_a_list_of_trusted_keys_that_names_none_is_refused(
    release: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # "$ALICE,$BOB" without either variable.
    monkeypatch.setenv("SST_TRUSTED_KEYS", ",")
    assert verify(release) == 2
    sentence = "invalid setting SST_TRUSTED_KEYS: ',' names no key: name a PEM file, or leave the setting empty"
    assert sentence in capsys.readouterr().err
    monkeypatch.setenv("SST_TRUSTED_KEYS", " ")
    assert verify(release) == 0


@pytest.mark.parametrize("name", [".", ".."])
def test_a_key_needs_a_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert sst.run(["release", "key", name]) == 2
    assert f"{name} does not name a key: give a name, such as " in capsys.readouterr().err
