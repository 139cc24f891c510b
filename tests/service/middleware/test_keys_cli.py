import re
from pathlib import Path

import pytest

from service.__main__ import main
from service.middleware.keys import Keys, Role


@pytest.mark.parametrize(
    ("options", "role"), [([], Role.FORECAST), (["--role", "admin"], Role.ADMIN), (["--role=forecast"], Role.FORECAST)]
)
def test_the_printed_line_accepts_the_printed_key(
    capsys: pytest.CaptureFixture[str], options: list[str], role: Role
) -> None:
    assert main(["key", "--name", "pier", *options]) == 0
    shown = capsys.readouterr().out
    presented, line = re.findall(r"^  (\S+)$", shown, flags=re.MULTILINE)
    key = Keys.parse(line, "line").find(presented.encode())
    assert key is not None
    assert (key.name, key.role) == ("pier", role)
    assert shown.count(presented) == 1
    assert presented not in line


@pytest.mark.parametrize("name", ["", "a:b", "two words", "n" * 33, "anonymous", "Nölp", "pier\n"])
def test_an_invalid_name_is_an_error(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert main(["key", "--name", name]) == 2
    answer = capsys.readouterr()
    assert answer.out == ""
    assert re.match("sst key: --name: .*name", answer.err)


def test_a_key_is_made_without_a_release_or_setting(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SST_ARTIFACTS", "/nowhere")
    monkeypatch.chdir(tmp_path)
    assert main(["key", "--name", "pier"]) == 0
    assert "pier:forecast:" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
