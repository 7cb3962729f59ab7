"""Errors that nobody foresaw: one sentence on the page, wherever they happen, where a view would stay blank."""

from __future__ import annotations

import dash
from dash import html

from downstream.explore.elements import said
from nie.progress import log

PLACE = "unforeseen"
"""The element with the sentence."""


def place_for_errors() -> html.Div:
    """The element, which stands above every view."""
    return html.Div(id=PLACE)


def tell(error: Exception) -> None:
    """Say on the page that the last answer failed, and leave all else on it as it is; the terminal has the details.

    Dash calls this for every callback that raises (``on_error``).

    Args:
        error: what was raised.
    """
    log.error("the page could not answer", exc_info=error)
    sentence = f"nie could not answer this, by a mistake of its own ({type(error).__name__}); the terminal says more."
    dash.set_props(PLACE, {"children": said(sentence)})


def forget() -> None:
    """Take the sentence away, as another view is shown."""
    dash.set_props(PLACE, {"children": None})
