"""The dependence between the leads of a published release of one place."""

from forecasting.errors import ReleaseError
from forecasting.evaluation.rolling_origin import Evaluation
from forecasting.events.joint.dependence import Dependence
from forecasting.networks.checkpoint import load
from forecasting.networks.device import CPU
from forecasting.releases.loaded_release import load_evaluated, read_series
from forecasting.releases.release import EVALUATED_SERIES, Release
from forecasting.series.origins import origins
from forecasting.series.shape import ForecastShape


def place_dependences(release: Release) -> dict[str, Dependence]:
    """Return the dependence of each network that serves, by the name of its file.

    It comes from the errors on the test part of the networks that had not seen it. Those networks get none: they are
    there to be evaluated on that part.

    Raises:
        ReleaseError: if the release does not have such networks, or cannot be read.
    """
    if not release.holds(EVALUATED_SERIES):
        raise ReleaseError(
            f"{release.path} has no networks that have not seen its test part, and this needs their errors: train again"
        )
    networks, _ = load_evaluated(release, CPU)
    dependences = {}
    for cell, network in networks.items():
        metadata = network.metadata
        series = read_series(release.read(EVALUATED_SERIES), metadata.time_step)
        shape = ForecastShape(metadata.window, metadata.horizon, metadata.fill_limit)
        test = Evaluation.run(origins(series, shape, metadata.window, len(series)), {cell: network})
        _, served = load(release.read(f"{cell}.pt"), CPU)
        scale = served.errors.scale(test.origins.windows)
        dependences[f"{cell}.pt"] = served.errors.dependence(test.residuals(cell), test.origins.times, scale)
    return dependences
