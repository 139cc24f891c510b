import pytest

from benchmarks.size import faults

LIMIT = {"lines": {"tests": 1_000}, "entered": {"a forecast": 200}}


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ({"lines": {"tests": 1_000}, "entered": {"a forecast": 200}}, []),
        ({"lines": {"tests": 990}, "entered": {"a forecast": 198}}, []),
        ({"lines": {"tests": 0}}, []),
        (
            {"lines": {"tests": 1_001}},
            ["lines (tests): 1001, but the limit in benchmarks/size.toml is 1000: take 1 away, or raise it"],
        ),
        ({"lines": {"tests": 989}}, ["under [lines]: tests = 989"]),
        ({"entered": {"a forecast": 150}}, ['under [entered]: "a forecast" = 150']),
    ],
)
def test_a_number_may_neither_exceed_its_limit_nor_leave_it_behind(
    counts: dict[str, dict[str, int]], told: list[str]
) -> None:
    found = [*faults(counts, LIMIT)]
    assert len(found) == len(told)
    for fault, part in zip(found, told, strict=True):
        assert part in fault
