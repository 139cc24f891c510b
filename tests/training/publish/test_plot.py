import numpy as np
import pandas as pd

from training.publish.plot import draw_comparison
from training.run import Published


def predictions(published: Published) -> pd.DataFrame:
    return pd.read_csv(published.path / "predictions.csv", index_col="time")[["observed", "rnn", "lstm", "gru"]]


def test_lines_break_at_long_gaps(published: Published) -> None:
    whole = predictions(published)
    figure = draw_comparison(whole.drop(whole.index[20:30]).drop(whole.index[50:52]), published.report)
    for line in figure.axes[0].lines[:4]:
        values = np.asarray(line.get_ydata(), dtype=np.float64)
        assert np.flatnonzero(np.isnan(values)).tolist() == [20]
        assert len(values) == len(whole) - 12 + 1


def test_a_series_without_gaps_is_drawn_without_breaks(published: Published) -> None:
    whole = predictions(published)
    for frame in (whole, whole.iloc[:1]):
        drawn = np.asarray(draw_comparison(frame, published.report).axes[0].lines[0].get_ydata())
        assert len(drawn) == len(frame)
