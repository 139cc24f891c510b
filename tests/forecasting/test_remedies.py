"""An error names options of reading, and each program writes them in its own syntax."""

import pickle

import pytest

from forecasting.console import in_command_line
from forecasting.errors import FileError
from forecasting.remedies import Remedy, Setting, in_python
from service.plugins.uploads.reading import in_query


@pytest.mark.parametrize(
    ("setting", "command_line", "query", "python"),
    [
        (Setting("time_column"), "--time-column", "time_column=", "time_column="),
        (Setting("units", "kelvin"), "--units kelvin", "units=kelvin", "units='kelvin'"),
        (Setting("missing", -999.0), "--missing -999", "missing=-999", "missing=(-999.0,)"),
        (Setting("resample", "P8D"), "--resample P8D", "resample=P8D", "resample=TimeStep.parse('P8D')"),
        (Setting("at", "LAT,LON"), "--at LAT,LON", "at=LAT,LON", "at=(LAT,LON)"),
    ],
)
def test_each_program_writes_a_setting_its_own_way(
    setting: Setting, command_line: str, query: str, python: str
) -> None:
    assert (in_command_line(setting), in_query(setting), in_python(setting)) == (command_line, query, python)


def test_a_message_with_braces_is_left_as_it_is() -> None:
    error = FileError("has columns {a} and {}", remedy=Remedy.of("; choose one with {}", "value_column"))
    assert error.written(in_command_line) == "has columns {a} and {}; choose one with --value-column"


def test_an_error_keeps_its_remedy_when_it_is_pickled_or_gets_the_name_of_its_file() -> None:
    error = FileError("holds 2 depths", index=3, remedy=Remedy.of("; choose one with {}", "depth"))
    for copy in (pickle.loads(pickle.dumps(error)), FileError.of(error)):
        assert (copy.message, copy.index, copy.remedy) == (error.message, 3, error.remedy)
    assert str(FileError.of(error, "sst.nc: ")) == "sst.nc: holds 2 depths; choose one with depth="
