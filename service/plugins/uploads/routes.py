"""``/series``: what a file holds, and the end of a dataset's own series, which ``GET /forecast`` starts from."""

from typing import Annotated, Any, Final

import numpy as np
from fastapi import APIRouter, Query, Request
from orjson import dumps
from starlette.responses import Response

from forecasting.climatology.usual import Usual
from service.api.dependencies import CatalogDep, DatasetQuery, ServingDep, SettingsDep
from service.api.openapi import BYTES, links, ndjson_lines, problems
from service.api.series_request import ClimatologyBasis
from service.http.bodies import NDJSON_TYPE, wants_ndjson
from service.plugins.uploads.reading import FileReaderDep, read_upload
from service.plugins.uploads.response import checks_of, described, series_lines
from service.plugins.uploads.schemas import FileQuery, FileReading, FoundSeries, RecentSeries

router = APIRouter(prefix="/series", tags=["series"])

_AS_LINES: Final[dict[str, Any]] = {
    "description": "A description of the file, and its series. With `Accept: application/x-ndjson`, only the series, "
    "one per line, in the form that POST /forecast takes.",
    "content": ndjson_lines(FoundSeries),
    "links": links("forecastSeries", "compareSeries", "listEvents", body={"series": "$response.body#/series"}),
}

EXAMPLE: Final = "time,sst\n2010-01-01,24.81\n2010-02-01,26.19\n2010-03-01,\n2010-04-01,25.91\n"

_FILE: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "The file itself: CSV in wide or long form, ERDDAP CSV, NDBC text, with or without gzip; NetCDF "
        "if the server has the extra `grids` installed. Any media type will do, except those of JSON and forms.",
        "content": {
            "text/csv": {"schema": {"type": "string"}, "example": EXAMPLE},
            "application/octet-stream": {"schema": BYTES},
        },
    }
}


@router.post(
    "",
    operation_id="readFile",
    summary="Read a file",
    response_model=FileReading,
    responses={200: _AS_LINES, **problems(400, 413, 415, 422, 503, 504)},
    openapi_extra=_FILE,
)
async def post_series(
    request: Request,
    serving: ServingDep,
    settings: SettingsDep,
    file_reader: FileReaderDep,
    query: Annotated[FileQuery, Query()],
) -> Response:
    """Describe a file of SST data, and return its series in the form that POST /forecast and POST /compare take.

    If a file is ambiguous (is 01/06/2010 in January or June?), the 422 has `choices`, such as `{"option": "dates",
    "value": "dmy", "label": "1 June 2010"}`: send it again with `dates=dmy`. A file that cannot be read is a 422 that
    names the line.

    Forms, JSON, archives, workbooks and PDF are a 415. A file can have up to 500 stations, 1,000 columns in any line,
    and a million lines or NetCDF values. NetCDF needs the extra `grids` on the server. Files whose values are in other
    files are refused. NetCDF, and text of more than 5 MiB, is read in a separate process, one at a time, with limits of
    20 seconds of CPU time and 1 GiB.
    """
    content, options = await request.body(), query.options()
    reading = await read_upload(dict(request.scope["headers"]), content, options, file_reader, serving, settings)
    response = await serving.worker.run(described, reading, serving.catalog, settings)
    if wants_ndjson(",".join(request.headers.getlist("accept"))):
        return Response(await serving.worker.run(series_lines, response), media_type=NDJSON_TYPE)
    if query.check:
        response["checks"] = await checks_of(reading, serving, settings)
    return Response(await serving.worker.run(dumps, response), media_type="application/json")


@router.get(
    "",
    operation_id="getRecentValues",
    summary="Get the recent values of a dataset",
    responses=problems(404, 422, 503),
)
def recent_series(catalog: CatalogDep, dataset: DatasetQuery = None) -> RecentSeries:
    """Return the end of the series that a dataset's models were trained on."""
    release = catalog.dataset(dataset)
    series = release.recent
    times = np.datetime_as_string(series.times, unit="s")
    return RecentSeries(
        dataset=release.report.dataset,
        version=release.report.version,
        units="celsius",
        step=release.report.step,
        timestamps=[f"{time}Z" for time in times],
        values=[None if np.isnan(value) else float(value) for value in series.values],
        climatology=[float(value) for value in release.baselines.climatology(series.times)],
        usual=ClimatologyBasis(**Usual(release.baselines.years, "series").basis),
    )
