"""The report of a release and the texts written from it: ``report.json``, ``report.md`` and ``MODEL_CARD.md``.

``python -m training.publish.text.texts artifacts/NAME/VERSION …`` rewrites the texts of published releases after their
wording has changed. Do not run it while a service loads the release.
"""

import sys
from pathlib import Path

from forecasting.evaluation.report import Report, parse_report
from forecasting.releases.release import Release
from training.publish.release import reseal
from training.publish.text.card import model_card
from training.publish.text.report_markdown import readable_report

REPORT = "report.json"


def write_report(folder: Path, report: Report) -> None:
    """Write ``report`` into ``folder``, with the texts for people to read."""
    (folder / REPORT).write_text(report.model_dump_json(indent=1, exclude_none=True) + "\n", encoding="utf-8")
    _write_texts(folder, report)


def rewrite_texts(folder: Path) -> None:
    """Write the texts of the release in ``folder`` again from its report, and seal it again.

    Raises:
        ReleaseError: if a file is not the one that was published.
    """
    release = Release.open(folder)
    contents = {name: release.read(name) for name in release.manifest.files}
    _write_texts(folder, parse_report(contents[REPORT]))
    reseal(release)


def _write_texts(folder: Path, report: Report) -> None:
    (folder / "report.md").write_text(readable_report(report), encoding="utf-8")
    (folder / "MODEL_CARD.md").write_text(model_card(report), encoding="utf-8")


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        rewrite_texts(Path(argument))
