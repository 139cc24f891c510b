"""Judge events by a forecast: how probable they are, when they begin and end, and how far they go."""

from typing import overload

from forecasting.events.definitions import MarineEvent, ThresholdEvent
from forecasting.events.marine_event import judge_marine
from forecasting.events.outcomes import MarineOutcome, ThresholdOutcome
from forecasting.events.outlook import Outlook
from forecasting.events.threshold_event import judge_threshold


@overload
def judge(definition: ThresholdEvent, outlook: Outlook) -> ThresholdOutcome: ...


@overload
def judge(definition: MarineEvent, outlook: Outlook) -> MarineOutcome: ...


def judge(definition: ThresholdEvent | MarineEvent, outlook: Outlook) -> ThresholdOutcome | MarineOutcome:
    """Return the forecast of an event.

    Args:
        definition: what is asked.
        outlook: the past of the series and its sampled future.

    Raises:
        RequestError: if the forecast does not have what the event asks for, such as the leads.
        SeriesError: if the event cannot be judged on this series, for example without a baseline.
    """
    match definition:
        case ThresholdEvent():
            return judge_threshold(definition, outlook)
        case MarineEvent():
            return judge_marine(definition, outlook)
