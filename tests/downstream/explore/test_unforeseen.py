"""An error that nobody foresaw is one sentence on the page: downstream.explore.unforeseen."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("dash")
pytest.importorskip("dash_cytoscape")

from downstream.explore import unforeseen
from downstream.explore.app import make_app


class Broken:
    """Whatever is asked of it fails."""

    def __getattr__(self, name: str) -> Any:
        raise ZeroDivisionError(f"token and {name}")


@pytest.fixture(scope="module")
def app() -> Any:
    explored = SimpleNamespace(title="t", other=None, kg=SimpleNamespace(relation_names=[], num_nodes=9, node_names=[]))
    explored.ranking = explored.questions = explored.model = Broken()
    return make_app(explored, "token")  # type: ignore[arg-type]


def asked(app: Any, output: str, values: dict[str, Any]) -> dict[str, Any]:
    """What the app answers to the callback with this output, of which only the given inputs have a value."""
    identifier = next(name for name in app.callback_map if output in name.strip(".").split("..."))
    known = app.callback_map[identifier]

    def read(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [part | {"value": values.get(f"{part['id']}.{part['property']}")} for part in parts]

    outputs = [
        dict(zip(("id", "property"), name.split("."), strict=True)) for name in identifier.strip(".").split("...")
    ]
    body = {
        "output": identifier, "outputs": outputs if len(outputs) > 1 else outputs[0],
        "inputs": read(known["inputs"]), "state": read(known["state"]), "changedPropIds": list(values)[:1],
    }  # fmt: skip
    answer = app.server.test_client().post("/token/_dash-update-component", json=body)
    assert answer.status_code == 200
    return dict(answer.get_json())


@pytest.mark.parametrize(
    ("output", "values"),
    [
        ("content.children", {"place.pathname": "/token/"}),
        ("rows.children", {"search.value": "x"}),
        ("why.children", {"node.data": 1, "why-method.value": "ig", "why-count.value": 10}),
        ("suggestions.children", {"raise.n_clicks": 1, "node.data": 1}),
        ("changed-scores.children", {"ask.n_clicks": 1, "changes.data": {"remove": [], "add": []}}),
        ("new-score.children", {"score-it.n_clicks": 1, "new-name.value": "n", "new-facts.data": []}),
    ],
)
def test_it_is_said_in_one_sentence(
    app: Any, output: str, values: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "nie"):
        found = asked(app, output, values)
    message = found["sideUpdate"][unforeseen.PLACE]["children"]["props"]
    assert message["children"].startswith("nie could not answer this")
    assert message["role"] == "alert"
    assert "ZeroDivisionError" in message["children"]
    assert "token and" not in str(found)
    assert "token and" in caplog.text
    assert not found.get("response")  # the view is left as it is


def test_every_callback_goes_that_way(app: Any) -> None:
    assert app._on_error is unforeseen.tell
    assert not [name for name, known in app.callback_map.items() if known.get("on_error")]


def test_the_sentence_goes_with_the_view(app: Any) -> None:
    found = asked(app, "content.children", {"place.pathname": "/token/nothing"})
    assert found["sideUpdate"][unforeseen.PLACE]["children"] is None
    assert "There is nothing here" in str(found["response"])
