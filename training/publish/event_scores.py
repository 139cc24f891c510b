"""Event scores for a release that was published without them, or with another dependence between leads.

``python -m training.publish.event_scores DATA artifacts/NAME/VERSION`` scores the networks in the folder ``evaluated``
of a release that was trained on one series, and writes the report and its texts again. Do not run it while a service
loads the release.
"""

import sys
from pathlib import Path

from forecasting.errors import ReleaseError
from forecasting.evaluation.event_report import VerifiedSeries, event_reports
from forecasting.evaluation.report import Report, parse_report
from forecasting.evaluation.rolling_origin import Evaluation
from forecasting.networks.device import CPU
from forecasting.readers import content_digest, read
from forecasting.releases.loaded_release import load_evaluated
from forecasting.releases.release import Release
from forecasting.releases.trusted_keys import TrustedKeys
from forecasting.series.shape import ForecastShape
from training.examples.dataset import Dataset
from training.publish.release import reseal
from training.publish.text.texts import REPORT, write_report


def rescore_events(data: Path, folder: Path) -> Report:
    """Score the events of the release in ``folder`` again, write its report and texts, and seal it; returns the report.

    Args:
        data: the file that the release was trained on.
        folder: of the release.

    Raises:
        FileError: if ``data`` cannot be read.
        ReleaseError: if the release was trained on another file or on several series, a file of it has changed, or
            keys to trust are named and none of them signed it.
    """
    release = Release.open(folder, TrustedKeys.chosen(()))
    report = parse_report(release.read(REPORT))
    if report.stations:
        raise ReleaseError(f"{folder} was trained on several series: train it again to score its events")
    if content_digest(data) != report.data_sha256:
        raise ReleaseError(f"{folder} was not trained on {data}, but on a file with sha256 {report.data_sha256}")
    networks, _ = load_evaluated(release, CPU)
    metadata = {cell: network.metadata for cell, network in networks.items()}
    first = next(iter(metadata.values()))
    shape = ForecastShape(first.window, first.horizon, first.fill_limit)
    dataset = Dataset(read(data).series.until_last_observation(), shape)
    if dataset.periods() != report.periods:
        raise ReleaseError(f"{folder} was trained on another part of {data}: train it again to score its events")
    test = Evaluation.run(dataset.origins("test"), dict(networks))
    events = event_reports([VerifiedSeries(dataset.series, dataset.past("validation"), test)], metadata)
    models = [model.model_copy(update={"events": events.get(model.name, ())}) for model in report.models]
    rescored = report.model_copy(update={"models": tuple(models)})
    write_report(folder, rescored)
    reseal(release)
    return rescored


if __name__ == "__main__":
    rescore_events(Path(sys.argv[1]), Path(sys.argv[2]))
