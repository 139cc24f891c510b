"""Which of the forecasts from one last observation counts."""

from collections.abc import Iterable, Iterator

from service.store.issued_forecasts import IssuedForecast


def counted(forecasts: Iterable[IssuedForecast]) -> Iterator[IssuedForecast]:
    """Yield one forecast from each last observation: the one issued last that is not replayed, or else the last.

    A correction, or a reading from the past, issues another forecast from the same last observation.

    Args:
        forecasts: in order of ``observed_until`` and of their batches.
    """
    best: IssuedForecast | None = None
    for forecast in forecasts:
        if best is not None and best.observed_until != forecast.observed_until:
            yield best
            best = None
        if best is None or best.replayed or not forecast.replayed:
            best = forecast
    if best is not None:
        yield best
