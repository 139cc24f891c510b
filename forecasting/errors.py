"""What can go wrong, as one tree. No HTTP here: the service has the table that speaks it.

ForecastError
├── SeriesError      a series that cannot be used: which value, why, and what to do
│   ├── IrregularError  its times follow no one step
│   ├── RangeError      a value that no sea has
│   └── FileError    a file that holds no usable series: which line or column
├── RequestError     a horizon, level, device or setting that is not offered
├── UnknownNameError no dataset or model of that name; says which there are
├── ReleaseError     a release on disk that is missing, incomplete or altered
└── MissingExtraError  an optional package that is not installed
"""


class ForecastError(Exception):
    """Root of every error that this project raises on purpose; ``str()`` is a sentence for a person."""


class SeriesError(ForecastError):
    """A series that cannot be used.

    ``index`` is the position of the offending value in the caller's input, where one value is to blame.
    """

    def __init__(self, message: str, *, index: int | None = None) -> None:
        super().__init__(message)
        self.index = index


class IrregularError(SeriesError):
    """A series whose times follow no one step: made coarser, it may."""


class RangeError(SeriesError):
    """A value that no sea has.

    ``option`` is what a command line that reads files has for the likely remedy, where it has anything.
    """

    def __init__(self, message: str, *, index: int, option: str | None) -> None:
        super().__init__(message, index=index)
        self.option = option


class FileError(SeriesError):
    """A file from which no usable series can be read."""


class RequestError(ForecastError):
    """Something asked for that is not offered: a horizon or level of a model, a device, a setting.

    ``field`` names the parameter that asked for it.
    """

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field


class UnknownNameError(ForecastError):
    """No dataset or model of this name."""


class ReleaseError(ForecastError):
    """A release that is missing, incomplete, or not what its manifest says."""


class MissingExtraError(ForecastError, ImportError):
    """An optional package that is not installed; the sentence names the extra that installs it."""
