"""Evaluate events by a forecast: how probable they are, when they begin and end, and how far they go."""

from typing import overload

from forecasting.events.definitions import EventDefinition, HeatStress, MarineEvent, ThresholdEvent
from forecasting.events.heat_stress import evaluate_heat_stress
from forecasting.events.marine_event import evaluate_marine
from forecasting.events.outcomes import EventOutcome, HeatStressOutcome, MarineOutcome, ThresholdOutcome
from forecasting.events.outlook import Outlook
from forecasting.events.threshold_event import evaluate_threshold


@overload
def evaluate(definition: ThresholdEvent, outlook: Outlook) -> ThresholdOutcome: ...


@overload
def evaluate(definition: MarineEvent, outlook: Outlook) -> MarineOutcome: ...


@overload
def evaluate(definition: HeatStress, outlook: Outlook) -> HeatStressOutcome: ...


def evaluate(definition: EventDefinition, outlook: Outlook) -> EventOutcome:
    """Return the forecast of an event.

    Args:
        definition: what is asked.
        outlook: the past of the series and its sampled future.

    Raises:
        RequestError: if the forecast does not have what the event asks for, such as the leads.
        SeriesError: if the event cannot be evaluated on this series, for example without a baseline.
    """
    match definition:
        case ThresholdEvent():
            return evaluate_threshold(definition, outlook)
        case MarineEvent():
            return evaluate_marine(definition, outlook)
        case HeatStress():
            return evaluate_heat_stress(definition, outlook)
