"""The report of a release as a page without script: what was evaluated, how it was trained, and its model card.

All of it comes from what the release holds. What an old or imported release does not hold, the page names.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from forecasting.evaluation.report import ModelReport
from forecasting.models.universal.report import HeldOutRow, RealRow
from forecasting.releases.loaded import AnyLoaded, LoadedRelease, LoadedUniversal
from forecasting.series.timestep import TimeStep, in_words
from forecasting.wording import counted
from service.api.figures import Line, figure, swatch, title_of
from service.api.manual import markdown_html

_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

_WIDEST: Final = 3
"""Errors of a model that are this many times those of the best one at most are drawn."""

_RELATIVE: Final = "Below 1 is better."


@dataclass(frozen=True)
class Table:
    """Rows of values, the first of which names the row."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[object]]


@dataclass(frozen=True)
class Section:
    """A card of the report."""

    title: str
    text: Sequence[str] = ()
    figures: Sequence[str] = ()
    legend: Sequence[Line] = ()
    table: Table | None = None
    folded: bool = False


def report_of(loaded: AnyLoaded) -> dict[str, Any]:
    """Return the content of ``report.html`` for a release."""
    sections = _universal(loaded) if isinstance(loaded, LoadedUniversal) else _place(loaded)
    card = (
        None
        if loaded.card is None
        else markdown_html(_TIME.sub(lambda found: _when(found[0]), loaded.card.decode(errors="replace")), 2)
    )
    about: dict[str, Any] = {"title": f"Report on {_title(loaded)}", "version": loaded.version, "lead": _lead(loaded)}
    details = {"sections": sections, "card": card, "facts": _facts(loaded)}
    return about | details | {"swatch": swatch, "title_of": title_of}


def _title(loaded: AnyLoaded) -> str:
    return (isinstance(loaded, LoadedRelease) and loaded.report.title) or loaded.dataset


def _lead(loaded: AnyLoaded) -> str:
    """Return what the release forecasts, in a sentence."""
    names = _joined([title_of(cell) for cell in loaded.cells])
    step, reach = in_words(str(loaded.step)), ahead(loaded.horizon, str(loaded.step))
    where = "of any sea" if isinstance(loaded, LoadedUniversal) else "of this place"
    return f"{names} forecast the temperature {where} up to {reach} ahead, in steps of {step}."


