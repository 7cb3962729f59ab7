"""Fixtures shared by the tests of studies."""

from __future__ import annotations

from typing import Any, BinaryIO

import pytest


@pytest.fixture
def unpainted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are composed but not painted, which takes most of the time of a report and is tested in `test_run`."""
    pytest.importorskip("matplotlib")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    def nothing(_canvas: Any, file: BinaryIO) -> None:
        file.write(b"<svg></svg>")

    monkeypatch.setattr(FigureCanvasAgg, "print_png", nothing)
    monkeypatch.setattr(FigureCanvasSVG, "print_svg", nothing)
