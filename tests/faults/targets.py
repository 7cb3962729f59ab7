"""What is damaged and how it is used: one target for each kind of file that nie reads."""

from __future__ import annotations

import contextlib
import gzip
import io
import pickle
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stage_helpers import SMALL_FLAGS, small, store_synthetic

from downstream.answers.node_scores import score_nodes
from downstream.reports.results import Results, find_runs
from downstream.stages.importance import IMPORTANCE
from downstream.stages.runner import Runner
from nie.__main__ import main
from nie.data import Channel, KnowledgeGraph
from nie.data.builders.openke import openke
from nie.data.builders.published import published
from nie.data.channel_file import read_channel_file
from nie.data.datasets import load
from nie.data.node_features.cache import features
from nie.data.store import read
from nie.errors import NieError
from nie.runs.run import read_run
from nie.settings.sections import OptimConfig
from nie.training.loop import fit
from pretrain.cross_validation import make_folds
from pretrain.embeddings import read_embeddings
from pretrain.stage import PRETRAINING


@dataclass(frozen=True)
class Target:
    """A kind of file.

    Attributes:
        name: of the kind.
        make: writes whole files into a folder and returns those of which one is damaged.
        use: reads them and returns something that pickles to the same bytes for the same content.
        bound: whether any other result than that of the whole files is a wrong acceptance. It is not where a change of
            the file is a change of data, as in somebody's own triples.
    """

    name: str
    make: Callable[[Path], list[Path]]
    use: Callable[[Path], Any]
    bound: bool


