"""An explanation in words."""

from __future__ import annotations

from downstream.answers.by_name import name_end
from downstream.answers.explanation import Explanation
from downstream.answers.node_scores import number_text
from downstream.reports.tables import markdown_grid
from nie.foreign import markdown_text, one_line

WIDTH = 60

METHODS = {
    "ig": "What its {count} facts contribute, in units of the score (integrated gradients; they add up):",
    "leave-one-out": "By how much the score would fall without each of its {count} facts (they do not add up):",
    "attention": "What the network looks at among its {count} facts, which is not what the score is owed to:",
}
"""What the numbers of a method are."""
HEADINGS = {"ig": "contribution", "leave-one-out": "worth", "attention": "attention"}
"""What they are called."""
MISSES = (
    "The contributions miss more than 5 % of the difference between the score and that of a node without facts, "
    "because the score does not change steadily in between; for single facts, leave-one-out is exact."
)
WEIGHTS = "How much its channels count in the score:"
READ = "How much each channel (a line) reads of each (a column):"
HEADS = "What each head of an attention pays to each fact, in shares of all that the head reads, its own loop included."
NO_HEADS = (
    "Several networks make this score; the heads of one have nothing to do with those of another and are not shown."
)
NO_FACTS = "The node has no facts."
NO_FACTS_READ = "The models behind this score read no facts."


def explanation_text(one: Explanation, top: int = 10) -> str:
    """An explanation in words, with its ``top`` facts and relations."""
    importance = f", an importance of {number_text(one.importance)}" if one.scale == "log1p" else ""
    lines = [f"{markdown_text(one_line(one.text, 4 * WIDTH))}: score {one.score:.3f}{importance}."]
    lines += filter(None, [drawn_in_text(one), markdown_text(counted(one)), about_facts(one)])
    if one.reads_facts:
        rows = [
            [signed(one, fact.contribution), name_end(fact.relation, WIDTH), one_line(fact.neighbour, WIDTH)]
            for fact in one.facts[:top]
        ]
        lines += [markdown_grid([HEADINGS[one.method], "relation", "neighbour"], rows)]
        lines += filter(None, [other_facts(one, top)])
    if one.method == "attention":
        lines += _attention(one, top)
    if one.sum:
        rows = [[name, f"{value:+.3f}"] for name, value in one.sum.items()]
        lines.append(markdown_grid(["what the score is made of", ""], rows))
        for channel, of in one.features.items():
            if len(of) > 1:
                said = ", ".join(f"{name} {value:+.3f}" for name, value in of.items())
                lines.append(markdown_text(f"Of its own {channel} features: {said}."))
        lines += filter(None, [missed(one)])
    if one.sum and one.reads_facts:
        totals = [[name_end(name, WIDTH), signed(one, value)] for name, value in list(one.by_relation.items())[:top]]
        lines.append(markdown_grid(["relation", "all its facts"], totals))
    return "\n\n".join(lines)


def about_facts(one: Explanation) -> str:
    """What the numbers of its facts are, or why there are none, as a sentence."""
    if one.reads_facts:
        return METHODS[one.method].format(count=f"{len(one.facts):,}")
    return NO_FACTS_READ if one.facts else NO_FACTS


def other_facts(one: Explanation, shown: int) -> str:
    """What all facts behind the first ``shown`` contribute, as a sentence; nothing where there are none to show."""
    rest = one.facts[shown:] if one.reads_facts else ()
    return f"The {len(rest):,} other facts: {signed(one, sum(fact.contribution for fact in rest))}." if rest else ""


def missed(one: Explanation) -> str:
    """That the contributions do not add up, as a sentence; nothing where they do."""
    return MISSES if one.sum and not one.adds_up else ""


def drawn_in_text(one: Explanation) -> str:
    """How far the score is from what the models predict, as a sentence; nothing where it is that."""
    if not one.drawn_in:
        return ""
    return (
        f"The models predict {one.predicted:.3f}, which is drawn in by {one.drawn_in:+.3f} to the scores that they "
        "were trained on."
    )


def counted(one: Explanation) -> str:
    """How much channels count, as a sentence; nothing where the models do not weigh them."""
    weights = ", ".join(f"{one_line(name, WIDTH)} {weight:.2f}" for name, weight in one.view.weights.items())
    return f"{WEIGHTS} {weights}." if weights else ""


def _attention(one: Explanation, top: int) -> list[str]:
    """What channels read of each other, and the heads of each channel's last layer."""
    lines = []
    if read := one.channels_read:
        rows = [[reader, *(f"{share:.2f}" for share in of.values())] for reader, of in read.items()]
        lines += [READ, markdown_grid(["channel", *read], rows)]
    if one.heads:
        last = one.last_heads
        rows = [
            [*(" ".join(f"{share:.2f}" for share in fact.heads[name]) for name in last),
             name_end(fact.relation, WIDTH), one_line(fact.neighbour, WIDTH)]
            for fact in one.facts[:top]
        ]  # fmt: skip
        lines += [f"{HEADS} Of the last layer:", markdown_grid([*last, "relation", "neighbour"], rows)]
    elif one.networks > 1:
        lines.append(NO_HEADS)
    return lines


def signed(one: Explanation, value: float) -> str:
    """A contribution as text, with the factor that it is on the importance where it is one."""
    if one.method == "attention":
        return f"{value:.3f}"
    factor = one.factor(value)
    return f"{value:+.3f}" if factor is None else f"{value:+.3f} (x {factor:.2f})"