def _joined(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def ahead(steps: int, step: str) -> str:
    """Return the length of some steps in words: ``3 months``, ``90 minutes``, ``24 hours``."""
    name = str(TimeStep.parse(step))
    if not name.startswith("P"):
        return counted(steps, name)
    minutes = steps * TimeStep.parse(step).seconds // 60
    return counted(minutes, "minute") if minutes % 60 else counted(minutes // 60, "hour")


def _steps_ahead(step: str) -> str:
    words = in_words(step)
    return f"{words[4:].capitalize()}s ahead" if words.startswith("one ") else f"Steps of {words} ahead"


def _when(text: str, step: str = "hour") -> str:
    """Return an ISO 8601 time for readers: ``Oct 1998`` for monthly steps, ``1 Oct 1998``, ``1 Oct 1998, 06:00``.

    Any other text stays as it is.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return text
    month = f"{time:%b %Y}"
    if step == "month":
        return month
    return f"{time.day} {month}" + (f", {time:%H:%M}" if (time.hour, time.minute) != (0, 0) else "")


def _place(loaded: LoadedRelease) -> list[Section]:
    return [_periods(loaded), _errors(loaded), _losses(loaded), _seeds(loaded)]


def _periods(loaded: LoadedRelease) -> Section:
    report = loaded.report
    step = report.step
    rows = [
        (
            {"train": "Training"}.get(name, name.capitalize()),
            _when(period.start, step),
            _when(period.end, step),
            f"{period.n:,}",
        )
        for name, period in report.periods.items()
    ]
    text = [
        "The networks learn from the training period. The validation period chooses among them, and helps to set the "
        "width of the ranges. The test period only measures how far off the forecasts are."
    ]
    text += [
        f"{title_of(cell)} was trained elsewhere and imported from {origin.file}; "
        + (f"its training data ends {_when(origin.trained_until)}." if origin.trained_until else "")
        + ("" if origin.trained_until else "the end of its training data is not known.")
        for cell, origin in report.imported.items()
    ]
    table = Table("Parts of the series", ("Period", "From", "To", "Values"), rows)
    return Section("What was evaluated", text, table=table)


def _errors(loaded: LoadedRelease) -> Section:
    report = loaded.report
    errors = {model.name: model.accuracy["test"].rmse for model in report.models}
    shown = {name: rmse for name, rmse in errors.items() if max(rmse) <= _WIDEST * min(map(max, errors.values()))}
    lines = [Line(name, _points(rmse), number=i) for i, (name, rmse) in enumerate(shown.items())]
    panel = figure("Typical error, °C", lines[::-1], _ticks(report.horizon), _steps_ahead(report.step))
    head = ("Ahead", *map(title_of, errors))
    rows = [
        (ahead(lead, report.step), *(f"{rmse[lead - 1]:.3f}" for rmse in errors.values()))
        for lead in report.shown_leads
    ]
    test = report.periods["test"]
    period = f"{_when(test.start, report.step)} to {_when(test.end, report.step)}"
    text = [f"The typical error (RMSE) over the test period, {period}."]
    text += [f"{title_of(model.name)} {model.caveat}." for model in report.networks if model.caveat]
    return Section("Errors by how far ahead", text, [panel], lines, Table("Typical error, °C", head, rows))


def _losses(loaded: LoadedRelease) -> Section:
    title = "Loss by epoch"
    curves = {model.name: model.loss for model in loaded.report.networks if model.loss and model.loss.train}
    if not curves:
        return Section(title, [f"This release does not say how the loss fell during training: {_why_missing(loaded)}."])
    epochs = max(len(loss.train) for loss in curves.values())
    panels = []
    for part in ("validation", "train"):
        values = {name: getattr(loss, part) for name, loss in curves.items()}
        lines = [Line(name, _points(loss), number=i) for i, (name, loss) in enumerate(values.items())]
        over = "validation" if part == "validation" else "training"
        panels.append(figure(f"Loss over the {over} period", lines[::-1], _ticks(epochs), "Epoch"))
    head = ("Epoch", *(f"{title_of(name)} {over}" for name in curves for over in ("training", "validation")))
    rows = [
        (epoch + 1, *(_at(values, epoch) for loss in curves.values() for values in (loss.train, loss.validation)))
        for epoch in range(epochs)
    ]
    text = (
        "Huber loss of a first fit to the training period alone, in units of the one-step spread. The number of epochs "
        "is set in advance.",
    )
    return Section(title, text, panels, lines, Table(title, head, rows), folded=True)


def _at(values: Sequence[float], i: int) -> str:
    return f"{values[i]:.4f}" if i < len(values) else "–"


def _seeds(loaded: LoadedRelease) -> Section:
    title, report = "Effect of the seed", loaded.report
    if not report.seeds:
        missing = f"This release has no networks that were trained with other seeds: {_why_missing(loaded)}."
        return Section(title, [missing])
    kinds = list(report.seeds)
    lines = [Line(name, [(i, rmse) for rmse in report.seeds[name].rmse], False, i) for i, name in enumerate(kinds)]
    ticks = [(float(i), title_of(name)) for i, name in enumerate(kinds)]
    models: dict[str, ModelReport] = {model.name: model for model in report.networks}
    rows = [
        (
            title_of(name),
            f"{models[name].parameters or 0:,}",
            f"{models[name].epochs or '–'}",
            *(f"{value:.5f}" for value in (spread.mean, spread.std, min(spread.rmse), max(spread.rmse))),
        )
        for name, spread in report.seeds.items()
        if name in models
    ]
    text = (
        "Typical error (RMSE) one step ahead over the test period, of networks that were trained again from other "
        "random numbers. Differences smaller than this spread say nothing about the networks.",
    )
    head = ("Network", "Weights", "Epochs", "Mean, °C", "Spread, °C", "Least, °C", "Most, °C")
    panel = figure("Typical error of each seed, °C", lines, ticks)
    return Section(title, text, [panel], table=Table(title, head, rows))


def _why_missing(loaded: LoadedRelease) -> str:
    imported = all(model.kind == "imported" for model in loaded.report.networks)
    return "its networks were trained elsewhere and imported" if imported else "none was recorded when it was trained"


def _points(values: Iterable[float]) -> list[tuple[float, float]]:
    return [(float(i), value) for i, value in enumerate(values, start=1)]


def _ticks(n: int) -> list[tuple[float, str]]:
    """Return labels of the positions 1 to n: at most seven."""
    size = next(size for size in (1, 2, 3, 4, 6, 8, 10, 12, 20, 25, 50, 100, 250, 1000, n) if n / size <= 7)
    return [(float(i), str(i)) for i in range(1 if size == 1 else size, n + 1, size)]


def _universal(loaded: LoadedUniversal) -> list[Section]:
    report = loaded.report
    if report is None:
        missing = "This release has no report: it does not say what it was trained on, or how good it was elsewhere."
        return [Section("What was evaluated", [missing])]
    text = [
        f"The networks learned from {report.seas:,} simulated seas"
        + (f" and from real series: {', '.join(report.real_series)}." if report.real_series else "."),
        "They were evaluated on seas and regions that they had not seen.",
    ]
    return [
        Section("What was evaluated", text),
        _regions(
            loaded,
            "Regions that were held out",
            report.regions,
            "Typical error (RMSE) at real places, relative to that of the best simple reference at each place.",
        ),
        _regions(
            loaded,
            "What the weather was worth",
            report.weather,
            "Typical error (RMSE) of the mixture that was given the weather, relative to that without weather.",
        ),
        _contexts(loaded),
    ]


def _regions(loaded: LoadedUniversal, title: str, rows: Sequence[RealRow], text: str) -> Section:
    if not rows:
        return Section(title, ["This release does not say: no such places were held out."])
    names = dict.fromkeys(name for row in rows for name in row.relative_rmse)
    kinds = [_kind(name) for name in names]
    step = str(loaded.step)
    longest = {row.region: row.context for row in sorted(rows, key=lambda row: row.context)}
    panels = []
    for region, context in longest.items():
        at = sorted((row for row in rows if (row.region, row.context) == (region, context)), key=lambda row: row.lead)
        lines = _lines(kinds, [[row.relative_rmse.get(name) for name in names] for row in at])
        ticks = [(float(i), str(row.lead)) for i, row in enumerate(at)]
        title_of_panel = f"{region} ({counted(at[0].places, 'place')}), from {context} values"
        panels.append(figure(title_of_panel, lines[::-1], ticks, _steps_ahead(step), rule=1.0))
    table = Table(
        title,
        ("Region", "Places", "Values before", "Ahead", *map(title_of, kinds)),
        [
            (
                row.region,
                row.places,
                row.context,
                ahead(row.lead, step),
                *(_ratio(row.relative_rmse.get(n)) for n in names),
            )
            for row in rows
        ],
    )
    return Section(title, [f"{text} {_RELATIVE}"], panels, lines, table, folded=True)


def _lines(kinds: Sequence[str], rows: Sequence[Sequence[float | None]]) -> list[Line]:
    """Return a line for each kind that has values in its column."""
    columns = [
        [(float(i), value) for i, value in enumerate(column) if value is not None] for column in zip(*rows, strict=True)
    ]
    return [Line(kind, points, number=k) for k, (kind, points) in enumerate(zip(kinds, columns, strict=True)) if points]


def _kind(name: str) -> str:
    return name.rpartition("-")[2]


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _contexts(loaded: LoadedUniversal) -> Section:
    title, step = "Errors by length of context", str(loaded.step)
    models = [model for model in loaded.report.models if model.held_out] if loaded.report else []
    if not models:
        return Section(title, ["This release has no figures on simulated seas that were held out."])
    kinds = [_kind(model.model) for model in models]
    scores = {
        "with its companion": [_by_place(model.held_out) for model in models],
        "alone": [_by_place(model.held_out_without_companion) for model in models],
    }
    places = sorted(scores["with its companion"][0], key=lambda place: (place[1], not place[2], place[0]))
    panels = []
    for how, by_place in scores.items():
        for lead in sorted({lead for _, lead, _ in places}):
            at = [place for place in places if place[1:] == (lead, True)]
            values = [[column.get(place) for column in by_place] for place in at]
            if any(value is not None for row in values for value in row):
                lines = _lines(kinds, values)
                ticks = [(float(i), f"{context:,}") for i, (context, *_) in enumerate(at)]
                panels.append(
                    figure(f"{ahead(lead, step)} ahead, {how}", lines[::-1], ticks, "Values before", rule=1.0)
                )
    columns = [column for by_place in scores.values() for column in by_place]
    rows = [
        (
            f"{place[0]:,}",
            ahead(place[1], step),
            "known" if place[2] else "unknown",
            *(_ratio(column.get(place)) for column in columns),
        )
        for place in places
    ]
    head = ("Values before", "Ahead", "Position", *map(title_of, kinds), *(f"{title_of(kind)} alone" for kind in kinds))
    text = (
        "Typical error (RMSE) on simulated seas that were held out, relative to persistence, where the position is "
        f"known. {_RELATIVE} The companion is a regression that adapts to each series; alone, a network has to "
        "remember by itself.",
    )
    return Section(title, text, panels, lines, Table(title, head, rows), folded=True)


def _by_place(rows: Sequence[HeldOutRow]) -> dict[tuple[int, int, bool], float]:
    return {(row.context, row.lead, row.positioned): row.relative_rmse for row in rows}


def _facts(loaded: AnyLoaded) -> list[tuple[str, str]]:
    """Return the technical details of a release and of its networks."""
    metadata = [loaded.metadata(cell) for cell in loaded.cells]
    first: Any = metadata[0]
    facts = [("Release", loaded.version), ("Created", _when(first.created))]
    if isinstance(loaded, LoadedRelease):
        report, span = loaded.report, first.training_range
        facts += [
            ("Data", f"{report.data_file}, SHA-256 {report.data_sha256}"),
            ("Range of the data", f"{span.minimum:.2f} to {span.maximum:.2f} °C"),
            ("Window", ahead(report.window, report.step)),
        ]
    else:
        facts.append(("Series", f"needs {first.minimum} values, uses up to {first.maximum}"))
    facts += [
        (title_of(one.cell), f"{counted(one.parameters, 'weight')}, SHA-256 {loaded.sha256(one.cell)}")
        for one in metadata
    ]
    facts.append(("Settings", _listed(first.configuration)))
    return [*facts, ("Libraries", _listed(first.libraries))]


def _listed(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
