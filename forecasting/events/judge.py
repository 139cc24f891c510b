"""Judge events by a forecast: how probable they are, when they begin and end, and how far they go."""

from typing import overload

from forecasting.events.definitions import EventDefinition, HeatStress, MarineEvent, ThresholdEvent
from forecasting.events.kinds.heat_stress import judge_heat_stress
from forecasting.events.kinds.marine_event import judge_marine
from forecasting.events.kinds.threshold_event import judge_threshold
from forecasting.events.outcomes import EventOutcome, HeatStressOutcome, MarineOutcome, ThresholdOutcome
from forecasting.events.outlook import Outlook


@overload
def judge(definition: ThresholdEvent, outlook: Outlook) -> ThresholdOutcome: ...


@overload
def judge(definition: MarineEvent, outlook: Outlook) -> MarineOutcome: ...


@overload
def judge(definition: HeatStress, outlook: Outlook) -> HeatStressOutcome: ...


def judge(definition: EventDefinition, outlook: Outlook) -> EventOutcome:
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
        case HeatStress():
            return judge_heat_stress(definition, outlook)
