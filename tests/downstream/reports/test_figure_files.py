"""downstream.reports.figure_files."""

from pathlib import Path
from typing import Any

import pytest

from downstream import studies
from downstream.reports import figure_files, figures

pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install 'nie[report]'")


def test_figures_are_drawn_again_only_where_what_they_show_has_changed(tmp_path: Path) -> None:
    drawn = []

    def draw() -> dict[str, Any]:
        drawn.append(1)
        return {"training cost": figures.training_cost({"gcn": float(len(drawn))})}

    first = figure_files.kept_or_drawn(tmp_path, ["a", 1], draw)
    assert figure_files.kept_or_drawn(tmp_path, ("a", 1), draw) == first
    assert len(drawn) == 1
    second = figure_files.kept_or_drawn(tmp_path, ["a", 2], draw)
    assert (len(drawn), second == first) == (2, False)
    whole = (tmp_path / "training-cost.svg").read_text()
    half = whole[: len(whole) // 2]
    damaged = (
        *(("figures.json", text) for text in ("{", "[]", '{"made_from": 1}')),
        *(("training-cost.svg", text) for text in ("no picture", half)), ("training-cost.png", ""),
    )  # fmt: skip
    for name, text in damaged:
        (tmp_path / name).write_text(text) if text else (tmp_path / name).unlink()
        before = len(drawn)
        assert set(figure_files.kept_or_drawn(tmp_path, ["a", 2], draw)) == {"training cost"}
        assert len(drawn) == before + 1, name


def test_figures_are_drawn_again_where_the_code_of_a_study_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Path(studies.__path__[0]) in figure_files.DRAWING
    monkeypatch.setattr(figure_files, "DRAWING", (tmp_path,))
    drawn = []

    def draw() -> dict[str, Any]:
        drawn.append(code)
        return {}

    for code in ("size = 1", "size = 1", "size = 2"):
        (tmp_path / "study.py").write_text(code)
        figure_files.kept_or_drawn(tmp_path, [], draw)
    assert drawn == ["size = 1", "size = 2"]
