from hashlib import sha256
from pathlib import Path

import pytest
from pydantic import SecretStr

from forecasting.errors import RequestError
from service.middleware.keys import Key, Keys, Role, new_key, read_keys
from service.settings import Settings

PRESENTED, PIER = new_key("pier", Role.FORECAST)
ADMIN_PRESENTED, OPS = new_key("ops", Role.ADMIN)


def test_each_key_of_a_file_is_found_with_its_name_and_role() -> None:
    text = f"# who may call\n\n{PIER.line}\r\n  {OPS.line.upper().replace('OPS:ADMIN', 'ops:admin')}  \n#{OPS.line}\n"
    keys = Keys.parse(text, "keys")
    assert len(keys) == 2
    assert keys.has_admin
    assert keys.find(PRESENTED.encode()) == PIER
    assert keys.find(ADMIN_PRESENTED.encode()) == OPS


def test_an_unknown_key_is_not_found() -> None:
    keys = Keys([PIER, OPS])
    near = PRESENTED[:-1] + ("A" if PRESENTED[-1] != "A" else "B")
    for presented in (b"", near.encode(), PRESENTED.encode() + b"=", PIER.digest, PIER.digest.hex().encode()):
        assert keys.find(presented) is None
    assert Keys().find(PRESENTED.encode()) is None


def test_the_whole_digest_is_compared() -> None:
    for cut in (1, 8, 31):
        altered = PIER.digest[:cut] + bytes(byte ^ 1 for byte in PIER.digest[cut:])
        assert Keys([Key("pier", Role.FORECAST, altered)]).find(PRESENTED.encode()) is None


def test_a_key_of_any_length_is_answered() -> None:
    long = "k" * 65_536
    assert Keys([Key("long", Role.FORECAST, sha256(long.encode()).digest())]).find(long.encode()) is None


def test_new_keys_are_256_random_bits_and_differ() -> None:
    keys = {new_key("pier", Role.FORECAST)[0] for _ in range(100)}
    assert len(keys) == 100
    assert all(len(key) == 43 for key in keys)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (PRESENTED, "expected three fields, name:role:sha256, and got 1;"),
        (f"{PIER.line}:{PRESENTED}", "and got 4;"),
        (f"pier:forecast:{PRESENTED}", "64 hexadecimal digits, never the key itself"),
        (f"pier:forecast:{PIER.digest.hex()[:-1]}", "64 hexadecimal digits"),
        (f"pier:{PRESENTED}:{PIER.digest.hex()}", "the role of a key must be forecast, station or admin"),
        (f"pier:ADMIN:{PIER.digest.hex()}", "the role of a key must be forecast, station or admin"),
        (f"{PRESENTED}:forecast:{PIER.digest.hex()}", "the name of a key must be 1 to 32 letters"),
        (f":forecast:{PIER.digest.hex()}", "the name of a key must be 1 to 32 letters"),
        (f"anonymous:forecast:{PIER.digest.hex()}", "the name anonymous is reserved for callers without a key"),
        (f"ops:forecast:{PIER.digest.hex()}", "duplicate name, also at keys.txt line 2;"),
        (f"pier:forecast:{OPS.digest.hex()}", "duplicate key, also at keys.txt line 2;"),
    ],
    ids=["a key alone", "a field more", "a key, no digest", "a digit less", "a key as role", "a role in capitals",
         "a key as name", "no name", "a reserved name", "a name twice", "a key twice"],
)  # fmt: skip
def test_a_broken_line_is_reported_by_file_and_number_without_its_text(line: str, message: str) -> None:
    with pytest.raises(RequestError) as refused:
        Keys.parse(f"# keys\n{OPS.line}\n\n{line}\n", "keys.txt")
    sentence = str(refused.value)
    assert sentence.startswith("keys.txt line 4: ")
    assert message in sentence
    assert PRESENTED not in sentence
    assert PIER.digest.hex()[:-1] not in sentence


def test_no_repr_shows_a_digest() -> None:
    shown = repr(PIER) + repr(Keys([PIER])) + repr(Settings(keys=SecretStr(PIER.line)))
    assert PIER.digest.hex() not in shown
    assert repr(PIER.digest) not in shown


def test_file_and_environment_count_together(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"\ufeff{PIER.line}\n", encoding="utf-8")
    keys = read_keys(Settings(keys_file=file, keys=SecretStr(OPS.line)))
    assert keys.find(PRESENTED.encode()) == PIER
    assert keys.find(ADMIN_PRESENTED.encode()) == OPS
    with pytest.raises(RequestError, match=f"{file} line 1: duplicate name, also at SST_KEYS line 1;"):
        read_keys(Settings(keys_file=file, keys=SecretStr(PIER.line)))


def test_a_keys_file_without_keys_stops_the_start(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    with pytest.raises(RequestError, match=r"cannot read the keys file .*: No such file"):
        read_keys(Settings(keys_file=file))
    file.write_bytes(b"# none yet\n")
    with pytest.raises(RequestError, match="has no key: add a line"):
        read_keys(Settings(keys_file=file))
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(RequestError, match="is not UTF-8 text"):
        read_keys(Settings(keys_file=file))


def test_empty_variables_count_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SST_KEYS", "SST_KEYS_FILE", "SST_ALLOW_ANONYMOUS", "SST_CORS_ORIGINS"):
        monkeypatch.setenv(name, "")
    settings = Settings()
    assert (settings.keys_file, settings.allow_anonymous, settings.origins) == (None, None, ())
    assert not read_keys(settings)