def _own_triples(folder: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    edges = rng.integers(0, 30, (80, 2))
    lines = "".join(f"node {a}\tr{(a + b) % 3}\tnode {b}\n" for a, b in edges.tolist())
    names = sorted({f"node {end}" for edge in edges.tolist() for end in edge})
    (folder / "t.tsv").write_text(lines)
    (folder / "t.tsv.gz").write_bytes(gzip.compress(lines.encode()))
    (folder / "t.nt").write_text("".join(f"<http://x/{a}> <http://x/r> <http://x/{b}> .\n" for a, b in edges.tolist()))
    (folder / "t.csv").write_text("head,relation,tail\n" + lines.replace("\t", ","))
    (folder / "t.ttl").write_text(
        "@prefix x: <http://x/> .\n" + "".join(f"x:{a} x:r x:{b}, {a} .\n" for a, b in edges.tolist())
    )
    described = "".join(f"<x:D rdf:about='{a}'><x:r rdf:resource='#{b}'/></x:D>\n" for a, b in edges.tolist())
    namespaces = "xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns:x='http://x/'"
    (folder / "t.rdf").write_text(f"<rdf:RDF {namespaces}>\n{described}</rdf:RDF>\n")
    (folder / "s.tsv").write_text("node\tscore\n" + "".join(f"{name}\t{i + 1}\n" for i, name in enumerate(names)))
    (folder / "text.tsv").write_text("".join(f"{name}\tsome words on {name}\n" for name in names))
    return [folder / name for name in ("t.tsv", "t.tsv.gz", "t.csv", "t.nt", "t.ttl", "t.rdf", "s.tsv", "text.tsv")]


def _use_triples(folder: Path) -> Any:
    built = [KnowledgeGraph.from_file(folder / name, name="own") for name in ("t.nt", "t.ttl", "t.rdf")]
    for name in ("t.tsv", "t.tsv.gz", "t.csv"):
        built.append(KnowledgeGraph.from_file(folder / name, folder / "s.tsv", text=folder / "text.tsv", name="own"))
    return [kg.digest for kg in built]


def _openke(folder: Path) -> list[Path]:
    (folder / "entity2id.txt").write_text("20\n" + "".join(f"e{i}\t{i}\n" for i in range(20)))
    (folder / "relation2id.txt").write_text("2\none\t0\ntwo\t1\n")
    every = [(i, (i + r + 1) % 20, r) for i in range(20) for r in range(2)]
    random.Random(0).shuffle(every)
    for name, part in (("train2id", every[:30]), ("valid2id", every[30:35]), ("test2id", every[35:])):
        (folder / f"{name}.txt").write_text(f"{len(part)}\n" + "".join(f"{h} {t} {r}\n" for h, t, r in part))
    return sorted(folder.glob("*2id.txt"))


def _channel_files(folder: Path) -> list[Path]:
    rows = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    np.save(folder / "a.npy", rows)
    np.savez(folder / "a.npz", features=rows, names=[f"n{i}" for i in range(6)])
    np.savez_compressed(folder / "b.npz", features=rows, ids=np.arange(6))
    torch.save({"features": torch.from_numpy(rows)}, folder / "a.pth")
    torch.save(torch.from_numpy(rows), folder / "b.pth", _use_new_zipfile_serialization=False)
    return sorted(folder.iterdir())


def _use_channel_files(folder: Path) -> Any:
    names = [f"n{i}" for i in range(6)]
    return [read_channel_file(folder / name, "own", names).features.tobytes()
            for name in ("a.npy", "a.npz", "b.npz", "a.pth", "b.pth")]  # fmt: skip


def _papers_pickles(folder: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    content = {
        "edges": (torch.randint(0, 9, (20,)), torch.randint(0, 9, (20,))), "edge_types": torch.randint(0, 2, (20,)),
        "labels": torch.rand(9), "invalid_masks": torch.zeros(9), "features": torch.rand(9, 4),
    }  # fmt: skip
    (folder / "rel.pk").write_bytes(pickle.dumps(content))
    (folder / "lang.pk").write_bytes(pickle.dumps(rng.normal(size=(9, 5))))
    return [folder / "rel.pk", folder / "lang.pk"]


def _store(folder: Path) -> list[Path]:
    store_synthetic(folder)
    return [path for path in sorted((folder / "synthetic" / "processed").rglob("*")) if path.is_file()]


def _content(kg: KnowledgeGraph) -> Any:
    channels = [(name, one.features.tobytes(), one.mask.tobytes()) for name, one in sorted(kg.channels.items())]
    return kg.digest, list(kg.text), channels, sorted(kg.meta.items(), key=str)


def _cache(folder: Path) -> list[Path]:
    kg = store_synthetic(folder)
    features(kg, "degrees", root=folder)
    features(kg, "tfidf", root=folder)
    return [path for path in sorted((folder / "synthetic" / "features").rglob("*")) if path.is_file()]


def _use_cache(folder: Path) -> Any:
    kg = load("synthetic", folder)
    return [features(kg, name, root=folder).features.tobytes() for name in ("degrees", "tfidf")]


def _run(folder: Path) -> list[Path]:
    store_synthetic(folder / "data")
    runner = Runner(data_root=folder / "data", run_root=folder / "runs")
    (run,) = runner.run([small("mlp", optim={"max_epochs": 2})])
    return [path for path in sorted(run.path.rglob("*")) if path.is_file() and path.suffix != ".lock"]


def _use_run(folder: Path) -> Any:
    runs = find_runs("synthetic", folder / "runs")
    table = Results.of({"mlp": runs[0]}).rows
    run = read_run(runs[0].path)
    scores = score_nodes(run, data_root=folder / "data")
    return table, scores.score.tobytes(), [sorted(run.timing(fold).items()) for fold in (0, 1)]


def _licap(folder: Path) -> list[Path]:
    store_synthetic(folder / "data")
    config = PRETRAINING.recipes.resolve(
        overrides={"dataset": "synthetic", "features": {"structural": "structural", "semantic": "semantic"},
                   "folds": {"run": [0]}, "optim": {"max_epochs": 1}}
    )  # fmt: skip
    (run,) = Runner(data_root=folder / "data", run_root=folder / "runs").run([config])
    return [path for path in sorted(run.path.rglob("*")) if path.is_file() and path.suffix != ".lock"]


def _use_licap(folder: Path) -> Any:
    kg = load("synthetic", folder / "data")
    path = next(path for path in (folder / "runs" / "pretrain" / "synthetic").iterdir())
    fold = make_folds(kg.label_mask)[0]
    return [(name, channel.features.tobytes()) for name, channel in read_embeddings(path, kg, fold).items()]


def _fit(folder: Path, epochs: int) -> list[float]:
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 1)
    x = torch.linspace(-1, 1, 30).view(10, 3)
    optim = OptimConfig(lr=0.1, max_epochs=epochs, eval_every=1, patience=99, schedule="constant")
    history, _ = fit(
        model, lambda: [(model(x) - 1).square().mean()], lambda: {"rmse": model(x).mean().item()},
        select={"rmse": False}, optim=optim, checkpoint=folder / "checkpoint.pt",
    )  # fmt: skip
    return [row["loss"] for row in history.rows]


def _checkpoint(folder: Path) -> list[Path]:
    import nie.training.loop as loop

    every, loop.CHECKPOINT_EVERY_S = loop.CHECKPOINT_EVERY_S, -1.0
    try:
        _fit(folder, 3)
    finally:
        loop.CHECKPOINT_EVERY_S = every
    return [folder / "checkpoint.pt"]


def _recipe(folder: Path) -> list[Path]:
    (folder / "own.yaml").write_text(
        "dataset: synthetic\nfeatures: {structural: structural, semantic: semantic}\n"
        "optim:\n  max_epochs: 6\n  lr: 1e-3\n"
        "loss: {list_size: 10}\nfolds: {run: [0, 1]}\nlabel: mine\n"
    )
    return [folder / "own.yaml"]


def _use_recipe(folder: Path) -> Any:
    return IMPORTANCE.recipes.resolve(str(folder / "own.yaml"), overrides={"method": "rgtn"}).digest()


def _command_line(folder: Path) -> list[Path]:
    store_synthetic(folder / "data")
    given = "--select ndcg@20 --optim.max_epochs 2 --loss.list_size=10 --label mine --optim.lr 1e-3"
    (folder / "arguments").write_text(given.replace(" ", "\n"))
    return [folder / "arguments"]


def _use_command_line(folder: Path) -> None:
    file = folder / "arguments"
    given = file.read_bytes().decode("utf-8", "surrogateescape").split("\n") if file.is_file() else []
    given = [argument for argument in given if "\x00" not in argument and argument not in ("-h", "--help")]
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        roots = ["--data-root", str(folder / "data"), "--run-root", str(folder / "runs"), "--quiet"]
        quick = ["--method", "mlp", *SMALL_FLAGS, "--folds.run", "0", "--optim.max_epochs", "2"]
        code = main(["downstream", "--recipe", "fast", "--dataset", "synthetic", *quick, *given, *roots])
    if code == 2:
        raise NieError(said.getvalue().strip())
    assert code == 0, said.getvalue()[-600:]


HOSTILE: tuple[Any, ...] = (
    None, True, 3, -1, 2.5, float("nan"), 10**400, "", "abc", b"abc", [], [None], [[1, 2], [3]], {}, {"a": 1}, {1: 2},
    object(), lambda: None, np.zeros(3), np.zeros((2, 2)), np.array(["a", "b"]), np.array([None, 1], dtype=object),
    np.ma.masked_all(3), np.zeros(3, complex), np.array([1, 2**63], dtype=np.uint64), torch.zeros(3), range(5),
    iter([1, 2]), Path("x"), ..., int,
)  # fmt: skip
"""What is given for a field of a graph in the place of what it should be."""


def _door(folder: Path) -> list[Path]:
    (folder / "choice").write_bytes(bytes(range(40)))
    return [folder / "choice"]


def _use_door(folder: Path) -> Any:
    """Make a graph; once its file is damaged, of hostile fields that the file's bytes choose."""
    file = folder / "choice"
    content = file.read_bytes() if file.is_file() else b""
    rng = random.Random(content)
    given: dict[str, Any] = {
        "name": "own", "src": [0, 1], "dst": [1, 2], "etype": [0, 0], "labels": [1.0, 2.0, 3.0],
        "label_mask": [True, True, False], "node_names": ["a", "b", "c"], "relation_names": ["r"],
        "text": ["x", None, "z"], "meta": {}, "held_out": {"test": np.array([[0, 0, 2]])}, "channels": {},
        "features": np.zeros((3, 2)), "mask": np.ones(3, bool), "further": {},
    }  # fmt: skip
    if content != bytes(range(40)):
        for _ in range(rng.randint(1, 2)):
            given[rng.choice(list(given))] = rng.choice(HOSTILE)
    channel, further = Channel(given.pop("features"), given.pop("mask")), given.pop("further")
    return KnowledgeGraph(**given).with_channels({"own": channel}).with_channels(further).digest


TARGETS = (
    Target("own triples, scores and text", _own_triples, _use_triples, bound=False),
    Target("OpenKE folder", _openke, lambda folder: openke("own", folder).digest, bound=False),
    Target("features of one's own", _channel_files, _use_channel_files, bound=False),
    Target("the papers' pickles", _papers_pickles,
           lambda folder: published("own", folder / "rel.pk", folder / "lang.pk").digest, bound=False),
    Target("stored graph", _store, lambda folder: _content(read(folder / "synthetic" / "processed")), bound=True),
    Target("cached features", _cache, _use_cache, bound=True),
    Target("run of stage 2", _run, _use_run, bound=True),
    Target("run of stage 1", _licap, _use_licap, bound=True),
    Target("checkpoint", _checkpoint, lambda folder: _fit(folder, 5), bound=True),
    Target("fields of a graph in Python", _door, _use_door, bound=False),
    Target("recipe", _recipe, _use_recipe, bound=False),
    Target("command line", _command_line, _use_command_line, bound=False),
)  # fmt: skip
