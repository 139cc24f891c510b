"""Everything that can go wrong, as one tree of exceptions. HTTP status codes are up to the service.

ForecastError
├── SeriesError      a series that cannot be used: which value, why, and what to do
│   ├── IrregularError  the times do not follow one step
│   ├── RangeError      a value outside the range of sea temperatures
│   └── FileError       a file without a usable series: which line or column
├── RequestError     a horizon, level, device or setting that is not offered
├── UnknownNameError a dataset or model that does not exist; lists those that do
├── ReleaseError     a release on disk that is missing, incomplete or altered
└── MissingExtraError  an optional package that is not installed
"""


class ForecastError(Exception):
    """Base of all errors that this project raises deliberately; ``str()`` is a sentence for the user."""


class SeriesError(ForecastError):
    """A series that cannot be used.

    ``index`` is the position of the offending value in the caller's input; None if no single value is at fault.
    """

    def __init__(self, message: str, *, index: int | None = None) -> None:
        super().__init__(message)
        self.index = index


class IrregularError(SeriesError):
    """A series whose times do not follow one step; resampling to a coarser step may help."""


class RangeError(SeriesError):
    """A value outside the range of sea temperatures.

    ``option`` is the command-line option that is the likely remedy; None if there is none.
    """

    def __init__(self, message: str, *, index: int, option: str | None) -> None:
        super().__init__(message, index=index)
        self.option = option


class FileError(SeriesError):
    """A file without a usable series."""


class RequestError(ForecastError):
    """A request for something that is not offered: a horizon or level of a model, a device, a setting.

    ``field`` is the name of the parameter.
    """

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field


class UnknownNameError(ForecastError):
    """A dataset or model of this name does not exist."""


class ReleaseError(ForecastError):
    """A release that is missing, incomplete, or different from its manifest."""


class MissingExtraError(ForecastError, ImportError):
    """An optional package is not installed; the message names the extra that installs it."""
