"""Random histories of a station. After each step, all that the service tells of it must be what the model says."""

from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count, product
from typing import Any, ClassVar

import pytest
from hypothesis import seed as seeded
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.histories.model import (
    BIAS,
    DAY,
    FAIL,
    GOOD,
    MISSING,
    SUSPECT,
    Event,
    Forecast,
    Settings,
    Station,
    in_units,
    to_celsius,
)
from tests.histories.sides import Answer, Call, Json, Sides

NOON = 1_780_315_200 // DAY * DAY + DAY // 2
"""When histories begin: 2026-06-01, 12:00."""

BASE, FAR = 5.0, 35.0
"""°C, of ordinary readings and of doubtful ones."""

NUMBERS = count(1)

levels = st.integers(0, 8)
"""Of ordinary readings, in steps of 0.05 °C."""

batches = st.lists(levels, min_size=1, max_size=3)

events = st.dictionaries(
    st.sampled_from(["warm", "hot"]),
    st.builds(Event, st.sampled_from([5.1, 5.2, 20.0]), st.integers(1, 3)),
    max_size=2,
)


def iso(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def close(value: float) -> Any:
    return pytest.approx(value, abs=1e-5)


class History(RuleBasedStateMachine):
    """A station, the service and the model of it."""

    sides: ClassVar[Sides]

    @initialize(readings=st.sampled_from([20, 16, 13, 9, 0]), above=events, starts=st.sampled_from([0, 0, 0, 1, 2]))
    def create(self, readings: int, above: dict[str, Event], starts: int) -> None:
        self.id = f"pier-{next(NUMBERS)}"
        self.station: Station | None = None
        self.audit: list[Json] = []
        self.archive: list[tuple[str, Json]] = []
        self.is_upgraded = self.was_deleted = False
        self.sides.clock.set(NOON)
        self.sides.start()
        self.last_start = self.sides.starts + starts
        self.put(Settings(events=above))
        if readings:
            day = self.today - readings
            self.push({day + i: self.near(day + i, i % 3) for i in range(readings)})

    def teardown(self) -> None:
        if getattr(self, "station", None) is not None:
            self.sides.call(Call("DELETE", f"/stations/{self.id}"))

    @property
    def now(self) -> int:
        return self.sides.clock.now

    @property
    def today(self) -> int:
        return self.now // DAY

    def near(self, day: int, level: int) -> float:
        """Return an ordinary reading, which is near the one before that counts; those of a week differ."""
        before = None if self.station is None else self.station.last_counting_before(day)
        base = FAR if before is not None and before > 20 else BASE
        return round(base + level * 0.05 + day % 7 * 0.003, 6)

    # Settings

    def put(self, to: Settings) -> None:
        creating = self.station is None
        answer = self.sides.call(Call("PUT", f"/stations/{self.id}", written(to)))
        assert answer.status == (201 if creating else 200), answer
        if self.station is None:
            self.station = Station(to, self.now)
            self.archive = []
            self.log("created")
            return
        if changed := self.station.change(to, self.now):
            self.log("changed", changes={"alert_within" if name == "alert_days" else name for name in changed})
            self.fetch_new_forecasts()

    def fetch_new_forecasts(self) -> None:
        """Note the forecasts that no answer had, such as those of new settings."""
        assert self.station is not None
        expected = self.station.forecasts
        if len(self.archive) < len(expected):
            listed = self.listed("forecasts")
            assert len(listed) == len(expected)
            in_order = sorted(range(len(expected)), key=lambda i: expected[i].until)
            for i in range(len(self.archive), len(expected)):
                self.issued(listed[in_order.index(i)])

    @precondition(lambda self: self.station is None)
    @rule(above=events)
    def create_again(self, above: dict[str, Event]) -> None:
        self.put(Settings(events=above))

    @precondition(lambda self: self.station is not None)
    @rule(above=events)
    def change_events(self, above: dict[str, Event]) -> None:
        self.put(replace(self.settings, events=above, units="celsius"))

    @precondition(lambda self: self.station is not None)
    @rule(units=st.sampled_from(["celsius", "kelvin", "fahrenheit"]))
    def change_units(self, units: str) -> None:
        above = {
            name: replace(event, above=round(in_units(5.15, units), 2)) for name, event in self.settings.events.items()
        }
        self.put(replace(self.settings, events=above, units=units))

    @precondition(lambda self: self.station is not None)
    @rule(
        changes=st.fixed_dictionaries(
            {},
            optional={
                "horizon": st.integers(1, 5),
                "alert_days": st.sampled_from([None, 2, 20]),
                "visibility": st.sampled_from(["private", "shared"]),
                "name": st.sampled_from([None, "Pier"]),
            },
        )
    )
    def change_settings(self, changes: dict[str, Any]) -> None:
        self.put(replace(self.settings, **changes))

    @precondition(lambda self: self.station is not None and not self.was_deleted)
    @rule()
    def delete(self) -> None:
        assert self.sides.call(Call("DELETE", f"/stations/{self.id}")).status == 204
        self.log("deleted")
        self.station, self.was_deleted = None, True

    @property
    def settings(self) -> Settings:
        assert self.station is not None
        return self.station.settings

    # Readings

    def push_call(self, values: dict[int, float]) -> Call:
        units = self.settings.units
        body = {
            "timestamps": [iso(day * DAY) for day in values],
            "values": [in_units(value, units) for value in values.values()],
        }
        return Call("POST", f"/stations/{self.id}/observations", body)

    def push(self, values: dict[int, float], call: Call | None = None) -> None:
        self.pushed(values, self.sides.call(call or self.push_call(values)))

    def pushed(self, values: dict[int, float], answer: Answer) -> None:
        """Compare the answer to a push with that of the model."""
        assert self.station is not None
        assert answer.status == 200, answer
        before = len(self.station.forecasts)
        counts = self.station.push(values, self.now)
        assert {name: answer.body[name] for name in ("new", "revised", "unchanged")} | {
            "refused": len(answer.body["refused"])
        } == counts
        self.log_push(values, counts)
        self.answered_forecast(answer, before)

    def log_push(self, values: dict[int, float], counts: Json) -> None:
        if counts["new"] or counts["revised"]:
            accepted = [day for day in values if day * DAY <= self.now + DAY]
            times = {"first": iso(min(accepted) * DAY), "last": iso(max(accepted) * DAY)}
            self.log("readings", readings=counts | times)

    def answered_forecast(self, answer: Answer, before: int) -> None:
        assert self.station is not None
        forecast = answer.body["forecast"]
        if len(self.station.forecasts) > before:
            self.issued(forecast)
        else:
            assert forecast is None or "error" in forecast, forecast

    def issued(self, forecast: Json) -> None:
        """Compare a new forecast with the model, and keep it, since it may never change."""
        assert self.station is not None
        check_forecast(forecast, self.station.forecasts[len(self.archive)], self.settings.units)
        self.archive.append((self.settings.units, forecast))

    @precondition(lambda self: self.station is not None)
    @rule(gap=st.sampled_from([0, 0, 0, 1, 3]), some=st.lists(levels, min_size=1, max_size=4))
    def push_next(self, gap: int, some: list[int]) -> None:
        assert self.station is not None
        newest = self.station.newest()
        first = self.today - len(some) + 1 if newest is None else newest[0] + 1 + gap
        values = {first + i: level for i, level in enumerate(some) if first + i <= self.today}
        if values:
            self.push({day: self.near(day, level) for day, level in values.items()})

    @precondition(lambda self: self.station is not None)
    @rule(ago=st.integers(0, 25), some=batches)
    def push_late(self, ago: int, some: list[int]) -> None:
        """Push readings of any days: new ones, the same or others."""
        days = [day for i in range(len(some)) if (day := self.today - ago + i) <= self.today]
        self.push({day: self.near(day, level) for day, level in zip(days, some, strict=False)})

    @precondition(lambda self: self.station is not None and self.station.counting())
    @rule(level=levels)
    def revise_the_newest_days_later(self, level: int) -> None:
        """Issue two forecasts from the same day, of which only the first is in time."""
        assert self.station is not None
        day = [*self.station.counting()][-1]
        self.sides.clock.set(self.now + 3 * DAY)
        self.push({day: self.near(day, level)})

    @precondition(lambda self: self.station is not None and self.station.readings)
    @rule(choice=st.integers(0, 30), length=st.integers(1, 5))
    def push_again(self, choice: int, length: int) -> None:
        assert self.station is not None
        days = sorted(self.station.readings)
        begin = choice % len(days)
        self.push({day: self.station.readings[day][-1].value for day in days[begin : begin + length]})

    @precondition(lambda self: self.station is not None and self.may_doubt())
    @rule()
    def push_doubtful(self) -> None:
        assert self.station is not None
        newest = self.station.newest()
        assert newest is not None
        self.push({newest[0] + 1: FAR + newest[0] % 7 * 0.003})

    def may_doubt(self) -> bool:
        """Whether a far reading is doubtful for sure: those before it are many, and alike."""
        assert self.station is not None
        newest, values = self.station.newest(), [*self.station.counting().values()]
        is_ordinary = len(values) >= 12 and max(values) - min(values) < 1 and max(values) < 20
        return is_ordinary and newest is not None and newest[0] < self.today

    @precondition(lambda self: self.station is not None)
    @rule(ahead=st.integers(1, 3), level=levels)
    def push_from_the_future(self, ahead: int, level: int) -> None:
        day = self.today + ahead
        self.push({self.today: self.near(self.today, level), day: self.near(day, level)})

    @precondition(lambda self: self.station is not None)
    @rule(stated=st.sampled_from([None, "kelvin", "fahrenheit"]), some=st.lists(levels, min_size=2, max_size=4))
    def push_a_file(self, stated: str | None, some: list[int]) -> None:
        """Push a file, in the units of the station unless it states others."""
        units, first = stated or self.settings.units, self.today - len(some) + 1
        values = {first + i: self.near(first + i, level) for i, level in enumerate(some)}
        rows = [f"{iso(day * DAY)},{in_units(value, units):.8f}" for day, value in values.items()]
        text, query = "\n".join(["time,sst", *rows, ""]), "" if stated is None else f"?units={stated}"
        self.push(values, Call("POST", f"/stations/{self.id}/observations{query}", text))

    @precondition(lambda self: self.station is not None and self.station.readings)
    @rule(choice=st.integers(0, 30), flag=st.sampled_from([None, GOOD, SUSPECT, FAIL]), level=st.none() | levels)
    def correct(self, choice: int, flag: int | None, level: int | None) -> None:
        assert self.station is not None
        day = self.pick(choice)
        value = None if level is None and flag is not None else self.near(day, level or 0)
        body: Json = {} if flag is None else {"flag": flag}
        if value is not None:
            body["value"] = in_units(value, self.settings.units)
        answer = self.sides.call(Call("PATCH", f"/stations/{self.id}/observations/{iso(day * DAY)}", body))
        self.corrected(day, value, flag or GOOD, "corrected", answer)

    @precondition(lambda self: self.station is not None and self.station.is_doubtful())
    @rule()
    def confirm_by_correcting_the_reading_before(self) -> None:
        assert self.station is not None
        day, value = [*self.station.counting()][-1], FAR + 0.1
        body = {"value": in_units(value, self.settings.units)}
        answer = self.sides.call(Call("PATCH", f"/stations/{self.id}/observations/{iso(day * DAY)}", body))
        self.corrected(day, value, GOOD, "corrected", answer)

    @precondition(lambda self: self.station is not None and self.station.readings)
    @rule(choice=st.integers(0, 30))
    def take_back(self, choice: int) -> None:
        day = self.pick(choice)
        answer = self.sides.call(Call("DELETE", f"/stations/{self.id}/observations/{iso(day * DAY)}"))
        self.corrected(day, None, MISSING, "taken_back", answer)

    def pick(self, choice: int) -> int:
        """Return a day with readings; the newest come first, as they matter most."""
        assert self.station is not None
        days = sorted(self.station.readings, reverse=True)
        return days[choice % len(days)]

    def corrected(self, day: int, value: float | None, flag: int, action: str, answer: Answer) -> None:
        assert self.station is not None
        assert answer.status == 200, answer
        before, old = len(self.station.forecasts), self.station.readings[day][-1]
        if self.station.correct(day, value, flag, self.now):
            new = self.station.corrected
            content = {"time": iso(day * DAY)} | {
                name: {"value": close(each.value), "flag": each.flag} for name, each in (("old", old), ("new", new))
            }
            self.log(action, correction=content)
        self.answered_forecast(answer, before)

    # Others

    @precondition(lambda self: self.station is not None)
    @rule()
    def look_as_another_key(self) -> None:
        is_shared, path = self.settings.visibility == "shared", f"/stations/{self.id}"
        reading = f"{path}/observations/{iso(self.today * DAY)}"
        reads = [Call("GET", path + of) for of in ("", "/observations", "/forecasts", "/alerts", "/verification")]
        writes = [
            Call("DELETE", path),
            self.push_call({self.today: BASE}),
            Call("PATCH", reading, {"flag": GOOD}),
            Call("DELETE", reading),
        ]
        for call in (*reads, *writes):
            expected = 404 if not is_shared else 200 if call in reads else 403
            assert self.sides.call(call._replace(key="bob")).status == expected, call
        listed = self.sides.call(Call("GET", f"/stations?search={self.id}", key="bob")).body["stations"]
        assert [each["id"] for each in listed] == ([self.id] if is_shared else [])
        taken = self.sides.call(Call("PUT", path, written(self.settings), key="bob"))
        assert taken.status == (403 if is_shared else 409), taken

    # Time and trouble

    @rule(seconds=st.sampled_from([60, 3_600, DAY, DAY, 2 * DAY, 5 * DAY, 12 * DAY]))
    def wait(self, seconds: int) -> None:
        self.sides.clock.set(self.now + seconds)

    @rule(seconds=st.sampled_from([60, 3_600, DAY, 3 * DAY]))
    def set_the_clock_back(self, seconds: int) -> None:
        self.sides.clock.set(self.now - seconds)

    @precondition(lambda self: self.has_trouble_left())
    @rule(kill=st.sampled_from([True, True, True, False]))
    def stop(self, kill: bool) -> None:
        if kill:
            self.sides.kill()
        else:
            self.sides.stop()

    def has_trouble_left(self) -> bool:
        """Whether the service may be started again: each start takes as long as many steps."""
        return self.sides.starts < self.last_start

    @precondition(lambda self: self.has_trouble_left())
    @rule()
    def upgrade(self) -> None:
        """Start the service with a database that the version before has left."""
        self.sides.upgrade()
        self.audit, self.is_upgraded = [], True
        if self.station is not None:
            self.station.upgrade()

    @precondition(lambda self: self.station is not None and not self.sides.are_compared and self.has_trouble_left())
    @rule(ago=st.integers(0, 3), some=batches, milliseconds=st.integers(0, 50))
    def die(self, ago: int, some: list[int], milliseconds: int) -> None:
        """Kill the service while it receives readings, which the caller then sends again."""
        first = self.today - ago - len(some) + 1
        values = {first + i: self.near(first + i, level) for i, level in enumerate(some)}
        call = self.push_call(values)
        self.sides.kill_during(call, milliseconds / 1_000)
        assert self.station is not None
        answer = self.sides.call(call)
        counts = self.station.push(values, self.now)
        found = {name: answer.body[name] for name in ("new", "revised", "unchanged")}
        assert found in ({name: counts[name] for name in found}, {"new": 0, "revised": 0, "unchanged": len(values)})
        self.log_push(values, counts)
        self.fetch_new_forecasts()

    @precondition(lambda self: self.station is not None and not self.sides.are_compared)
    @rule(
        ago=st.integers(0, 3),
        some=st.lists(levels, min_size=2, max_size=2),
        others=batches,
    )
    def push_at_once(self, ago: int, some: list[int], others: list[int]) -> None:
        """Push readings by two callers at once, in any order, perhaps with one forecast."""
        assert self.station is not None
        values = [
            {day: self.near(day, level) for day, level in enumerate(levels, self.today - ago - len(levels) + 1)}
            for levels in (some, others)
        ]
        answers = self.sides.at_once([self.push_call(each) for each in values])
        before, kept, logged, errors = self.station, [*self.archive], [*self.audit], list[AssertionError]()
        for order, (issues, judges) in product(([0, 1], [1, 0]), ((True, True), (True, False), (False, False))):
            self.station, self.archive, self.audit = deepcopy(before), [*kept], [*logged]
            try:
                for i in order:
                    is_last = i == order[-1]
                    counts = self.station.push(values[i], self.now, issues=issues or is_last, judges=judges or is_last)
                    assert {name: answers[i].body[name] for name in ("new", "revised", "unchanged")} == {
                        name: counts[name] for name in ("new", "revised", "unchanged")
                    }
                    self.log_push(values[i], counts)
                self.fetch_new_forecasts()
                self.all_is_as_the_model_says()
            except AssertionError as error:
                errors.append(error)
            else:
                return
        raise ExceptionGroup("no order of the two explains what is stored", errors)

    @invariant()
    def all_is_as_the_model_says(self) -> None:
        if not hasattr(self, "station"):
            return
        if self.station is None:
            for path in ("", "/observations", "/forecasts", "/alerts", "/verification"):
                assert self.sides.call(Call("GET", f"/stations/{self.id}{path}")).status == 404
        else:
            self.check_station()
            self.check_readings()
            self.check_forecasts()
            self.check_verification()
            self.check_alerts()
        self.check_audit()

    def get(self, path: str) -> Any:
        answer = self.sides.call(Call("GET", path))
        assert answer.status == 200, answer
        return answer.body

    def listed(self, kind: str) -> list[Json]:
        found: list[Json] = self.get(f"/stations/{self.id}/{kind}?limit=500")[kind]
        return found

    def check_station(self) -> None:
        assert self.station is not None
        found, settings, newest = self.get(f"/stations/{self.id}"), self.settings, self.station.newest()
        expected = written(settings) | {"alert_within": f"P{settings.days_told}D"}
        assert {name: value for name, value in found.items() if name in expected} == expected | {
            "events": found["events"]
        }
        assert (found["created"], found["changed"]) == (iso(self.station.created), iso(self.station.changed))
        if newest is None:
            assert found["newest"] is None
        else:
            day, reading = newest
            assert found["newest"] == {
                "time": iso(day * DAY),
                "sst": close(in_units(reading.value, settings.units)),
                "received": iso(reading.received),
                "flag": reading.flag,
                "age_seconds": self.now - day * DAY,
            }
        states = {each["name"]: each for each in found["events"] if each["kind"] == "threshold"}
        assert states.keys() == settings.events.keys()
        for name, told in self.station.told.items():
            state, since = states[name]["state"], states[name]["since"]
            if not self.station.counting():
                assert state == "unknown"
            else:
                assert state == ("inactive" if told.since is None else "active")
                assert since == (None if told.since is None else iso(told.since * DAY))

    def check_readings(self) -> None:
        assert self.station is not None
        found = self.get(f"/stations/{self.id}/observations?revisions=true")
        rows = zip(
            *(found[name] for name in ("timestamps", "values", "revision", "received", "flag", "tests")), strict=True
        )
        expected = [
            (iso(day * DAY), close(in_units(each.value, self.settings.units)), i, iso(each.received), each.flag)
            for day, revisions in sorted(self.station.readings.items())
            for i, each in enumerate(revisions)
        ]
        assert [row[:5] for row in rows] == expected

    def check_forecasts(self) -> None:
        assert self.station is not None
        kept = sorted(self.archive, key=lambda each: each[1]["observed_until"])
        for found, (units, forecast) in zip(self.listed("forecasts"), kept, strict=True):
            if units == self.settings.units:
                assert found == forecast
            else:
                assert found["sst"] == [
                    close(in_units(to_celsius(sst, units), self.settings.units)) for sst in forecast["sst"]
                ]
                names = "issued", "observed_until", "replayed", "model", "version", "timestamps"
                assert [found[name] for name in names] == [forecast[name] for name in names]

    def check_verification(self) -> None:
        assert self.station is not None
        found = self.get(f"/stations/{self.id}/verification")["leads"]
        errors = self.station.verified()
        factor = 1.8 if self.settings.units == "fahrenheit" else 1.0
        assert {lead["lead"]: lead["n"] for lead in found if lead["n"]} == {
            lead: len(every) for lead, every in errors.items()
        }
        for lead in found:
            every = errors.get(lead["lead"], [])
            own = [each * factor for each in every if each is not None]
            if own and len(own) == len(every):
                best = lead["models"][0]
                assert best["mae"] == pytest.approx(sum(map(abs, own)) / len(own), abs=2e-5)
                assert best["bias"] == pytest.approx(sum(own) / len(own), abs=2e-5)

    def check_alerts(self) -> None:
        assert self.station is not None
        found = [each for each in self.listed("alerts") if each["alert"] != "expected"]
        if self.is_upgraded:
            # It may have been silent for long, and is not any more.
            found = [each for each in found if each["event"] != "silent"]
        names = ("event", "alert", "observed_until", "raised", "late", "delay_seconds", "status")
        expected = [
            (
                *(each.event, each.kind, iso(each.day * DAY), iso(each.raised), each.arrived > (each.day + 3) * DAY),
                *(max(0, each.arrived - (each.day + 1) * DAY), each.status),
            )
            for each in sorted(self.station.alerts, key=lambda each: each.raised)
        ]
        assert [tuple(each[name] for name in names) for each in found][::-1] == expected

    def log(self, action: str, **content: Any) -> None:
        """Note what the audit must say."""
        self.audit.append({"time": iso(self.now), "who": "alice", "station": self.id, "action": action, **content})

    def check_audit(self) -> None:
        if self.station is None and not self.audit:
            assert self.sides.call(Call("GET", f"/audit?station={self.id}")).status == 404
            return
        found = self.get(f"/audit?station={self.id}&limit=500")["entries"][::-1]
        shown = []
        for entry, expected in zip(found, self.audit, strict=False):
            own = {name: entry[name] for name in expected}
            if "changes" in expected:
                own["changes"] = {*entry["changes"]}
            shown.append(own)
        assert (shown, len(found)) == (self.audit, len(self.audit))


def written(settings: Settings) -> Json:
    """Return settings as clients send them."""
    return {
        "step": "day",
        "units": settings.units,
        "name": settings.name,
        "horizon": settings.horizon,
        "visibility": settings.visibility,
        "alert_within": None if settings.alert_days is None else f"P{settings.alert_days}D",
        "events": [
            {"name": name, "kind": "threshold", "above": event.above, "for": event.days, "alert_at": 1.0}
            for name, event in sorted(settings.events.items())
        ],
    }


def check_forecast(forecast: Json, expected: Forecast, units: str) -> None:
    assert forecast["issued"] == iso(expected.issued)
    assert forecast["observed_until"] == iso(expected.until * DAY)
    assert forecast["replayed"] == expected.replayed
    assert forecast["timestamps"] == [iso((expected.until + 1 + i) * DAY) for i in range(expected.horizon)]
    if expected.is_sure:
        assert forecast["sst"] == [close(in_units(expected.last + BIAS, units))] * expected.horizon


def search(sides_to_try: Sides, seed: int, share: int) -> None:
    """Try one in ``share`` of the histories of the profile, of up to 25 steps; others with another seed."""

    @seeded(seed)
    class Tried(History):
        sides = sides_to_try

    examples = settings().max_examples // share
    run_state_machine_as_test(Tried, settings=settings(settings(), max_examples=examples, stateful_step_count=25))
