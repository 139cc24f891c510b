"""A release of two networks that were trained elsewhere, beside the other releases."""

from pathlib import Path

from forecasting.series.sst_series import SstSeries
from tests.training.importing import modules
from training.importing.run import Import, import_models
from training.run import Destination

HORIZON = 3


def publish(folder: Path, series: SstSeries, data: Path) -> None:
    """Import ``steady`` and ``persistent`` as the dataset abroad."""
    folder.mkdir(parents=True, exist_ok=True)
    named = {"steady": modules.Steady(), "persistent": modules.Persistent()}
    models = {name: modules.save(module, folder / f"{name}.pt") for name, module in named.items()}
    import_models(Import(models, HORIZON), series, data, Destination("abroad", folder, title="A bay abroad"))
    for model in models.values():
        model.unlink()
