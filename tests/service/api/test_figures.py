import re

import pytest

from service.api.figures import Line, figure, swatch

TEXT = re.compile(r'<text x="([\d.]+)" y="([\d.]+)"(?: dy="4")? text-anchor="(\w+)">([^<]*)</text>')


def test_points_are_drawn_where_the_ticks_say() -> None:
    svg = figure(
        "Error, °C", [Line("gru", [(1, 0.31), (2, 0.4), (3, 0.22)])], [(1, "1"), (3, "3")], "Months ahead", 0.5
    )
    labels = [(float(x), float(y), anchor, text) for x, y, anchor, text in TEXT.findall(svg)]
    vertical = [(y, float(text)) for _, y, anchor, text in labels if anchor == "end"]
    horizontal = [(x, float(text)) for x, _, anchor, text in labels if anchor == "middle" and text.isdigit()]
    (y0, low), (y1, high), *_ = vertical
    (x0, first), (x1, last) = horizontal
    (path,) = re.findall(r'class="line" d="M([^"]*)" stroke="var\(--gru\)"', svg)
    drawn = [
        (
            first + (float(x) - x0) / (x1 - x0) * (last - first),
            low + (float(y) - y0) / (y1 - y0) * (high - low),
        )
        for x, y in (point.split() for point in path.split("L"))
    ]
    assert [position for position, _ in drawn] == pytest.approx([1, 2, 3], abs=0.01)
    assert [value for _, value in drawn] == pytest.approx([0.31, 0.4, 0.22], abs=0.002)
    assert 3 <= len(vertical) <= 6
    rule = float(re.findall(r'class="zero" d="M46 ([\d.]+)H', svg)[0])
    assert low + (rule - y0) / (y1 - y0) * (high - low) == pytest.approx(0.5, abs=0.002)


def test_dots_stand_for_values_that_no_line_joins_and_names_are_text() -> None:
    svg = figure("<b>", [Line("<i>", [(0, 1.0), (0, 1.0)], joined=False, number=1)], [(0, "a & b")])
    assert svg.count('<circle cx="187.0"') == 2
    assert 'fill="var(--imported-2)"' in svg
    assert "<b>" not in svg
    assert "&lt;b&gt;" in svg
    assert "a &amp; b" in svg


def test_values_that_are_not_finite_are_left_out() -> None:
    nan, inf = float("nan"), float("inf")
    svg = figure("Loss", [Line("gru", [(1, nan), (2, 0.5), (3, inf), (4, 0.4)]), Line("rnn", [(1, nan)])], [(1, "1")])
    assert svg.count('class="line"') == 1
    assert "nan" not in svg
    assert "inf" not in svg
    assert 'class="grid"' in figure("Loss", [Line("gru", [])], [(1, "1")])


def test_lines_that_lie_over_each_other_differ_in_their_dashes() -> None:
    samples = [swatch(Line(kind, [])) for kind in ("rnn", "lstm", "gru", "persistence", "climatology", "linear")]
    assert len({re.sub(r'stroke="[^"]*"', "", sample) for sample in samples}) == len(samples)
