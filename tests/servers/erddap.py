"""A server on a real socket that answers like ERDDAP, including its faults."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar, TypeVar
from urllib.parse import unquote, urlsplit

import numpy as np

TABLE_INFO = """Row Type,Variable Name,Attribute Name,Data Type,Value
attribute,NC_GLOBAL,cdm_data_type,String,TimeSeries
attribute,NC_GLOBAL,license,String,"The data may be used and redistributed for free, but not for legal purposes."
attribute,NC_GLOBAL,title,String,Buoy of a test
variable,station,,String,
attribute,station,cf_role,String,timeseries_id
variable,time,,double,
attribute,time,units,String,seconds since 1970-01-01T00:00:00Z
variable,latitude,,double,
variable,longitude,,double,
variable,sea_water_temperature,,double,
attribute,sea_water_temperature,units,String,degree_C
variable,sea_water_temperature_qc_agg,,int,
"""
GRID_INFO = """Row Type,Variable Name,Attribute Name,Data Type,Value
attribute,NC_GLOBAL,title,String,"Analysis of a test, daily"
dimension,time,,double,"nValues=3, evenlySpaced=true, averageSpacing=1 day"
attribute,time,actual_range,double,"9.783504E8, 9.785232E8"
attribute,time,units,String,seconds since 1970-01-01T00:00:00Z
dimension,zlev,,float,"nValues=1, onlyValue=0.0"
dimension,latitude,,float,"nValues=720, evenlySpaced=true, averageSpacing=0.25"
dimension,longitude,,float,"nValues=1440, evenlySpaced=true, averageSpacing=0.25"
attribute,longitude,actual_range,float,"0.125, 359.875"
variable,sst,,float,"time, zlev, latitude, longitude"
attribute,sst,units,String,degree_C
"""
MONTHS_INFO = GRID_INFO.replace("evenlySpaced=true, averageSpacing=1 day", "evenlySpaced=false, averageSpacing=30 days")
TABLE = """time,station,latitude,longitude,sea_water_temperature,sea_water_temperature_qc_agg
UTC,,degrees_north,degrees_east,degree_C,
2001-01-01T00:00:00Z,46042,36.785,-122.396,11.5,1
2001-01-01T01:00:00Z,46042,36.785,-122.396,11.6,4
2001-01-01T02:00:00Z,46042,36.785,-122.396,NaN,9
2001-01-01T03:00:00Z,46042,36.785,-122.396,11.8,3
"""
GRID = """time,zlev,latitude,longitude,sst
UTC,m,degrees_north,degrees_east,degree_C
2001-01-01T12:00:00Z,0.0,43.625,350.875,13.87
2001-01-02T12:00:00Z,0.0,43.625,350.875,13.88
2001-01-03T12:00:00Z,0.0,43.625,350.875,13.41
"""


def year() -> str:
    """Return a year of daily values at one cell, in the format of :data:`GRID`."""
    rng = np.random.default_rng(0)
    sst = 16 - 5 * np.cos(np.arange(366) * 2 * np.pi / 366) + np.cumsum(rng.normal(0, 0.15, 366))
    days = np.datetime64("2024-01-01T12:00:00") + np.arange(366) * np.timedelta64(1, "D")
    rows = [f"{day}Z,0.0,43.625,350.875,{value:.2f}" for day, value in zip(days, sst, strict=True)]
    return "\n".join([*GRID.splitlines()[:2], *rows]) + "\n"


def error(code: int, message: str) -> str:
    return f'Error {{\n    code={code};\n    message="{message}";\n}}\n'


@dataclass(frozen=True)
class Answer:
    """The answer to one request."""

    body: str | bytes = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    promised: int = 0
    sized: bool = True
    chunked: bool = False


@dataclass
class Erddap:
    """A running server."""

    url: str = ""
    faults: list[Answer] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)
    files: dict[str, Answer] = field(default_factory=dict)

    def answer(self, path: str, query: str) -> Answer:
        whole = f"{path}?{unquote(query)}" if query else path
        if path in self.files or whole in self.files:
            if query:
                self.asked.append(whole)
            return self.files[whole if whole in self.files else path]
        infos = {
            "buoy": TABLE_INFO,
            "oisst": GRID_INFO,
            "months": MONTHS_INFO,
            "year": GRID_INFO.replace("nValues=3", "nValues=366").replace(
                "9.783504E8, 9.785232E8", "1.7041104E9, 1.7356464E9"
            ),
        }
        pages = {f"/erddap/info/{name}/index.csv": info for name, info in infos.items()}
        if path in pages:
            return Answer(pages[path])
        if path.startswith("/erddap/info/"):
            name = path.split("/")[3]
            return Answer(error(404, f"Not Found: Currently unknown datasetID={name}"), 404)
        asked = unquote(query)
        if asked.startswith("time[") or "orderByMax" in asked:
            self.looked_up.append(f"{path}?{asked}")
            times = [line.split(",")[0] for line in GRID.splitlines()]
            ends = "station,time\n,UTC\n46042,2001-01-01T03:00:00Z\n"
            return Answer("\n".join(times) + "\n" if asked.startswith("time[") else ends)
        self.asked.append(f"{path}?{asked}")
        if self.faults:
            return self.faults.pop(0)
        return Answer(
            {
                "/erddap/tabledap/buoy.csv": TABLE,
                "/erddap/griddap/oisst.csv": GRID,
                "/erddap/griddap/months.csv": GRID,
                "/erddap/griddap/year.csv": year(),
            }[path]
        )


Server = TypeVar("Server", bound=Erddap)


class _Handler(BaseHTTPRequestHandler):
    erddap: ClassVar[Erddap]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        # Tomcat, which ERDDAP runs in, refuses these characters unless they are percent-encoded.
        assert not set('"<>[]{}|\\^` ') & set(asked.query), asked.query
        answer = self.erddap.answer(asked.path, asked.query)
        body = answer.body.encode() if isinstance(answer.body, str) else answer.body
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if "Content-Type" not in answer.headers:
            self.send_header("Content-Type", "text/csv;charset=ISO-8859-1")
        if answer.chunked:
            self.send_header("Transfer-Encoding", "chunked")
            body = b"%x\r\n%s\r\n" % (len(body), body) + (b"" if answer.promised else b"0\r\n\r\n")
        elif answer.sized:
            self.send_header("Content-Length", str(len(body) + answer.promised))
        self.end_headers()
        self.wfile.write(body)
        if answer.promised or not answer.sized:
            self.close_connection = True

    def log_message(self, *args: object) -> None:
        pass


def serving() -> AbstractContextManager[Erddap]:
    return running(Erddap(), "/erddap")


@contextmanager
def running(server: Server, root: str = "") -> Iterator[Server]:
    """Run a server that answers as an object says, until the end of the block."""
    handler = type("Handler", (_Handler,), {"erddap": server})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as sockets:
        server.url = f"http://127.0.0.1:{sockets.server_address[1]}{root}"
        thread = threading.Thread(target=sockets.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            sockets.shutdown()
            thread.join()
