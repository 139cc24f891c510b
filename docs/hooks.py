"""Notebooks as pages of the documentation site."""

import re
from pathlib import Path
from typing import Any

from properdocs.config.defaults import ProperDocsConfig
from properdocs.structure.files import File, Files

from service.plugins.page.manual import notebook_markdown


def on_files(files: Files, config: ProperDocsConfig) -> Files:
    """Replace each notebook by its Markdown."""
    for file in [file for file in files if file.src_uri.endswith(".ipynb")]:
        files.remove(file)
        text = notebook_markdown(Path(str(file.abs_src_path)).read_text(encoding="utf-8"))
        files.append(File.generated(config, file.src_uri.removesuffix("ipynb") + "md", content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Lead links to notebooks to their pages."""
    return re.sub(r"\.ipynb(?=[)#])", ".md", markdown)
