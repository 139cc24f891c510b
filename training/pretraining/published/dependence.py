"""The dependence between the leads of a published universal release."""

from forecasting.events.joint.dependence import Dependence
from forecasting.networks.device import CPU
from forecasting.networks.metadata import CELLS
from forecasting.releases.release import Release
from forecasting.universal.network.checkpoint import load
from training.pretraining.data.examples import Panel, simulated_panel
from training.pretraining.evaluation.dependence import held_out_dependence
from training.pretraining.run import held_out_chunks
from training.pretraining.spec import SPECS


def universal_dependences(release: Release, seas: int) -> dict[str, Dependence]:
    """Return the dependence of each network, by the name of its file, from errors on simulated seas.

    Args:
        release: universal.
        seas: number of simulated seas, which the networks were not trained on.

    Raises:
        ReleaseError: if the release cannot be read.
    """
    loaded = {cell: load(release.read(f"{cell}.pt"), CPU) for cell in CELLS if release.holds(f"{cell}.pt")}
    _, metadata = next(iter(loaded.values()))
    spec = SPECS[metadata.step]
    panel = Panel.join([simulated_panel(spec, *chunk) for chunk in held_out_chunks(seas)])
    return {f"{cell}.pt": held_out_dependence(module, spec, panel) for cell, (module, _) in loaded.items()}
