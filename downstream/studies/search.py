"""Search of hyper-parameters with Optuna: on validation nodes only, resumable, shared by any number of processes."""

from __future__ import annotations

import hashlib
import json
import statistics
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from downstream.methods.importance_settings import ImportanceConfig, SearchRange
from downstream.methods.row_names import LICAP
from downstream.metrics.registry import METRICS
from downstream.stages.importance import IMPORTANCE
from downstream.stages.runner import Runner
from downstream.studies.search_space import STAGE1, checked, comparable, range_of, suggest
from downstream.studies.settings import Settings
from downstream.studies.study import Arm
from downstream.studies.trial_storage import alone, default_storage, open_storage, storage_errors
from nie.disk.atomic import NotWritten
from nie.errors import NieError
from nie.extras import Package, require
from nie.progress import log
from nie.runs.other import OtherData
from nie.runs.stage import Stage
from nie.settings.yaml_loader import SafeDumper
from pretrain.stage import PRETRAINING

FROM_OUTSIDE = (NotWritten, OtherData, OSError)
"""Errors that the tried settings have not caused, and that the next ones would meet, too: they end a search."""

NEVER_ENDED = 8
"""Trials that are finished on all folds before one is ended early."""


@dataclass(frozen=True)
class Searched:
    """What a search has found so far.

    Attributes:
        values: the best settings, by dotted name.
        metric: the validation metric that they were chosen by.
        value: of that metric, mean over the folds.
        trials: how many were tried in all.
        recipes: the best settings as YAML, with where to add them.
    """

    values: dict[str, Any]
    metric: str
    value: float
    trials: int
    recipes: str


def search(
    method: str, settings: Settings, *, runner: Runner, trials: int, storage: str | None = None, licap: bool = False,
    space: Mapping[str, Any] | None = None,
) -> Searched:  # fmt: skip
    """Try ``trials`` more settings and return the best of all so far.

    Without ``space``, the settings to search and their ranges stand in the dataset's recipe under ``search``, by dotted
    name, or else in the recipe ``fast``; those of stage 1 begin with ``licap.`` and count with ``licap`` only. A
    trial's value is the mean over the folds of the validation metric that the recipe selects by; test nodes play no
    part. After eight finished trials, one whose mean over its first folds is worse than the median of theirs is ended
    before its next fold.

    Args:
        method: of `downstream.methods.table.METHODS`.
        settings: of the dataset, with the folds to search on.
        runner: how trials run.
        trials: how many to add.
        storage: where trials are kept, an URL of Optuna or by default ``trials.db`` in the run root; several processes
            or machines with the same storage search together.
        licap: search with LICAP pretraining in front of the method.
        space: the settings to search in the place of the recipe's, by dotted name, each ``(low, high)``, ``(low, high,
            "log")``, a list of choices, or a `SearchRange`.

    Raises:
        NieError: nothing to search, a range for an unknown setting or out of its bounds, a storage that cannot be used;
            as `NotWritten`, a full disk.
    """
    runner.require_packages(
        [settings.method(method), *([settings.licap()] if licap else [])], [Package("optuna", "search")]
    )
    optuna = require("optuna", "search")
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # its warnings are tracebacks of trials that raise
    ranges = comparable(_asked(method, settings, licap, space))
    spans = checked(ranges, lambda values: _present(values, *_configs(method, settings, values, licap)))
    stage1, stage2 = _configs(method, settings, {}, licap)
    same = _digest(
        stage1.digest() if stage1 else None, stage2.digest(), runner.made_from(stage2),
        {key: span.model_dump() for key, span in spans.items()},
    )  # fmt: skip
    metric = stage2.judged_by
    present = {key: value for key, value in _present(spans, stage1, stage2).items() if spans[key].contains(value)}
    # Trials are comparable where data, ranges and everything but the searched values are the same.
    name = " ".join([settings.dataset, stage2.run_label(), metric, *map(str, stage2.folds.run), same])
    url = default_storage(Path(runner.run_root)) if storage is None else storage

    def objective(trial: Any) -> float:
        values = {key: suggest(trial, key, span) for key, span in spans.items()}
        stage1, stage2 = _configs(method, settings, values, licap)
        found: list[float] = []
        for fold in stage2.folds.run:
            try:
                found.append(_validate(stage1, stage2, fold, runner, metric))
            except FROM_OUTSIDE:
                raise
            except NieError as error:  # such as a loss that became infinite
                log.warning("trial %d ended: %s", trial.number, error)
                raise optuna.TrialPruned from error
            mean = sum(found) / len(found)
            trial.report(mean, len(found))
            if len(found) < len(stage2.folds.run) and _is_behind(trial, mean, len(found)):
                raise optuna.TrialPruned
        log.info("trial %d: validation %s %.4f with %s", trial.number, metric, mean, trial.params)
        return mean

    def again(study: Any, _: Any) -> None:
        with alone(url):
            _enqueue(study, present)

    with storage_errors(url):
        with alone(url):
            study = _study(name, metric, url)
            seed = stage2.seed + _draw_of(study) if storage is None else None
            _enqueue(study, present)
        # Processes that share a storage must not all propose the same.
        study.sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
        study.optimize(objective, n_trials=trials, callbacks=[again])
        tried = _not_failed(study)
        if not any(trial.state == optuna.trial.TrialState.COMPLETE for trial in tried):
            raise NieError("No trial was finished, so there is no best one; see the lines above, or allow more trials.")
        note = f"{metric} {study.best_value:.4f} on validation, {len(tried)} trials"
        recipes = _as_recipes(settings, method, study.best_params, note)
        return Searched(study.best_params, metric, study.best_value, len(tried), recipes)


