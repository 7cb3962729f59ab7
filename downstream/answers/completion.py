"""What completes a triple, by a finished run of link prediction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from downstream.answers.by_name import WIDTH, find_entity, find_relation, short, shown_entity
from downstream.reports.tables import markdown_grid
from downstream.stages.links.inputs import LinkInputs
from downstream.stages.links.model import trained_model
from downstream.stages.links.stage import LINKS
from downstream.stages.same_graph import check_same_graph
from nie.errors import NieError
from nie.foreign import markdown_text, one_line
from nie.models.kge.rotation import Side
from nie.runs.run import Run


@dataclass(frozen=True)
class Completion:
    """Entities that complete a triple, likeliest first; of equal scores, by name.

    Attributes:
        question: the triple, with ? for what is looked for.
        names: of the entities.
        texts: of the entities.
        scores: of the triples; higher is likelier, and they compare within one answer only.
        known: whether the graph already holds the triple, in any split.
        unseen: whether no training triple names the given entity, so that the model knows it by its channels alone.
        tested: test triples of this relation; where the given entity is unseen, those with such an entity.
        hits: share of these whose answer at this side is among the first 10; nan where there are none.
    """

    question: str
    names: list[str]
    texts: list[str | None]
    scores: list[float]
    known: list[bool]
    unseen: bool
    tested: int
    hits: float


def complete(
    run: Run, *, relation: str, head: str | None = None, tail: str | None = None, top: int = 10,
    include_known: bool = False, data_root: str | Path = "datasets",
) -> Completion:  # fmt: skip
    """Rank what completes (head, relation, ?) or (?, relation, tail).

    Entities and relations are given by their name in the graph or by their words, such as "birth place". An entity of
    which the model knows nothing is never an answer: no training triple names it, and it has no channel that the model
    reads. The given entity is an answer only where training has triples of this relation from an entity to itself.

    Args:
        run: a finished run of link prediction; its first repetition answers.
        relation, head, tail: the triple; head or tail is left out.
        top: how many to name.
        include_known: also name entities that complete the triple in the graph already.
        data_root: folder of the datasets.

    Raises:
        NieError: both ends or none are given, a name is unknown or belongs to several, the model knows nothing of the
            given entity, the run is of another stage, or top is below 1.
    """
    if (head is None) == (tail is None):
        raise NieError("Give one end of the triple, --head or --tail; the other is what is looked for.")
    if top < 1:
        raise NieError(f"top must be at least 1; got {top}.")
    run.check_stage(LINKS.name)
    repeats = run.finished_folds()
    if not repeats:
        raise NieError(f"{run.path} has no finished repetition; run 'nie link' to its end first.")
    config = LINKS.recipes.resolve(overrides=dict(run.config))
    inputs = LinkInputs.of(config, data_root=data_root)
    check_same_graph(run, inputs.made_from)
    side: Side = "tail" if tail is None else "head"
    given, about = find_entity(inputs.kg, (tail if head is None else head) or ""), find_relation(inputs.kg, relation)
    seen, informed = inputs.masks["structural"], inputs.informed
    if not informed[given]:
        raise NieError(
            f"The model knows nothing of {inputs.kg.node_names[given]}: no training triple names it, and it has none "
            "of the channels that the model reads; train with --channels that it has."
        )
    triple = torch.tensor([[given, about, 0] if side == "tail" else [0, about, given]], device=inputs.device)
    with torch.no_grad():
        scores = trained_model(config, inputs, run, repeats[0]).scorer()(triple, side)[0]
    known = inputs.known.mask(triple, side)[0]
    loops = inputs.train[(inputs.train[:, 1] == about) & (inputs.train[:, 0] == inputs.train[:, 2])]
    answers = informed if include_known else informed & ~known
    answers[given] &= len(loops) > 0
    order = _best(scores.cpu(), answers.cpu(), inputs.kg.node_names, top)
    first, last = (shown_entity(inputs.kg, given), "?") if side == "tail" else ("?", shown_entity(inputs.kg, given))
    comparable = inputs.test[:, 1] == about if seen[given] else ~seen[inputs.test[:, 0 if side == "tail" else 2]]
    ranks = run.array(repeats[0], "ranks.npy", (len(comparable), 2))[
        comparable.cpu().numpy(), 0 if side == "head" else 1
    ]
    return Completion(
        question=f"({first}, {inputs.kg.relation_names[about]}, {last})",
        names=[inputs.kg.node_names[node] for node in order],
        texts=[inputs.kg.text[node] for node in order],
        scores=scores[order].tolist(),
        known=known[order].tolist(),
        unseen=not bool(seen[given]),
        tested=len(ranks),
        hits=float((ranks <= 10).mean()) if len(ranks) else math.nan,
    )


def completion_table(completion: Completion) -> str:
    """The answer as Markdown, with how far to trust it."""
    columns = {
        "": [str(place) for place in range(1, len(completion.names) + 1)],
        "entity": completion.names,
        "text": [short(text) for text in completion.texts],
        "score": [f"{score:.3f}" for score in completion.scores],
        "in the graph": ["known" if known else "" for known in completion.known],
    }
    optional = ("text", "in the graph")
    shown = {title: cells for title, cells in columns.items() if title not in optional or any(cells)}
    table = markdown_grid(list(shown), list(zip(*shown.values(), strict=True)), width=WIDTH)
    kind = "name an entity that training does not" if completion.unseen else "have this relation"
    trust = (
        f"No test triples {kind}, so nothing is known of how good such answers are."
        if not completion.tested
        else f"Of the {completion.tested} test triples that {kind}, {completion.hits:.0%} have their answer among the "
        "first 10."
    )
    placed = "No training triple names this entity: its channels alone say what it is. " if completion.unseen else ""
    return f"{markdown_text(one_line(completion.question, 4 * WIDTH))}\n\n{table}\n\n{placed}{trust}"


def _best(scores: Tensor, answers: Tensor, names: Sequence[str], top: int) -> list[int]:
    """The ``top`` answers of the highest scores; where these are equal, by name and never by the order of a file."""
    ids = answers.nonzero()[:, 0]
    if len(ids) > top:
        ids = ids[scores[ids] >= scores[ids].topk(top).values[-1]]
    return sorted(ids.tolist(), key=lambda node: (-float(scores[node]), names[node]))[:top]
