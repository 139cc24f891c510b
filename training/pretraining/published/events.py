"""Event scores for universal releases that were published without them, or with another dependence between leads.

``python -m training.pretraining.published.events artifacts/NAME/VERSION …`` scores the networks, and writes report
and model card again. Do not run it while a service loads the release.
"""

import sys
from pathlib import Path
from typing import Final

from forecasting.networks.device import CPU
from forecasting.networks.metadata import CELLS
from forecasting.releases.release import Release
from forecasting.releases.trusted_keys import TrustedKeys
from forecasting.universal.network.checkpoint import load
from forecasting.universal.report import parse_universal_report
from training.pretraining.card import CARD, REPORT, write_card
from training.pretraining.data.examples import Panel, simulated_panel
from training.pretraining.evaluation.event_scores import score_events
from training.pretraining.run import event_chunks
from training.pretraining.spec import SPECS
from training.publish.release import reseal

_SEAS: Final = 1_000


def rescore_events(folder: Path, seas: int = _SEAS) -> None:
    """Score the events of the release in ``folder`` again, and write its report and model card.

    Args:
        folder: of a universal release.
        seas: number of simulated seas.

    Raises:
        ReleaseError: if a file is not the one that was published, or keys to trust are named and none of them signed
            the release.
    """
    release = Release.open(folder, TrustedKeys.chosen(()))
    report = parse_universal_report(release.read(REPORT))
    spec = SPECS[report.step]
    panel = Panel.join([simulated_panel(spec, *chunk) for chunk in event_chunks(seas)])
    models = []
    for cell in CELLS:
        module, metadata = load(release.read(f"{cell}.pt"), CPU)
        model = next(model for model in report.models if model.model == metadata.model)
        events = score_events(module, spec, panel, metadata.dependence)
        models.append(model.model_copy(update={"events": tuple(events)}))
    rescored = report.model_copy(update={"models": tuple(models)})
    (folder / REPORT).write_text(rescored.model_dump_json(indent=1) + "\n", encoding="utf-8")
    (folder / CARD).write_text(write_card(rescored, spec), encoding="utf-8")
    reseal(release)


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        rescore_events(Path(argument))
