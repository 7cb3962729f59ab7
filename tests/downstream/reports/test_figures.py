"""downstream.reports.figures. What most figures show is in the tests of studies."""

from pathlib import Path

import pytest

from downstream.reports import figures
from nie.runs.run import Run

pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install 'nie[report]'")


def test_a_row_on_pretrained_features_is_dashed_in_the_colour_of_its_one_fellow(tmp_path: Path) -> None:
    runs: dict[str, Run] = {}
    configs: dict[str, dict[str, object]] = {
        "a": {"model": 1}, "a on LICAP": {"model": 1, "pretrained": "x"},
        "b": {"model": 2}, "b, L1": {"model": 2, "pretrained": "x"}, "b, L2": {"model": 2, "pretrained": "y"},
    }  # fmt: skip
    for row, config in configs.items():
        fold = tmp_path / row / "fold0"
        fold.mkdir(parents=True)
        (fold / "DONE").touch()
        (fold / "curves.csv").write_text("epoch,spearman\n1,0.5\n")
        runs[row] = Run(fold.parent, config)
    figure = figures.learning_curves(runs)
    assert figure is not None
    drawn = {line.get_label(): line for line in figure.axes[0].lines}
    assert {row for row, line in drawn.items() if line.get_linestyle() == "--"} == {"a on LICAP", "b, L1", "b, L2"}
    colours = {row: tuple(line.get_color()) for row, line in drawn.items()}
    assert colours["a"] == colours["a on LICAP"]
    assert len(set(colours.values())) == 4
