"""A graph full of hostile names, and two finished runs on it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from stage_helpers import small

from downstream.stages.estimation import estimate
from nie.data import KnowledgeGraph, synthetic
from nie.data.store import save

HOSTILE = "<script>window.taken = 1</script><img src=x onerror='window.taken = 2'>"


@dataclass(frozen=True)
class Finished:
    """Where things are."""

    root: Path
    kg: KnowledgeGraph
    rgcn: Path
    ridge: Path


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    root, kg = tmp_path_factory.mktemp("explore"), synthetic(0)
    kg = replace(
        kg,
        node_names=[f"{HOSTILE} {node}" for node in range(kg.num_nodes)],
        relation_names=[f"{HOSTILE}{name}" for name in kg.relation_names],
        text=[text and f"{text} {HOSTILE}" for text in kg.text],
    )
    save(kg, root / kg.name / "processed")
    runs = {name: estimate(small(name), data_root=root, run_root=root / "runs").path for name in ("rgcn", "ridge")}
    return Finished(root, kg, runs["rgcn"], runs["ridge"])
