"""The page as a Dash app: a frame, and the view that the address names."""

from __future__ import annotations

import functools
import html as markup
from pathlib import Path
from typing import Any

import dash
from dash import Input, Output, dcc, html

from downstream.answers import styled_page
from downstream.explore import unforeseen
from downstream.explore.card import card
from downstream.explore.comparison_view import comparison_view
from downstream.explore.elements import answered, heading
from downstream.explore.explored import Explored
from downstream.explore.naming import add_naming, name_lists
from downstream.explore.new_node_view import add_new_node, new_node_view
from downstream.explore.places import Places
from downstream.explore.quality import Quality
from downstream.explore.quality_view import calibration_view, errors_view
from downstream.explore.ranking_view import add_ranking, ranking_view
from downstream.explore.what_if_view import NOTHING_YET, add_what_if
from downstream.explore.why_view import add_why

HERE = Path(__file__).parent
VIEWS = {"": "Ranking", "new": "New node", "calibration": "How sure", "errors": "Errors"}
COMPARISON = {"comparison": "Two runs"}


def make_app(explored: Explored, token: str) -> dash.Dash:
    """The app, all of whose files come from the wheels of its libraries.

    Args:
        explored: what it is about.
        token: the first part of each of its addresses.
    """
    places = Places(f"/{token}/")
    app = dash.Dash(
        "nie", requests_pathname_prefix=places.prefix, routes_pathname_prefix=places.prefix, serve_locally=True,
        include_assets_files=False, suppress_callback_exceptions=True, title=markup.escape(explored.title),
        update_title="", add_log_handler=False, compress=False, index_string=_frame(),
        on_error=unforeseen.tell,
    )  # fmt: skip
    views = VIEWS | (COMPARISON if explored.other else {})
    app.layout = html.Div([
        html.A("To the content", href="#content", className="skip"),
        html.Header([
            html.P(explored.title, className="quiet"),
            html.Nav(id="views", **{"aria-label": "Views"}),
        ]),
        unforeseen.place_for_errors(),
        html.Main(id="content", tabIndex=-1),
        name_lists(explored),
        dcc.Location(id="place", refresh="callback-nav"),
        dcc.Store(id="changes", data=NOTHING_YET),
    ])  # fmt: skip

    @app.callback(Output("content", "children"), Output("views", "children"), Input("place", "pathname"))
    def show(path: Any) -> Any:
        unforeseen.forget()
        name, node = places.found(str(path))
        links = [
            dcc.Link(words, href=places.view(view), className="here" if view == name else "")
            for view, words in views.items()
        ]
        return _view(explored, places, name, node), links

    add_ranking(app, explored, places)
    add_why(app, explored, places)
    add_naming(app, explored)
    add_what_if(app, explored)
    add_new_node(app, explored)
    return app


@answered
def _view(explored: Explored, places: Places, name: str, node: int | None) -> Any:
    match name:
        case "":
            return ranking_view(explored)
        case "node" if node is not None and node < explored.kg.num_nodes:
            return card(explored, node)
        case "new":
            return new_node_view(explored)
        case "calibration":
            return calibration_view(_quality(explored))
        case "errors":
            return errors_view(explored, _quality(explored), places)
        case "comparison":
            return comparison_view(explored, places)
    return html.Div([heading("There is nothing here", 1), dcc.Link("The ranking", href=places.view(""))])


@functools.lru_cache(maxsize=1)
def _quality(explored: Explored) -> Quality:
    return Quality.of(explored)


def _frame() -> str:
    """The page around the app, with its style inside."""
    style = (Path(styled_page.__file__).with_name("page_style.css"), HERE / "explore.css")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
{{%metas%}}
<title>{{%title%}}</title>
<link rel="icon" href="data:,">
{{%css%}}
<style>
{"".join(path.read_text(encoding="utf-8") for path in style)}
</style>
</head>
<body>
{{%app_entry%}}
<noscript><p>The page needs JavaScript.</p></noscript>
<footer>{{%config%}}{{%scripts%}}{{%renderer%}}</footer>
</body>
</html>"""
