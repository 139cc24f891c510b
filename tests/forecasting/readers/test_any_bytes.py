"""Any bytes give a reading, or an error in one sentence."""

import gzip
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forecasting.errors import FileError
from forecasting.readers import Reading, ReadingOptions, read
from forecasting.series.timestep import TimeStep
from tests.forecasting.readers import test_layouts
from tests.forecasting.readers.files import rows

SEEDS = (
    "time,sst\n2001-01-01,10\n2001-01-02,11\n",
    "time,station,latitude,longitude,depth,sst,sst_qc\nUTC,,degrees_north,degrees_east,m,K,1\n"
    "2001-01-01T00:00:00Z,a,1,2,0,283.15,1\n2001-01-01T00:00:00Z,b,1,2,0,283.15,4\n",
    "\n".join(test_layouts.REALTIME),
    "year,month,day,hour,sst\n2001,1,1,0,10\n2001,1,1,1,11\n",
    "date;sst\n31/12/2010;10\n01/01/2011;11\n",
    "\n".join(["time,sst", *rows(["2001-01-01T01:00+01:00", "2001-01-02T01:00"])]),
)
PIECES = (
    *("\n", ",", ";", "\t", '"', "#", "\x00", "é", "time", "sst", "station", "lat", "lon", "depth", "UTC", "K", "MM"),
    *("2001-01-01", "31/12/2010", "12:00 PM", "+25:00", "99999-01-01", "0000-00-00", "NaN", "inf", "-inf", "1e308"),
    *("9" * 400, "999.0", "-999", "seconds since 1970-01-01", "#YY MM DD hh mm WTMP", " ", "1,5", "٣", "<html>"),
)

texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=40).map("".join)


@st.composite
def altered(draw: st.DrawFn) -> str:
    """A good file with some pieces put in, or parts cut out."""
    text = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        cut = draw(st.integers(0, 8))
        text = text[:at] + draw(st.sampled_from(PIECES)) + text[at + cut :]
    return text


contents = st.binary(max_size=200) | texts.map(str.encode) | altered().map(str.encode)


def attempt(path: Path, resample: TimeStep | None = None) -> None:
    """Any other exception than a FileError goes through."""
    message = ""
    try:
        assert isinstance(read(path, ReadingOptions(resample=resample)), Reading)
    except FileError as error:
        message = str(error)
    assert not message or (message.startswith(f"{path}: ") and "\n" not in message)


SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=400, deadline=None, suppress_health_check=SLOW)
@given(content=contents, packed=st.booleans(), resample=st.sampled_from((None, "day", "month")))
def test_any_text_gives_a_reading_or_a_file_error(
    tmp_path: Path, content: bytes, packed: bool, resample: str | None
) -> None:
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(content) if packed else content)
    attempt(path, None if resample is None else TimeStep.parse(resample))


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
@given(
    content=st.binary(max_size=200), magic=st.sampled_from((b"CDF\x01", b"CDF\x05", b"\x89HDF\r\n\x1a\n", b"\x1f\x8b"))
)
def test_any_bytes_after_the_mark_of_a_format_give_a_file_error(tmp_path: Path, content: bytes, magic: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(magic + content)
    attempt(path)


def test_content_of_a_file_cannot_control_a_terminal(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text('time,"a\x1b[2J\nb",c\n2001-01-01,1,2\n')
    with pytest.raises(FileError, match=r"SST: a \[2J b, c; choose"):
        read(path)


@pytest.mark.parametrize("made", ["zarr.json", ".zgroup", None])
def test_a_folder_that_is_not_a_store_is_refused_in_one_sentence(tmp_path: Path, made: str | None) -> None:
    if made:
        (tmp_path / made).write_text("{}")
    with pytest.raises(FileError, match="holds no variables" if made else "not a Zarr store"):
        read(tmp_path)


@pytest.mark.parametrize("mark", ["(", "_", "units "])
def test_a_header_of_punctuation_is_parsed_quickly(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "file"
    path.write_text(f"# {mark * 20_000}\ntime,{mark * 20_000}\n2001-01-01,10\n2001-01-02,11\n")
    assert len(read(path).series) == 2
