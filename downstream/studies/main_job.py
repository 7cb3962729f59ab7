"""The main job: from a graph to the best scores that a given time allows.

Methods are tried from the cheapest to the dearest, those that are finished are blended, and what does best on
validation nodes is chosen.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

from downstream.methods.importance_settings import ImportanceConfig, NetworkConfig
from downstream.methods.row_names import LICAP
from downstream.methods.table import METHODS
from downstream.metrics.fold_judge import FoldJudge
from downstream.reports.best_run import best_run, validated
from downstream.reports.results import most_folds
from downstream.stages.importance import IMPORTANCE
from downstream.stages.runner import Runner, raise_failures
from downstream.studies.presets import find_preset
from downstream.studies.settings import of_both_stages
from downstream.studies.study import Arm, ArmFailure, configs_of, finished_arms, no_contrast, run_arms
from nie.arguments import positive
from nie.errors import NieError, nearest, shown
from nie.later import later
from nie.progress import WholeJob, log, piece
from nie.runs.run import Run
from nie.settings.flags import flag_value, said_by_flags
from pretrain.cross_validation import folds_of
from pretrain.stage import PRETRAINING

check_selection = later("downstream.methods.network:check_selection")

ALWAYS = ("pagerank", "ridge")
"""Rows of seconds, which are made even if the features took all the time: an answer is better than none."""
TABLES = ("boosting", "kernel-ridge-neighbours", "boosting-neighbours")
CANDIDATES = (*ALWAYS, *TABLES, "rgcn", "rgtn", "rgtn+licap", "blend")
"""The rows, from the cheapest to the dearest; what is blended comes last."""

FIXED = {
    "dataset": "name the dataset after 'nie run'",
    "method": "use 'nie downstream --method' for one method, or --methods for some",
    "pretrained": "use 'nie downstream --pretrained' for one run",
    "fine_tune": "use 'nie downstream --pretrained RUN --fine_tune' for one run",
    "label": "use 'nie downstream --label' for one run",
}
"""Settings that the main job sets itself, and what to do instead."""
FEW_NODES = 30
"""Validation nodes, below which a choice by their Spearman is mostly luck: its standard error is about .2."""
NETWORK_WEIGHT, LICAP_WEIGHT = 10.0, 15.0
"""How long a fold of a network and of LICAP takes, compared with other methods: a guess, for the time that is left."""


@dataclass(frozen=True)
class Answer:
    """What the main job ends with.

    Attributes:
        runs: by row, those that are finished on the same folds, as many as any.
        left_out: by row, why it is not among them.
    """

    runs: Mapping[str, Run]
    left_out: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def best(self) -> Run:
        """The blend, if its Spearman on validation nodes is at most a standard error below the best one; else that.

        This is the rule of one standard error (Breiman et al., 1984), with the blend as the more stable of equals: its
        validation figures are cross-fitted, while those of any other method are of nodes that chose its epoch, its
        rounds or its penalty, and so are a little too good. Test figures play no part.
        """
        best, blend = best_run(list(self.runs.values())), self.runs.get("blend")
        if blend is None or not math.isfinite(validated(blend)):
            return best
        return blend if validated(blend) >= validated(best) - _standard_error(best) else best

    @property
    def doubt(self) -> str:
        """Why the choice of the best says little, in a sentence; "" where it can be trusted."""
        nodes, ranked = _validation_nodes(self.best), math.isfinite(validated(self.best))
        if ranked and nodes >= FEW_NODES:
            return ""
        if ranked:
            return (
                f"The method was chosen on {nodes} validation nodes, which are so few that the choice and the figures "
                "may be luck; more known scores would make them surer."
            )
        return (
            f"The {nodes} validation nodes tell no ranking from another, because they are too few or equal in score, "
            "so that the method was chosen by its RMSE there alone; more, and different, known scores would help."
        )

    def remarks(self) -> list[str]:
        """What whoever reads the figures should know, a sentence each: what was left out, and the `doubt`."""
        left_out = [f"Left out: {row}, {why}." for row, why in self.left_out.items()]
        return [*left_out, *([self.doubt] if self.doubt else [])]


def _validation_nodes(run: Run) -> int:
    return sum(len(run.split(fold)["val"]) for fold in run.finished_folds())


def _standard_error(run: Run) -> float:
    """Of `validated`, as if validation nodes were drawn at random: ``(1 - r^2) sqrt((1 + r^2 / 2) / (n - 3))``.

    Bonett and Wright, 2000, for Spearman; n is the number of validation nodes of all folds.
    """
    r, nodes = validated(run), _validation_nodes(run)
    return (1 - r**2) * math.sqrt((1 + r**2 / 2) / max(nodes - 3, 1)) if math.isfinite(r) else 0.0


def settings_of_flags(flags: Sequence[str]) -> dict[str, Any]:
    """What flags of the command line say, nested as settings are; they may be of settings that RGTN alone has.

    Raises:
        NieError: a flag that cannot be read, or that the main job sets itself.

    >>> settings_of_flags(["--optim.max_epochs", "5"])
    {'optim': {'max_epochs': 5}}
    """
    for name, instead in FIXED.items():
        if flag_value(flags, f"--{name}") is not None:
            raise NieError(f"'nie run' compares methods on one dataset; leave --{name} out, or {instead}.")
    return said_by_flags(IMPORTANCE.recipes.settings_of(None), tuple(flags))


def main_job(
    dataset: str, *, preset: str = "good", methods: Sequence[str] = CANDIDATES, minutes: float | None = None,
    settings: Mapping[str, Any] | None = None, runner: Runner,
) -> Answer:  # fmt: skip
    """Run ``methods`` on ``dataset``, cheapest first; what is finished is kept and taken from disk.

    A row that cannot be made, such as LICAP's where there are too few labels, is left out with a warning that says why;
    the blend is then of the others. What would stop every row ends the job.

    Args:
        dataset: a known or processed dataset.
        preset: of `downstream.studies.presets.PRESETS`.
        methods: the rows: methods, ``<method>+licap``, and ``blend`` for the blend of all others.
        minutes: after which training stops; None for the preset's. Rows of seconds (`ALWAYS`) are made in any case.
        settings: of stage 2, nested; each method takes what it knows of them, and LICAP what both stages share
            (features, folds, seed, device).
        runner: how the stages run.

    Raises:
        NieError: bad input, in one sentence, or no method was finished in time.
    """
    chosen = find_preset(preset)
    limit = chosen.minutes if minutes is None else positive("minutes", minutes)
    arms = [_arm(row, dataset, chosen.recipe, settings or {}) for row in _in_order(methods) if row != "blend"]
    left_out = _without_a_choice_of_epochs(arms, runner)
    arms = [arm for arm in arms if arm.name not in left_out]
    if not arms:
        raise NieError(
            f"The scores of {dataset} are too few or all equal, so that no epoch of {', '.join(left_out)} can be "
            "chosen; give more scores, or try other --methods."
        )
    with WholeJob({"features": NETWORK_WEIGHT, **_weights(arms)}):
        runner.require_packages(configs_of(arms))
        started = time.monotonic()
        with piece("features"):  # raises for what most rows need before any of them is run
            runner.made_from(max(arms, key=lambda arm: METHODS[_method(arm.name)].settings.reads_features).config)
        _, failed = run_arms([arm for arm in arms if arm.name in ALWAYS], runner)
        left = None if limit is None else limit - (time.monotonic() - started) / 60
        _, more_failed = run_arms([arm for arm in arms if arm.name not in ALWAYS], runner, minutes=left)
        runs, unfinished = _finished_alike(arms, runner, limit, [*failed, *more_failed])
        left_out |= unfinished
        if "blend" in methods:
            parts = tuple(arm for arm in arms if arm.name in runs and not METHODS[_method(arm.name)].sees_test_labels)
            if len(parts) > 1:
                config = _settings("blend", dataset, chosen.recipe, settings or {}, parts=[arm.name for arm in parts])
                folds = next(iter(runs.values())).finished_folds()
                made, failed = run_arms([Arm("blend", config.on_folds(*folds), parts=parts)], runner)
                raise_failures([failure.said for failure in failed])
                runs |= made
            else:
                left_out["blend"] = "fewer than two methods are finished"
    if left_out:
        log.warning("Left out: %s.", "; ".join(f"{row}, {why}" for row, why in left_out.items()))
    answer = Answer(runs, left_out)
    if answer.doubt:
        log.warning("%s", answer.doubt)
    return answer


def _in_order(methods: Sequence[str]) -> list[str]:
    """The rows that are asked for, the cheapest first, and others than `CANDIDATES` behind these.

    Raises:
        NieError: there is none, or none but a blend; or an unknown method.
    """
    for row in methods:
        if _method(row) not in METHODS:
            known = list(METHODS)
            raise NieError(f"There is no method {shown(row)}{nearest(row, known)}; there are {', '.join(known)}.")
    rows = [*(row for row in CANDIDATES if row in methods), *(row for row in methods if row not in CANDIDATES)]
    if rows in ([], ["blend"]):
        raise NieError("The methods must be at least one besides blend, which is made of the others.")
    return list(dict.fromkeys(rows))


def _method(row: str) -> str:
    """The method of a row.

    >>> _method("rgtn+licap"), _method("gcn")
    ('rgtn', 'gcn')
    """
    return row.removesuffix(LICAP)


def _settings(method: str, dataset: str, recipe: str, given: Mapping[str, Any], **own: Any) -> ImportanceConfig:
    overrides = {"dataset": dataset, "method": method, **own}
    return IMPORTANCE.recipes.resolve(IMPORTANCE.recipes.own(dataset, recipe), given=given, overrides=overrides)


def _arm(row: str, dataset: str, recipe: str, given: Mapping[str, Any]) -> Arm:
    config = _settings(_method(row), dataset, recipe, given)
    if not row.endswith(LICAP):
        return Arm(row, config)
    if not config.reads_features:
        raise NieError(f"There is no row {row}: {_method(row)} reads no features that LICAP could replace.")
    overrides = {"dataset": dataset, **of_both_stages(config)}
    licap = PRETRAINING.recipes.resolve(PRETRAINING.recipes.own(dataset, recipe), overrides=overrides)
    return Arm(row, config, licap)


def _without_a_choice_of_epochs(arms: Sequence[Arm], runner: Runner) -> dict[str, str]:
    """The rows of networks whose epochs no validation label can choose, with the reason; they have no use."""
    reasons: dict[str, str] = {}
    judges: dict[tuple[Any, int], FoldJudge] = {}
    for arm in arms:
        if not METHODS[_method(arm.name)].is_network:
            continue
        config = cast(NetworkConfig, arm.config)
        kg, made_by = runner.graph(config.dataset), config.folds.model_dump(exclude={"run"})
        folds, ground = folds_of(kg, config.folds), (*made_by.values(), config.tier_shares)
        try:
            for fold in config.fold_numbers:
                if (ground, fold) not in judges:
                    judges[ground, fold] = FoldJudge(kg.targets, folds[fold], config.tier_shares)
                check_selection(config, judges[ground, fold])
        except NieError:
            reasons[arm.name] = "the scores of its validation nodes are too few or all equal"
    return reasons


def _weights(arms: Sequence[Arm]) -> dict[str, float]:
    """How long the folds of the arms and of their pretraining take, by the names of these pieces."""
    weights = {}
    for arm in arms:
        network = METHODS[_method(arm.name)].is_network
        for fold in arm.config.fold_numbers:
            weights[f"{arm.name} fold {fold}"] = NETWORK_WEIGHT if network else 1.0
            if arm.licap is not None:
                weights[f"{arm.licap.run_label()} fold {fold}"] = LICAP_WEIGHT
    return weights


def _finished_alike(
    arms: Sequence[Arm], runner: Runner, limit: float | None, failed: Sequence[ArmFailure]
) -> tuple[dict[str, Run], dict[str, str]]:
    """The runs that are finished on the same folds, as many as any, and why the others are not among them.

    Raises:
        NieError: no fold of any method was finished in time, or none could be.
    """
    found = finished_arms(arms, runner)
    without_licap = {
        arm.name: reason
        for arm in arms
        if arm.name not in found and arm.licap is not None and (reason := no_contrast(arm.licap, runner))
    }
    if len(without_licap) == len(arms):
        reason = next(iter(without_licap.values()))
        raise NieError(
            f"The methods must be at least one without LICAP, as labels leave it nothing to contrast. {reason}"
        )
    within = "" if limit is None else f" within {limit:g} minutes"
    if not found:
        raise_failures([failure.said for failure in failed])
        raise NieError(
            f"No method was finished{within}; run the same command again, which goes on from here, or give more "
            "minutes (--minutes)."
        )
    most = set(most_folds(run.finished_folds() for run in found.values()))
    shared = {arm.name: most & set(found[arm.name].finished_folds() if arm.name in found else ()) for arm in arms}
    left_out = {row: f"{len(own)} of {len(most)} folds{within}" for row, own in shared.items() if own != most}
    left_out |= dict.fromkeys(without_licap, "its labels leave LICAP nothing to contrast")
    for row in left_out:
        if said := [one.said.removeprefix(f"{row} ").removesuffix(".") for one in failed if row in one.arms]:
            left_out[row] = "; ".join(said)
    return {row: run for row, run in found.items() if shared[row] == most}, left_out