def _asked(method: str, settings: Settings, licap: bool, space: Mapping[str, Any] | None) -> dict[str, SearchRange]:
    """The ranges that are given, or else those of the recipes."""
    if not space:
        every = settings.ranges(method)
        found = {name: span for name, span in every.items() if licap or not name.startswith(STAGE1)}
        if not found:
            raise NieError(
                f"No recipe has ranges for {method} on {settings.dataset} under 'search'; add some there, or give them "
                "with --set SETTING=low:high (in Python: space)."
            )
        return found
    for name in space:
        if name.startswith(STAGE1) and not licap:
            raise NieError(
                f"{name} is a setting of the pretraining; search it with --licap (in Python: {method}{LICAP})."
            )
    return {name: range_of(name, given) for name, given in space.items()}


def _study(name: str, metric: str, url: str) -> Any:
    """Optuna's study of that name, a new one or the one that there is."""
    optuna = require("optuna", "search")
    return optuna.create_study(
        study_name=name,
        storage=open_storage(url),
        pruner=optuna.pruners.NopPruner(),  # see _is_behind
        direction="maximize" if METRICS[metric].higher_is_better else "minimize",
        load_if_exists=True,
    )


def _draw_of(study: Any) -> int:
    """A number that no other search of the study has drawn or will draw; the same for who repeats it from the start."""
    begun: int = study.user_attrs.get("searches", 0)
    study.set_user_attr("searches", begun + 1)
    return begun + len(study.trials)


