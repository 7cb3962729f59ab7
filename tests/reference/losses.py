"""Losses as plain loops over Python floats, straight from METHODS sections 3 and 4."""

from __future__ import annotations

import math
from collections.abc import Sequence

Vector = Sequence[float]


def normalised(vector: Vector) -> list[float]:
    length = math.sqrt(sum(x * x for x in vector))
    return [x / length for x in vector]


def dot(a: Vector, b: Vector) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def mean_vector(vectors: Sequence[Vector]) -> list[float]:
    return [sum(column) / len(vectors) for column in zip(*vectors, strict=True)]


def info_nce(
    query: Sequence[Vector],
    keys: Sequence[Vector],
    positive: Sequence[int],
    temperature: float,
    weight: Sequence[Vector] | None = None,
) -> float:
    total = 0.0
    for i, q in enumerate(query):
        below = 0.0
        for j, key in enumerate(keys):
            w = 1.0 if weight is None else weight[i][j]
            below += math.exp(w * dot(normalised(q), normalised(key)) / temperature)
        above = math.exp(dot(normalised(q), normalised(keys[positive[i]])) / temperature)
        total += -math.log(above / below)
    return total / len(query)


def top_bin_loss(top: Sequence[Vector], non_top: Sequence[Vector], temperature: float) -> float:
    centre = normalised(mean_vector(top))
    total = 0.0
    for h in map(normalised, top):
        near = math.exp(dot(h, centre) / temperature)
        far = sum(math.exp(dot(h, normalised(other)) / temperature) for other in non_top)
        total += -math.log(near / (near + far))
    return total / len(top)


def closeness(m: int, n: int, last: int) -> float:
    """Ratio of the two binomial probabilities; the powers of two cancel."""
    trials = 2 * max(m, last - m)
    return math.comb(trials, trials // 2 + abs(n - m)) / math.comb(trials, trials // 2)


def finer_bin_loss(top: Sequence[Vector], bins: Sequence[int], last: int, temperature: float) -> float:
    centroid = {
        m: normalised(mean_vector([h for h, b in zip(top, bins, strict=True) if b == m])) for m in sorted(set(bins))
    }
    total = 0.0
    for h, m in zip(map(normalised, top), bins, strict=True):
        above = math.exp(dot(h, centroid[m]) / temperature)
        below = sum(math.exp(closeness(m, n, last) * dot(h, c) / temperature) for n, c in centroid.items())
        total += -math.log(above / below)
    return total / len(top)


def softmax(values: Vector) -> list[float]:
    total = sum(math.exp(x) for x in values)
    return [math.exp(x) / total for x in values]


def listwise_loss(score: Vector, target: Vector, lists: Sequence[Sequence[int]]) -> float:
    total = 0.0
    for nodes in lists:
        wanted = softmax([target[node] for node in nodes])
        given = softmax([score[node] for node in nodes])
        total += -sum(p * math.log(q) for p, q in zip(wanted, given, strict=True))
    return total / len(lists)


def lambda_loss(score: Vector, target: Vector, lists: Sequence[Sequence[int]]) -> float:
    total = 0.0
    for nodes in lists:
        least = min(target[node] for node in nodes)
        gain = {node: target[node] - least for node in nodes}
        ranked = sorted(nodes, key=lambda node: -score[node])
        discount = {node: 1 / math.log2(2 + place) for place, node in enumerate(ranked)}
        ideal = sum(g / math.log2(2 + place) for place, g in enumerate(sorted(gain.values(), reverse=True)))
        for i in nodes:
            for j in nodes:
                if gain[i] > gain[j]:
                    weight = (gain[i] - gain[j]) * abs(discount[i] - discount[j]) / ideal
                    total += weight * math.log2(1 + math.exp(score[j] - score[i]))
    return total / len(lists)


def squared_error(score: Vector, target: Vector) -> float:
    return sum((s - t) ** 2 for s, t in zip(score, target, strict=True)) / len(score)


def importance_loss(
    score: Vector,
    by_channel: Sequence[Vector],
    target: Vector,
    lists: Sequence[Sequence[int]],
    channel_weight: float,
    listwise_weight: float,
) -> float:
    channels = list(zip(*by_channel, strict=True))
    parts = sum(squared_error(channel, target) for channel in channels) / len(channels)
    return (
        (1 - channel_weight) * squared_error(score, target)
        + channel_weight * parts
        + listwise_weight * listwise_loss(score, target, lists)
    )


def rank_n_contrast(nodes: Sequence[Vector], labels: Sequence[float], temperature: float) -> float:
    unit, count, total = [normalised(node) for node in nodes], len(nodes), 0.0
    for i in range(count):
        for j in range(count):
            if i == j:
                continue
            farther = [k for k in range(count) if k != i and abs(labels[k] - labels[i]) >= abs(labels[j] - labels[i])]
            below = sum(math.exp(dot(unit[i], unit[k]) / temperature) for k in farther)
            total += -math.log(math.exp(dot(unit[i], unit[j]) / temperature) / below) / (count - 1)
    return total / count


def y_aware_info_nce(
    nodes: Sequence[Vector], labels: Sequence[float], bandwidth: float, temperature: float
) -> float:  # fmt: skip
    unit, count, total = [normalised(node) for node in nodes], len(nodes), 0.0
    for i in range(count):
        others = [j for j in range(count) if j != i]
        kernel = {j: math.exp(-((labels[i] - labels[j]) ** 2) / (2 * bandwidth**2)) for j in others}
        below = sum(math.exp(dot(unit[i], unit[k]) / temperature) for k in others)
        for j in others:
            share = kernel[j] / sum(kernel.values())
            total += -share * math.log(math.exp(dot(unit[i], unit[j]) / temperature) / below)
    return total / count


def gaussian_loss(mean: Vector, log_variance: Vector, target: Vector, beta: float) -> float:
    total = 0.0
    for mu, log_var, y in zip(mean, log_variance, target, strict=True):
        variance = math.exp(log_var)
        density = math.exp(-((y - mu) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)
        total += variance**beta * (-2 * math.log(density) - math.log(2 * math.pi))
    return total / len(target)
