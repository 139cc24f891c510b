"""The errors of the store."""


class StoreError(Exception):
    """Base of the store's errors; ``str()`` is a sentence for the caller of the service."""


class StoreUnavailableError(StoreError):
    """The database cannot be reached, read or written at the moment. Nothing of the transaction was stored."""


class UnknownStationError(StoreError):
    """There is no station with this ID."""

    def __init__(self, station: str) -> None:
        super().__init__(f"no station {station!r}: create it with PUT /stations/{station}, or see GET /stations")
        self.station = station


class NotOwnerError(StoreError):
    """The station belongs to another key, so that this one may only read it."""

    def __init__(self, station: str) -> None:
        super().__init__(
            f"station {station!r} belongs to another key: use the key that created it or an admin key, or choose "
            "another ID"
        )


class UnknownReadingError(StoreError):
    """A station has no reading at a time."""

    def __init__(self, time: str) -> None:
        super().__init__(f"no reading at {time}: see GET /stations/{{id}}/observations for the times that have one")


class NoForecastError(StoreError):
    """No forecast was issued for a station yet."""

    def __init__(self, station: str) -> None:
        super().__init__(
            f"no forecast has been issued for station {station!r} yet: send readings, and the response says what is "
            "missing"
        )


class StepChangeError(StoreError):
    """A station that has readings would get another step."""
