"""Judge events by a forecast: how probable they are, when they begin, and how far they go."""

from forecasting.events.definitions import ThresholdEvent
from forecasting.events.outcomes import ThresholdOutcome
from forecasting.events.outlook import Outlook
from forecasting.events.threshold_event import judge_threshold


def judge(definition: ThresholdEvent, outlook: Outlook) -> ThresholdOutcome:
    """Return the forecast of an event.

    Args:
        definition: what is asked.
        outlook: the past of the series and its sampled future.

    Raises:
        RequestError: if the forecast does not have what the event asks for, such as the leads.
        SeriesError: if the event cannot be judged on this series, for example without a baseline.
    """
    return judge_threshold(definition, outlook)
