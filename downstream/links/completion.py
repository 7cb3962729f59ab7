"""What completes a triple, by a finished run of link prediction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from tabulate import tabulate

from downstream.links.inputs import LinkInputs
from nie.data import KnowledgeGraph
from nie.data.relation_text import relation_text
from nie.errors import NieError, nearest
from nie.link_config import LinkConfig
from nie.models.kge.rotation import Side
from nie.recipes import load_config
from nie.runs import Run


@dataclass(frozen=True)
class Completion:
    """Entities that complete a triple, likeliest first.

    Attributes:
        question: the triple, with ? for what is looked for.
        names: of the entities.
        scores: of the triples; higher is likelier, and they compare within one answer only.
        known: whether the graph holds the triple already, in any split.
        tested: test triples of this relation.
        hits: share of them whose answer at this side is among the first 10; nan without any.
    """

    question: str
    names: list[str]
    scores: list[float]
    known: list[bool]
    tested: int
    hits: float


def complete(
    run: Run, *, relation: str, head: str | None = None, tail: str | None = None, top: int = 10,
    include_known: bool = False, data_root: str | Path = "datasets",
) -> Completion:  # fmt: skip
    """Rank what completes (head, relation, ?) or (?, relation, tail).

    Entities and relations are given by their name in the graph or by their words, such as "birth place".

    Args:
        run: a finished run of link prediction; its first repetition answers.
        relation, head, tail: the triple; head or tail is left out.
        top: how many to name.
        include_known: name entities, too, of which the graph already knows that they complete the triple.
        data_root: folder of the datasets.

    Raises:
        NieError: both ends or none are given, a name that is unknown or belongs to several, another run, or a top
            below 1.
    """
    if (head is None) == (tail is None):
        raise NieError("Give one end of the triple, --head or --tail; the other is what is looked for.")
    if top < 1:
        raise NieError(f"top is {top}; give at least 1.")
    if "negatives" not in run.config:
        raise NieError(f"{run.path} is no run of link prediction; give the folder that 'nie link' printed.")
    repeats = run.finished_folds()
    if not repeats:
        raise NieError(f"{run.path} has no finished repetition; run 'nie link' to its end first.")
    config = load_config(LinkConfig, overrides=dict(run.config))
    inputs = LinkInputs.of(config, data_root)
    changed = run.changed_source(inputs.made_from)
    if changed:
        raise NieError(f"{run.path} was made from another {config.dataset} ({changed}); run 'nie link' again.")
    side: Side = "tail" if tail is None else "head"
    given, about = find_entity(inputs.kg, head or tail or ""), find_relation(inputs.kg, relation)
    triple = torch.tensor([[given, about, 0] if side == "tail" else [0, about, given]], device=inputs.device)
    with torch.no_grad():
        scores = inputs.load(config, run, repeats[0]).scorer()(triple, side)[0]
    there = inputs.known.mask(triple, side)[0]
    order = scores.argsort(descending=True, stable=True)
    order = (order if include_known else order[~there[order]])[:top]
    shown = _shown(inputs.kg, given), "?"
    first, last = shown if side == "tail" else shown[::-1]
    ranks = _ranks(inputs, run, repeats[0], about, side)
    return Completion(
        question=f"({first}, {inputs.kg.relation_names[about]}, {last})",
        names=[_shown(inputs.kg, node) for node in order.tolist()],
        scores=scores[order].tolist(),
        known=there[order].tolist(),
        tested=len(ranks),
        hits=float((ranks <= 10).mean()) if len(ranks) else math.nan,
    )


def completion_table(completion: Completion) -> str:
    """The answer as Markdown, with how far to trust it."""
    rows = [
        [place, name, f"{score:.3f}", "known" if known else ""]
        for place, (name, score, known) in enumerate(
            zip(completion.names, completion.scores, completion.known, strict=True), start=1
        )
    ]
    columns = ["", "entity", "score", *(["in the graph"] if any(completion.known) else [])]
    table = tabulate([row[: len(columns)] for row in rows], columns, tablefmt="github", disable_numparse=True)
    trust = (
        "No test triple has this relation, so nothing is known of how good such answers are."
        if not completion.tested
        else f"Of {completion.tested} test triples with this relation, {completion.hits:.0%} have their answer among "
        "the first 10."
    )
    return f"{completion.question}\n\n{table}\n\n{trust}"


def find_entity(kg: KnowledgeGraph, asked: str) -> int:
    """The entity with this name, or with this text where only one has it.

    Raises:
        NieError: there is none, or several share the text.
    """
    return _find("entity", asked, kg.node_names, kg.text)


def find_relation(kg: KnowledgeGraph, asked: str) -> int:
    """The relation with this name, or with these words in its name where only one has them.

    Raises:
        NieError: there is none, or several share the words.
    """
    return _find("relation", asked, kg.relation_names, [relation_text(name) for name in kg.relation_names])


def _find(kind: str, asked: str, names: Sequence[str], texts: Sequence[str | None]) -> int:
    exact = [place for place, name in enumerate(names) if name == asked]
    wanted = asked.casefold()
    found = exact or [place for place, text in enumerate(texts) if text is not None and text.casefold() == wanted]
    if len(found) == 1:
        return found[0]
    if found:
        several = ", ".join(names[place] for place in found[:3])
        raise NieError(f"{len(found)} have the {kind} text {asked!r}; give one by its name: {several}.")
    known = [*names, *(text for text in texts if text)]
    raise NieError(f"The graph has no {kind} {asked!r}{nearest(asked, known)}.")


def _shown(kg: KnowledgeGraph, node: int) -> str:
    text = kg.text[node]
    return kg.node_names[node] if text is None or len(text) > 80 else text


def _ranks(inputs: LinkInputs, run: Run, repeat: int, relation: int, side: Side) -> npt.NDArray[np.float64]:
    """Of the test triples of a relation."""
    rows = (inputs.test[:, 1] == relation).cpu().numpy()
    ranks: npt.NDArray[np.float64] = run.array(repeat, "ranks.npy", (len(rows), 2))[rows, 0 if side == "head" else 1]
    return ranks
