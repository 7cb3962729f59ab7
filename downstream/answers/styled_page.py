"""Pages of answers, which look alike and fetch nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from downstream.reports.page import rendered

HERE = Path(__file__).parent


def styled_page(template: str, **values: Any) -> str:
    """A page from a template of this folder, with ``page_style.css`` as its ``style``; see `rendered`.

    Raises:
        NieError: the extra ``report`` is not installed.
    """
    style = (HERE / "page_style.css").read_text(encoding="utf-8")
    return rendered(HERE / template, style=style, **values)
