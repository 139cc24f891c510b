"""The accuracy of each model at every lead, for ``GET /compare/leads``."""

from typing import Literal

from pydantic import BaseModel, Field

from forecasting.evaluation.report import ModelKind, ModelReport, Report
from forecasting.releases.loaded import LoadedRelease
from service.api.compare.schemas import Caveat


class LeadCoverage(BaseModel):
    """The share of observations inside the intervals of one level, by lead."""

    share: list[float]
    error: list[float] | None = Field(
        description="The standard errors, which account for autocorrelation; null if the release does not record them."
    )


class LeadSkill(BaseModel):
    """The skill over one baseline, by lead, with its 95 % block-bootstrap interval."""

    value: list[float | None]
    lower: list[float | None]
    upper: list[float | None]


class LeadErrors(BaseModel):
    """The errors of one model, in °C on the test part, by lead. A baseline has neither `coverage` nor `skill`."""

    model: str
    kind: ModelKind
    n: list[int] = Field(description="The number of forecasts.")
    mae: list[float]
    rmse: list[float]
    bias: list[float]
    coverage: dict[str, LeadCoverage] = Field(description="By level, in percent.")
    skill: dict[str, LeadSkill] = Field(description="By baseline.")
    caveat: Caveat


class LeadComparison(BaseModel):
    """Accuracy on the test part at every lead: RNN, LSTM and GRU first, then the baselines."""

    dataset: str
    version: str
    units: Literal["celsius"]
    step: str
    horizon: int = Field(description="The number of leads; the first entry of each list is one step ahead.")
    best: str = Field(description="The network with the lowest validation RMSE.")
    models: list[LeadErrors]


def compare_leads(release: LoadedRelease) -> LeadComparison:
    """Return the accuracy of every model of the report."""
    report = release.report
    return LeadComparison(
        dataset=report.dataset,
        version=report.version,
        units="celsius",
        step=report.step,
        horizon=report.horizon,
        best=f"{report.dataset}-{release.best}",
        models=[_errors(model, report) for model in report.models],
    )


def _errors(model: ModelReport, report: Report) -> LeadErrors:
    accuracy = model.accuracy["test"]
    skills = [report.skill(model, lead) for lead in range(1, report.horizon + 1)]
    return LeadErrors(
        model=model.name if model.kind == "baseline" else f"{report.dataset}-{model.name}",
        kind=model.kind,
        n=list(accuracy.n),
        mae=list(accuracy.mae),
        rmse=list(accuracy.rmse),
        bias=list(accuracy.bias),
        coverage={str(level): _coverage(model, level) for level in model.coverage or {}},
        skill={
            name: LeadSkill(value=[values[name] for values in skills], lower=list(skill.lower), upper=list(skill.upper))
            for name, skill in model.skill.items()
        },
        caveat=model.caveat,
    )


def _coverage(model: ModelReport, level: int) -> LeadCoverage:
    measured = model.intervals.get(level)
    return LeadCoverage(
        share=list((model.coverage or {})[level]), error=list(measured.coverage.error) if measured else None
    )
