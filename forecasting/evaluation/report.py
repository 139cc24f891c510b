"""The report of a release: what was trained on which data, and how good each model is."""

from pydantic import BaseModel, ValidationError

from forecasting.errors import ReleaseError
from forecasting.evaluation.division import Split
from forecasting.evaluation.model_report import Coverage, ModelReport
from forecasting.networks.metadata import Imported, Period
from forecasting.scores.accuracy import Accuracy, skill


class SeedSpread(BaseModel, frozen=True):
    """RMSE at lead 1 on the test part, °C, over several seeds: mean and standard deviation (n − 1)."""

    seeds: tuple[int, ...]
    rmse: tuple[float, ...]
    mean: float
    std: float


class Drift(BaseModel, frozen=True):
    """How far the test part is from the data that the weights were fitted on.

    Attributes:
        minimum: of the fitted data, °C.
        maximum: of the fitted data, °C.
        below: share of the values of the test part below the minimum.
        above: share above the maximum.
        anomaly: mean difference of the test part from the climatology of the earlier data, °C: its warming.
        unlike: share of the windows of the test part that are marked ``outside_training``.
    """

    minimum: float
    maximum: float
    below: float
    above: float
    anomaly: float
    unlike: float


class StartReport(BaseModel, frozen=True):
    """Whether a network of a place starts from a universal network, and why.

    Attributes:
        release: name and version of the universal release.
        share: weight of the universal network: 0, 0.5 or 1. The rest is the network fitted to the place.
        n: number of forecasts that the choice rests on, all from before the test part.
        rmse: of these forecasts, °C, by lead, for the weights 0 (``place``), 0.5 (``half``) and 1 (``universal``);
            empty if the series was too short to fit a network to.
        position: a sentence on the position of the place.
    """

    release: str
    share: float
    n: int
    rmse: dict[str, tuple[float, ...]] = {}
    position: str = ""


class StationReport(BaseModel, frozen=True):
    """One station of a panel.

    Attributes:
        name: of the station.
        trained_on: whether the weights were fitted on this station, among others.
        period: its test part.
        accuracy: on the test part, by model; references are fitted on the train and validation parts of the station.
        coverage: of the intervals of the best network on the test part, by level.
    """

    name: str
    trained_on: bool
    period: Period
    accuracy: dict[str, Accuracy]
    coverage: dict[int, Coverage] = {}


class Report(BaseModel, frozen=True):
    """``report.json`` of a release.

    Attributes:
        dataset: name of the dataset.
        title: of the dataset, for people to read; None if it was not given.
        version: of the release.
        created: ISO 8601.
        step: as :class:`~forecasting.series.timestep.TimeStep` writes it.
        units: ``celsius``.
        window: number of values that a forecast starts from.
        horizon: number of evaluated leads.
        data_file: name of the file with the training data.
        data_sha256: sha256 of that file.
        notes: what was changed when reading the file.
        periods: of the three parts.
        fitted_until: ISO 8601 time of the last step that the served weights have seen; None in older releases, which
            serve the weights that their accuracy was measured on.
        climatology: the harmonics of the reference, in words.
        configuration: every setting of the training.
        libraries: versions.
        models: the networks, then the references.
        seeds: spread over seeds, by cell; empty if only one seed was trained.
        drift: of the test part from the data that the weights were fitted on.
        starts: how universal networks take part, by cell; empty if there were none to start from.
        stations: of a panel; empty if one series was trained on. ``models`` then cover all stations trained on.
        left_out: accuracy on the test parts of all stations that were left out of the training, by model.
        imported: where the networks come from that were trained elsewhere, by cell.
    """

    dataset: str
    version: str
    created: str
    step: str
    units: str
    window: int
    horizon: int
    data_file: str
    data_sha256: str
    notes: tuple[str, ...]
    periods: dict[Split, Period]
    climatology: str
    configuration: dict[str, int | float | str | bool]
    libraries: dict[str, str]
    models: tuple[ModelReport, ...]
    seeds: dict[str, SeedSpread]
    title: str | None = None
    fitted_until: str | None = None
    drift: Drift | None = None
    starts: dict[str, StartReport] = {}
    stations: tuple[StationReport, ...] = ()
    left_out: dict[str, Accuracy] = {}
    imported: dict[str, Imported] = {}

    @property
    def networks(self) -> tuple[ModelReport, ...]:
        """The models other than the references."""
        return tuple(model for model in self.models if model.kind != "baseline")

    @property
    def baselines(self) -> tuple[ModelReport, ...]:
        """The references."""
        return tuple(model for model in self.models if model.kind == "baseline")

    @property
    def best(self) -> ModelReport:
        """The network with the lowest validation RMSE at lead 1."""
        return min(self.networks, key=lambda model: model.validation_rmse)

    @property
    def shown_leads(self) -> tuple[int, ...]:
        """The leads shown to a reader: the first seven for daily steps, otherwise six, and the last."""
        first = 7 if self.step == "day" else 6
        return (*range(1, min(first, self.horizon) + 1), *([self.horizon] if self.horizon > first else []))

    def skill(self, model: ModelReport, lead: int) -> dict[str, float | None]:
        """Return the skill of ``model`` on the test part against each reference by name; None if it has no error."""
        rmse = model.accuracy["test"].rmse[lead - 1]
        return {reference.name: skill(rmse, reference.accuracy["test"].rmse[lead - 1]) for reference in self.baselines}


def parse_report(content: bytes) -> Report:
    """Parse ``report.json``.

    Raises:
        ReleaseError: if it does not match this schema.
    """
    try:
        return Report.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise ReleaseError(f"the report is invalid: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
