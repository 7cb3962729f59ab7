"""The figures of a study as PNG and SVG files, which are kept while what they show is the same."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nie.disk.atomic import write_bytes
from nie.disk.seal import broken, file_digest
from nie.extras import require
from nie.runs.files import write_json
from nie.runs.fold_folder import DONE
from nie.runs.run import Run

REPORTS = Path(__file__).parent
DRAWING = (REPORTS, REPORTS.with_name("studies"))
"""The packages whose code draws: what all studies have in common, and what one has of its own."""


def write_figures(folder: Path, drawn: Mapping[str, Any]) -> dict[str, str]:
    """Write every figure as ``<name>.png`` and ``<name>.svg``; return the SVG text by name."""
    # `savefig` draws twice, once to find the size of what is drawn, which here is the figure's.
    pixels = require("matplotlib.backends.backend_agg", "report")
    texts = {}
    for name, figure in drawn.items():
        figure.set_dpi(150)
        png = io.BytesIO()
        pixels.FigureCanvasAgg(figure).print_png(png)
        figure.set_layout_engine("none")  # what is placed stays there
        svg = svg_text(figure)
        write_bytes(_path(folder, name, "png"), png.getvalue())
        write_bytes(_path(folder, name, "svg"), svg.encode("utf-8"))
        texts[name] = inside_a_page(svg)
    return texts


def kept_or_drawn(folder: Path, made_from: Any, draw: Callable[[], Mapping[str, Any]]) -> dict[str, str]:
    """The SVG text of figures by name: those in ``folder`` if they were made from the same, else new ones.

    Drawing takes most of the time of a report, and a report is often written again with nothing new.

    Args:
        folder: where figures are, or are written by `write_figures`.
        made_from: what the figures show, as JSON; the code of reports and studies, which draw them, is added here.
        draw: makes the figures.
    """
    made_from = json.loads(json.dumps([_code_digest(), made_from]))
    index = folder / "figures.json"
    try:
        kept = json.loads(index.read_text(encoding="utf-8"))
        if kept["made_from"] == made_from and not any(broken(folder, files) for files in kept["figures"].values()):
            return {name: inside_a_page(_path(folder, name, "svg").read_text("utf-8")) for name in kept["figures"]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # none yet, or damaged: they are drawn
        pass
    texts = write_figures(folder, draw())
    files = {name: [_path(folder, name, kind) for kind in ("png", "svg")] for name in texts}
    drawn = {name: {path.name: file_digest(path) for path in paths} for name, paths in files.items()}
    write_json(index, {"made_from": made_from, "figures": drawn})
    return texts


def _code_digest() -> str:
    files = [file for package in DRAWING for file in sorted(package.glob("*.py"))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def drawn_from(runs: Mapping[str, Run]) -> list[Any]:
    """What figures of these runs depend on: rows, runs, and when each fold was finished."""
    return [
        [row, run.path.name, fold, (run.fold_path(fold) / DONE).stat().st_mtime_ns]
        for row, run in runs.items()
        for fold in run.finished_folds()
    ]


def _path(folder: Path, name: str, kind: str) -> Path:
    return folder / f"{name.replace(' ', '-')}.{kind}"


def svg_text(figure: Any) -> str:
    """A figure as the text of an SVG file.

    Raises:
        NieError: the extra ``report`` is not installed.
    """
    svg = io.BytesIO()
    require("matplotlib.backends.backend_svg", "report").FigureCanvasSVG(figure).print_svg(svg)
    return svg.getvalue().decode("utf-8")


def inside_a_page(svg: str) -> str:
    """SVG text without its XML declaration, as it stands inside a page."""
    return svg[svg.index("<svg") :]


def in_any_light(svg: str) -> str:
    """A drawing whose lines have the colour of the text around it, and whose ground is that of the page."""
    return svg.replace("fill: #ffffff", "fill: none").replace("#000000", "currentColor")
