"""The benchmark command runs and its JSON holds every part; no timing is asserted."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hosts_helpers import why_not
from stage_helpers import SMALL_FLAGS, small, store_synthetic

from downstream.stages.estimation import estimate
from nie.data import load, synthetic
from nie.data.store import save
from nie.errors import NieError

ROOT = Path(__file__).resolve().parent.parent


Script = Callable[..., str]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Script:
    """Run a script of ``benchmarks`` as its command line does; what it prints.

    It runs in this process, which has imported torch and DGL already. That one can be started as a process of its own
    is in `test_a_graph_that_cannot_be_had_is_left_out`.
    """
    monkeypatch.syspath_prepend(ROOT / "benchmarks")

    def run_script(name: str, *arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        capsys.readouterr()
        runpy.run_path(str(ROOT / "benchmarks" / name), run_name="__main__")
        return capsys.readouterr().out

    return run_script


def run(script: Script, folder: Path, *arguments: str) -> tuple[dict[str, Any], str, str]:
    """The JSON, the Markdown and the standard output of the benchmark of attention on a synthetic graph."""
    files = {"--json": folder / "bench.json", "--markdown": folder / "bench.md"}
    printed = script(
        "attention.py", "--quick", "--datasets", "synthetic", "--repeat", "1", "--threads", "1", *arguments,
        *(str(part) for pair in files.items() for part in pair),
    )  # fmt: skip
    return json.loads(files["--json"].read_text()), files["--markdown"].read_text(), printed


def test_every_part_is_in_the_results(script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIE_OPS_BACKEND", "dgl")  # on DGL's kernels alone nothing has to be compiled
    results, markdown, printed = run(script, tmp_path, "--datasets", "synthetic-1000")
    assert results["machine"]["cores"] >= 1
    assert results["machine"]["packages"]["torch"]
    (graph,) = results["datasets"]
    assert (graph["num_nodes"], graph["backend"]) == (1000, "dgl")
    rows = {(row["family"], row["name"]): row for row in graph["contestants"]}
    for family, name in (
        ("additive", "additive_attention [dgl]"),
        ("additive", "PreGATConv"),
        ("additive", "dgl.nn.GATConv"),
        ("additive", "dgl.nn.EGATConv"),
        ("additive", "plain functions, a module a head"),
        ("dot", "dot_attention mul [dgl]"),
        ("dot", "RelGraphTransformerConv dot"),
        ("dot", "plain functions, a module a head"),
    ):
        assert rows[family, name]["total_ms"] >= rows[family, name]["total_min_ms"] > 0
    assert len(rows) == len(graph["contestants"])
    assert rows["additive", "additive_attention [dgl]"]["ratio"] == 1
    assert {"E", "H", "D", "threads"} == set(results["scaling"]["sweeps"])
    # The scores on the edges, (E, H) floats, are saved for the backward pass, in megabytes.
    memory = rows["additive", "additive_attention [dgl]"]
    assert memory["saved_mb"] > graph["num_edges"] * 8 * 4 / 1e6
    assert memory["peak_mb"] >= memory["forward_mb"] >= memory["saved_mb"]
    assert {row["graph"] for row in results["preparation"]} == {"synthetic-1000", "block"}
    assert {(row["count"], row["way"]) for row in results["batching"]} == {
        (count, way) for count in (2, 5) for way in ("calls", "one call", "joined")
    }
    assert results["stream"]["bytes_per_second"] > 0
    for title in ("Additive attention on synthetic", "Scaling with E", "Preparing a graph", "Targets"):
        assert f"## {title}" in markdown
        assert f"=== {title}" in printed


def test_what_dgl_cannot_run_on_a_device_is_left_out(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("numba")

    def refuse(_self: Any) -> None:
        raise NieError("this DGL does not run on the device")

    monkeypatch.setattr("case.Case.graph_for_dgl", refuse)
    results, _, _ = run(script, tmp_path, "--parts", "contestants", "preparation")
    (graph,) = results["datasets"]
    names = {row["name"] for row in graph["contestants"]}
    assert {"additive_attention [numba]", "PreGATConv"} <= names
    left_out = ("[dgl]", "dgl.nn", "plain functions")
    assert not [name for name in names if any(word in name for word in left_out)]
    for word in left_out:
        assert any(word in note for note in graph["notes"])
    prepared = {row["name"] for row in results["preparation"]}
    assert prepared == {"additive_attention [numba]", "dot_attention mul [numba]"}


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the kernel does not count peaks")
def test_a_graph_that_cannot_be_had_is_left_out(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "attention.py"), "--datasets", "nothing"]
    done = subprocess.run([*command, "--data-root", str(tmp_path)], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode != 0
    assert "nothing is left out: There is no dataset" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_bytes_of_the_roofline_are_counted_by_hand(script: Script, tmp_path: Path) -> None:
    pytest.importorskip("numba")
    results, _, _ = run(script, tmp_path, "--parts", "contestants", "roofline", "--heads", "2", "--size", "4")
    graph = results["datasets"][0]
    nodes, edges = graph["num_nodes"], graph["num_edges"]
    forward = graph["roofline"]["mul"]["forward"]
    assert forward["gathered"] == edges * 2 * 8 * 4  # a key row and a value row of eight floats
    assert forward["streamed"] == edges * 8 + nodes * (2 * 8 + 2 * 2) * 4


def test_pagerank_beside_networkx(script: Script, tmp_path: Path) -> None:
    store_synthetic(tmp_path)
    printed = script("pagerank.py", "synthetic", "--repeat", "1", "--data-root", str(tmp_path))
    rows = [line for line in printed.splitlines() if "to 1e-9" in line]
    assert len(rows) == 2
    assert all(float(row.split("|")[-2]) < 1e-8 for row in rows)


def test_relational_sum_beside_dgl(script: Script, tmp_path: Path) -> None:
    store_synthetic(tmp_path)
    printed = script("relational.py", "synthetic", "--repeat", "1", "--data-root", str(tmp_path))
    assert [line.split("|")[-2].strip() for line in printed.splitlines() if "| ours" in line] == ["1.0"]


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("fusions.py", ["--nodes", "50", "--repeat", "1"], "| cross_modal_transformer"),
        ("digits.py", ["--epochs", "2"], "| both"),
        ("licap_cost.py", ["--nodes", "100", "--edges", "400", "--repeat", "1"], "finer bins (L2)"),
    ],
)
def test_small_benchmarks_run(script: Script, name: str, arguments: list[str], words: str) -> None:
    assert words in script(name, *arguments)


def test_a_blend_costs_what_its_parts_cost(script: Script, tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    roots = {"data_root": tmp_path / "data", "run_root": tmp_path / "runs"}
    parts = [str(estimate(small(method), **roots).path) for method in ("mlp", "ridge", "kernel-ridge")]
    blend = str(estimate(small("blend", parts=parts), **roots).path)
    printed = script("prediction_cost.py", *parts, blend, "--data-root", str(tmp_path / "data"), "--repeat", "1")
    rows = [line.split("|")[1:4] for line in printed.splitlines() if str(tmp_path) in line]
    assert [row[0].strip() for row in rows] == [*parts, blend]


def test_memory_is_measured_against_edges(script: Script) -> None:
    """Each row is a process of its own; a graph that small has one of a second or two."""
    printed = script("large.py", "--graphs", "2000", "--methods", "rgcn", "--ways", "batch.size 64 batch.fanout 2")
    (row,) = (line.split("|") for line in printed.splitlines() if "rgcn" in line)
    assert float(row[4].removesuffix(" GB ")) > 0.1


@pytest.mark.slow
@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
def test_what_two_hosts_wait_for_and_receive_is_measured(script: Script, tmp_path: Path) -> None:
    store_synthetic(tmp_path)
    flags = SMALL_FLAGS[:4]
    stage = ["--recipe", "fast", "--method", "rgcn", "--batch.size", "64", "--optim.max_epochs", "1", *flags]
    printed = script("hosts.py", "synthetic", "--data-root", str(tmp_path), "--partition", " ".join(flags), *stage)
    one, *two = ([cell.strip() for cell in line.split("|")[1:-1]] for line in printed.splitlines()[-3:])
    assert one[:2] == ["1", "0"]
    assert one[3] == "0 MB"
    assert [row[:2] for row in two] == [["2", "0"], ["2", "1"]]
    for row in two:
        assert int(row[3].removesuffix(" MB")) > 0
        assert 0 < int(row[5].removesuffix("%")) < 100


def test_every_format_gives_one_graph(script: Script) -> None:
    printed = script("reading.py", "--triples", "500", "--formats", "tsv,csv,nt,frames")
    rows = [line.split() for line in printed.splitlines()]
    assert [row[0] for row in rows[1:]] == ["tsv", "csv", "nt", "frames"]
    assert rows[1][-2:] == rows[2][-2:] == rows[3][-2:] == rows[4][-2:]


def test_the_benchmark_of_links_runs(script: Script, tmp_path: Path) -> None:
    save(synthetic(0), tmp_path / "synthetic" / "processed")
    sizes = ["--size", "4", "--negatives", "5", "--batch-size", "64", "--steps", "2", "--repeat", "1"]
    assert "| nie, negatives apart" in script("links.py", "synthetic", "--data-root", str(tmp_path), *sizes)


def test_precisions_take_turns(script: Script, tmp_path: Path) -> None:
    store_synthetic(tmp_path)
    of = ["licap", "rgcn", "links sum"]
    printed = script("precision.py", "synthetic", "--data-root", str(tmp_path), "--repeat", "1", "--of", ",".join(of))
    rows = [line.split("|")[1:-1] for line in printed.splitlines() if line.startswith(("| licap", "| rgcn", "| links"))]
    assert [row[0].strip() for row in rows] == of
    for row in rows:
        loss, of_half = float(row[4]), float(row[5])
        assert of_half == pytest.approx(loss, rel=0.05)


def test_intervals_are_judged_beside_plain_ones(script: Script, tmp_path: Path) -> None:
    store_synthetic(tmp_path)
    run = estimate(small("ridge"), data_root=tmp_path, run_root=tmp_path / "runs")
    printed = script("intervals.py", str(run.path), "--data-root", str(tmp_path))
    cells = ([cell.strip() for cell in line.split("|")] for line in printed.splitlines() if line.startswith("|"))
    rows = {row[1]: row[2:-1] for row in cells}
    assert rows["all"][0] == "107"
    assert 0.8 < float(rows["all"][1]) <= 1
    assert 0.8 < float(rows["all"][2]) <= 1
    with pytest.raises(SystemExit, match=r"a coverage of 0\.99 takes 199"):
        script("intervals.py", str(run.path), "--data-root", str(tmp_path), "--coverage", "0.99")


def test_intervals_are_compared_by_their_scales(script: Script, tmp_path: Path) -> None:
    store_synthetic(tmp_path)
    settings = {"members": 2, "loss": {"value": "gaussian"}, "folds": {"run": [0, 1]}}
    run = estimate(small("rgcn", **settings), data_root=tmp_path, run_root=tmp_path / "runs")
    printed = script("intervals.py", str(run.path), "--data-root", str(tmp_path), "--scales")
    cells = next(line for line in printed.splitlines() if line.startswith("| all")).split("|")[3:-1]
    pairs = [tuple(float(value) for value in cell.split(",")) for cell in cells]
    assert len({width for _, width in pairs}) == 3
    assert all(0.7 < share <= 1 for share, _ in pairs)
    alone = estimate(small("ridge"), data_root=tmp_path, run_root=tmp_path / "runs")
    with pytest.raises(SystemExit, match="must average members and learn the variance"):
        script("intervals.py", str(alone.path), "--data-root", str(tmp_path), "--scales")


def test_threads_are_measured_beside_busy_loops(script: Script) -> None:
    printed = script("threads.py", "--nodes", "300", "--epochs", "1", "--turns", "1")
    rows = [line for line in printed.splitlines() if line.startswith("| ") and line[2].isdigit()]
    assert [row.split(" | ")[0] for row in rows] == ["| 0", "| 1"]  # tests compute on one thread


def test_explanations_are_judged_beside_their_rivals(script: Script, tmp_path: Path) -> None:
    store_synthetic(tmp_path)
    run = estimate(small("gat", folds={"run": [0]}), data_root=tmp_path, run_root=tmp_path / "runs")
    asked = ["explanations.py", str(run.path), "--data-root", str(tmp_path), "--nodes", "3", "--exact", "2"]
    printed = script(*asked)
    for which in ("fid+, high is good", "fid-, low is good"):
        rows = printed.split(which)[1].split("\n\n")[0]
        nodes = dict(re.findall(r"^\| ([\w-]+) +\| +(\d+) ", rows, re.M))
        assert nodes == {"ig": "3", "leave-one-out": "2", "attention": "3", "degree": "3", "random": "3"}
    assert "seconds a node: median" in printed
    assert "n = 2." in printed
    with pytest.raises(SystemExit, match=r"has no finished fold|is not a run directory"):
        script("explanations.py", str(tmp_path), "--data-root", str(tmp_path))


def test_what_if_is_judged_beside_training_again(script: Script, tmp_path: Path) -> None:
    store_synthetic(tmp_path)
    run = estimate(small("gcn", folds={"run": [1]}), data_root=tmp_path, run_root=tmp_path / "runs")
    folders = ["--data-root", str(tmp_path), "--run-root", str(tmp_path / "again")]
    printed = script("retrained.py", str(run.path), "--fold", "1", "--nodes", "5", "--facts", "2", *folders)
    rows = {cells[0].strip("| "): cells[1:] for cells in (line.split(" | ") for line in printed.splitlines())}
    assert rows["that lost facts"][0].strip() == "5"
    assert float(rows["that lost facts"][1]) > float(rows["all others"][1])
    assert "Of the nodes that lost facts" in printed


def test_new_nodes_are_judged_beside_training_with_them(script: Script, tmp_path: Path) -> None:
    store_synthetic(tmp_path)
    settings = ["--method", "gcn", "--features.structural", "relations+structural", "--optim.max_epochs", "3"]
    folders = ["--data-root", str(tmp_path), "--run-root", str(tmp_path / "runs")]
    printed = script("new_nodes.py", "synthetic", "--folds", "0,2", "--share", "0.2", *folders, *settings)
    rows = [line.split(" | ") for line in printed.splitlines() if line.startswith("| ")]
    names = [row[0].strip("| ") for row in rows]
    ways = ["in place", "in place, stand-ins", "added afterwards", "added afterwards, --unseen_nodes 0.2"]
    assert names == ["SPEARMAN on 22 hidden nodes", *ways]


def test_a_graph_is_cut_in_two_that_share_entities_alone(script: Script, tmp_path: Path) -> None:
    kg = store_synthetic(tmp_path)
    printed = script("alignment_split.py", "synthetic", str(tmp_path / "halves"), "--data-root", str(tmp_path))
    one, two = (load(f"synthetic-{half}", tmp_path / "halves") for half in ("one", "two"))
    assert one.num_edges + two.num_edges == kg.num_edges
    assert one.node_names == two.node_names == kg.node_names
    node = next(node for node, text in enumerate(kg.text) if text)
    words = (kg.text[node] or "").split()
    assert ((one.text[node] or "").split(), (two.text[node] or "").split()) == (words[::2], words[1::2])
    assert "synthetic-one: " in printed


def test_icons_become_captioned_images(script: Script, tmp_path: Path) -> None:
    pytest.importorskip("PIL.Image", reason="pillow is not installed: pip install 'nie[image]'")
    assert script("icons.py", str(tmp_path)) == "90 images to train on, 10 to test\n"
    assert len((tmp_path / "test.csv").read_text().splitlines()) == 11