def _enqueue(study: Any, present: Mapping[str, Any]) -> None:
    """Have the present settings tried next, unless they were or are: the best ones must not be worse than they.

    A trial of a process that was killed seems to run until it has been silent for long enough.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is called experimental
        require("optuna", "search").storages.fail_stale_trials(study)
    for trial in _not_failed(study):
        known = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
        if all(key in known and known[key] == value for key, value in present.items()):
            return
    study.enqueue_trial(present)


def _is_behind(trial: Any, mean: float, folds: int) -> bool:
    """Whether a trial's mean over its first folds is worse than the median of what finished trials had there.

    Optuna's own pruner compares the best mean that the trial has had, over however few folds.
    """
    optuna = require("optuna", "search")
    finished = trial.study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    if len(finished) < NEVER_ENDED:
        return False
    median: float = statistics.median(one.intermediate_values[folds] for one in finished)
    maximized: bool = trial.study.direction == optuna.study.StudyDirection.MAXIMIZE
    return mean < median if maximized else mean > median


def _not_failed(study: Any) -> list[Any]:
    """The trials but for those that an error or a kill ended, which say nothing of their settings."""
    failed = require("optuna", "search").trial.TrialState.FAIL
    return [trial for trial in study.trials if trial.state != failed]


def _digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:8]


def _present(names: Iterable[str], stage1: Any, stage2: ImportanceConfig) -> dict[str, Any]:
    """The values that settings have now, by dotted name."""
    values = {}
    for name in names:
        value: Any = stage1 if name.startswith(STAGE1) else stage2
        for part in name.removeprefix(STAGE1).split("."):
            value = value.get(part) if isinstance(value, Mapping) else getattr(value, part)
        values[name] = value
    return values


def _configs(method: str, settings: Settings, values: Mapping[str, Any], licap: bool) -> tuple[Any, ImportanceConfig]:
    """Settings of both stages with the tried values; stage 1 is None without LICAP."""
    of_stage1, of_stage2 = _by_stage(values)
    return settings.licap(**of_stage1) if licap else None, settings.method(method, **of_stage2)


def _by_stage(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Dotted names as nested sections of stage 1 and of stage 2."""
    stage1 = {name.removeprefix(STAGE1): value for name, value in values.items() if name.startswith(STAGE1)}
    return _nested(stage1), _nested({name: values[name] for name in values if not name.startswith(STAGE1)})


def _validate(stage1: Any, stage2: ImportanceConfig, fold: int, runner: Runner, metric: str) -> float:
    """The validation metric of one fold.

    Raises:
        NieError: it is undefined, as a rank correlation is of equal predictions; or the run fails.
    """
    if stage1 is not None:
        runner.run([stage1.on_folds(fold)], raised=FROM_OUTSIDE)
    (run,) = runner.run([Arm("trial", stage2, stage1).settings_in(runner).on_folds(fold)], raised=FROM_OUTSIDE)
    value = run.figures(fold, "val").get(metric)
    if value is None:
        raise NieError(f"{metric} is undefined on the validation nodes of fold {fold}.")
    return float(value)


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted names as nested sections.

    >>> _nested({"optim.lr": 0.1, "optim.clip_norm": 1.0, "seed": 3})
    {'optim': {'lr': 0.1, 'clip_norm': 1.0}, 'seed': 3}
    """
    nested: dict[str, Any] = {}
    for name, value in values.items():
        *sections, leaf = name.split(".")
        place = nested
        for section in sections:
            place = place.setdefault(section, {})
        place[leaf] = value
    return nested


def _as_recipes(settings: Settings, method: str, values: Mapping[str, Any], note: str) -> str:
    """The best settings as additions to the recipes of both stages."""
    stage1, stage2 = _by_stage(values)
    text = f"# {note}\n"
    for stage, recipe in ((IMPORTANCE, {"methods": {method: stage2}}), (PRETRAINING, stage1)):
        if recipe:
            text += f"# {_place(stage, settings)}:\n{yaml.dump(recipe, Dumper=SafeDumper, sort_keys=False)}"
    return text


def _place(stage: Stage[Any], settings: Settings) -> str:
    """The recipe that a stage's settings for the dataset belong in."""
    name = stage.recipes.own(settings.dataset, settings.profile)
    path, here = stage.recipes.path(name), Path.cwd()
    shown = path.relative_to(here) if path.is_relative_to(here) else path
    if name != settings.profile:
        return f"add to {shown}"
    own = f"{settings.dataset}-{stage.command}.yaml"  # settings of one graph do not belong in the recipe of all graphs
    return f"add to a copy of {shown}, say {own}, which is given as --recipe {own} --dataset {settings.dataset}"
