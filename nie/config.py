"""Configuration: defaults < recipe (YAML with only the differences) < command-line flags.

Each stage has one frozen, typed class. A recipe is looked up by name in the stage's ``recipes`` folder or read from a
path; flags are dotted: ``--optim.lr 1e-3 --no-model.residual``. An unknown key or a wrong type is an error that names
the nearest valid key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from nie.errors import NieError, nearest

Metric = Literal[
    "spearman", "rmse", "medianae", "ndcg@20", "ndcg@50", "ndcg@100", "ndcg@200", "over@20", "over@50", "over@100",
    "over@200",
]  # fmt: skip


class Section(BaseModel):
    """A group of settings: immutable, and closed to keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class GraphConfig(Section):
    """The message graph that is built from the knowledge graph."""

    inverse_relations: bool = Field(False, description="add an inverse edge, with its own relation, to every edge")
    self_loops: bool = Field(True, description="add one self-loop a node, with one extra relation")


class FeaturesConfig(Section):
    """The two input channels."""

    structural: str = Field("auto", description="node2vec or a channel of the graph; auto: its own, else node2vec")
    semantic: str = Field("auto", description="minilm, tfidf or a channel of the graph; auto: its own, else tfidf")
    degrees: bool = Field(True, description="append log in- and out-degree to the structural channel")
    standardize: bool = Field(True, description="zero mean and unit variance a column, over the nodes that have it")
    num_walks: int = Field(10, ge=1, description="node2vec walks from every node")
    walk_length: int = Field(20, ge=2, description="node2vec steps a walk")
    seed: int = Field(0, ge=0, description="seed of the feature computation")


class FoldsConfig(Section):
    """Cross-validation over the labelled nodes."""

    num_folds: int = Field(5, ge=2, description="number of folds that are made")
    seed: int = Field(0, ge=0, description="seed of the permutation; 0 is the published one")
    run: tuple[int, ...] = Field((0, 1, 2, 3, 4), description="the folds to run now")


class OptimConfig(Section):
    """Adam, its schedule and when to stop."""

    lr: float = Field(0.005, gt=0, description="learning rate; the peak with one_cycle")
    weight_decay: float = Field(5e-4, ge=0, description="L2 penalty in Adam")
    schedule: Literal["constant", "one_cycle"] = Field("constant", description="learning rate over the epochs")
    max_epochs: int = Field(1000, ge=1, description="epochs at most (all of them shape one_cycle)")
    patience: int = Field(100, ge=1, description="stop after so many epochs without a better validation score")
    eval_every: int = Field(1, ge=1, description="epochs between two evaluations")
    clip_norm: float | None = Field(None, gt=0, description="bound on the gradient norm")

    @model_validator(mode="after")
    def _patience_covers_an_evaluation(self) -> OptimConfig:
        if self.patience < self.eval_every:
            raise ValueError(f"patience {self.patience} ends before the first evaluation; raise it to eval_every")
        return self


class PreGATConfig(Section):
    """The encoder that LICAP trains (METHODS section 2)."""

    head_size: int = Field(8, ge=1)
    num_heads: int = Field(8, ge=1)
    structural_size: int = Field(64, ge=1, description="size of the structural embedding")
    semantic_size: int = Field(128, ge=1, description="size of the semantic embedding")
    rel_size: int = Field(10, ge=1, description="size of the relation embeddings")
    use_relations: bool = Field(True, description="off: plain GAT")
    feat_drop: float = Field(0.0, ge=0, lt=1)
    attn_drop: float = Field(0.0, ge=0, lt=1)
    negative_slope: float = Field(0.01, ge=0, description="of the LeakyReLU on attention scores")


class RGTNConfig(Section):
    """The relational graph transformer network (METHODS section 4)."""

    head_size: int = Field(8, ge=1)
    num_heads: int = Field(8, ge=1)
    num_layers: int = Field(3, ge=1)
    rel_size: int = Field(10, ge=1, description="size of the relation embeddings")
    mode: Literal["mul", "add", "gate", "dot"] = Field("mul", description="how the relation enters the score")
    feat_drop: float = Field(0.3, ge=0, lt=1)
    attn_drop: float = Field(0.0, ge=0, lt=1)
    ffn_drop: float = Field(0.3, ge=0, lt=1)
    residual: bool = True
    activation: Literal["linear", "leaky_relu"] = Field("linear", description="of the importance head")
    centrality_scale: bool = Field(False, description="scale the structural score by log in-degree")


class LicapLossConfig(Section):
    """Label informed contrast (METHODS section 3)."""

    gamma: float = Field(0.1, gt=0, lt=1, description="share of training nodes in the top bin")
    width: float = Field(1.0, gt=0, description="width of a finer bin, on the label scale")
    eta1: float = Field(1.0, ge=0, description="weight of top against non-top")
    eta2: float = Field(1.0, ge=0, description="weight of the contrast between finer bins")
    temperature: float = Field(0.05, gt=0)
    sampling: Literal["top_first", "random"] = Field("top_first", description="random: the papers' r.d. study")

    @model_validator(mode="after")
    def _something_to_learn(self) -> LicapLossConfig:
        if self.eta1 == 0 and self.eta2 == 0:
            raise ValueError("eta1 and eta2 are both 0, which leaves nothing to learn")
        return self


class ImportanceLossConfig(Section):
    """Regression on the joint and the channels' scores, and a listwise term (METHODS section 4)."""

    channel_weight: float = Field(0.5, ge=0, le=1, description="l: share of the channels' own errors")
    listwise_weight: float = Field(0.3, ge=0, description="a: weight of the listwise term")
    list_size: int = Field(100, ge=2, description="n: nodes a list, the node itself included")


class StageConfig(Section):
    """What both stages share."""

    dataset: str = Field(..., min_length=1, description="name of a processed or buildable knowledge graph")
    label: str | None = Field(
        None, pattern=r"^[\w.+-]+$", description="first part of the run's folder name; by default the method's name"
    )
    graph: GraphConfig = GraphConfig()
    features: FeaturesConfig = FeaturesConfig()
    folds: FoldsConfig = FoldsConfig()
    seed: int = Field(0, ge=0, description="seed of initial weights, dropout and samplers")
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    reported: dict[str, dict[str, str | float]] = Field({}, description="published rows, shown apart in tables")

    def run_label(self) -> str:
        """The label that was given, or what the stage calls its runs."""
        return self.label or "licap"

    def digest(self) -> str:
        """Eight hex digits of everything that can change a result."""
        document = self.model_dump(mode="json", exclude={"label": True, "reported": True, "folds": {"run"}})
        return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:8]


class LicapConfig(StageConfig):
    """Stage 1: LICAP pretraining of PreGAT embeddings."""

    channels: tuple[Literal["structural", "semantic"], ...] = Field(
        ("structural", "semantic"), min_length=1, description="the channels to pretrain"
    )
    model: PreGATConfig = PreGATConfig()
    loss: LicapLossConfig = LicapLossConfig()
    optim: OptimConfig = OptimConfig(patience=20, clip_norm=10.0)


class ImportanceConfig(StageConfig):
    """Stage 2: importance estimation on raw or pretrained features."""

    method: str = Field("rgtn", description="rgtn, pagerank, ridge or boosting")
    pretrained: str | None = Field(None, description="folder of a stage-1 run whose embeddings replace the features")
    model: RGTNConfig = RGTNConfig()
    loss: ImportanceLossConfig = ImportanceLossConfig()
    optim: OptimConfig = OptimConfig()
    centre_labels: bool = Field(True, description="learn the difference to the mean training label")
    select: Metric = Field("spearman", description="validation metric that picks the epoch")

    def run_label(self) -> str:
        """The label that was given, or the method, with ``+licap`` on pretrained features."""
        return self.label or self.method + ("+licap" if self.pretrained else "")


Config = TypeVar("Config", bound=StageConfig)
RECIPES = {LicapConfig: "pretrain", ImportanceConfig: "downstream"}


def recipe_folder(stage: type[StageConfig]) -> Path:
    """The folder with the stage's recipes, beside this package."""
    return Path(__file__).resolve().parent.parent / RECIPES[stage] / "recipes"


def read_recipe(stage: type[StageConfig], recipe: str | Path) -> dict[str, Any]:
    """Read a recipe by name (``fb15k-fast``) or path (``my.yaml``).

    Raises:
        NieError: there is no such recipe, or it is not a YAML mapping.
    """
    folder = recipe_folder(stage)
    path = Path(recipe)
    if path.suffix not in (".yaml", ".yml"):
        path = folder / f"{recipe}.yaml"
    if not path.is_file():
        names = sorted(file.stem for file in folder.glob("*.yaml"))
        hint = nearest(str(recipe), names) or f" (there are {', '.join(names)})"
        raise NieError(f"There is no {RECIPES[stage]} recipe {str(recipe)!r}{hint}.")
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeys)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise NieError(f"{path} is not valid YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(document, dict):
        raise NieError(f"{path} holds no settings; a recipe is a YAML mapping such as 'optim: {{lr: 0.001}}'.")
    for key in document:
        if key not in stage.model_fields:
            raise NieError(f"Unknown key {key!r} in {path}{nearest(key, [*stage.model_fields, *field_names(stage)])}.")
    return document


class _UniqueKeys(yaml.SafeLoader):
    """YAML's safe loader, which otherwise lets the last of two equal keys win in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} is not a word", node.start_mark)
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def load_config(
    stage: type[Config],
    recipe: str | Path | None = None,
    *,
    flags: Sequence[str] = (),
    overrides: Mapping[str, Any] | None = None,
) -> Config:
    """Resolve a stage's configuration: defaults < recipe < ``overrides`` < ``flags``.

    Raises:
        NieError: an unknown key, flag or recipe, or a value of the wrong type or range.

    >>> load_config(LicapConfig, overrides={"dataset": "geo"}, flags=["--optim.lr", "0.001"]).optim.lr
    0.001
    """
    # A stage's own defaults of a section hold for the keys that a recipe's section leaves out.
    defaults = {
        name: field.default.model_dump()
        for name, field in stage.model_fields.items()
        if isinstance(field.default, Section)
    }
    values = _merge(_merge(defaults, read_recipe(stage, recipe) if recipe else {}), overrides or {})
    source = f"recipe {recipe} or the flags" if recipe else "the settings"
    try:
        resolved = _with_flags(stage)(_cli_parse_args=list(flags), **values)
        return stage.model_validate(resolved.model_dump(include=set(stage.model_fields)))
    except ValidationError as error:
        raise NieError(_explain(stage, error, source)) from error
    except SettingsError as error:
        raise NieError(_explain_flag(stage, str(error), flags)) from error


def field_names(section: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield every setting's dotted name.

    >>> next(field_names(OptimConfig, "optim."))
    'optim.lr'
    """
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from field_names(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def flags_help(stage: type[StageConfig]) -> str:
    """One line a setting: its flag, its meaning and its default."""
    return "\n".join(_help_lines(stage(dataset="required"), "--"))


def _help_lines(section: BaseModel, prefix: str) -> Iterator[str]:
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, Section):
            yield from _help_lines(value, f"{prefix}{name}.")
        else:
            yield f"  {prefix + name:<30} {field.description or ''} [{value}]"


def _with_flags(stage: type[Config]) -> type[Any]:
    """The stage's class with a command-line parser over it; the environment is deliberately not read."""

    class WithFlags(BaseSettings, stage):  # type: ignore[valid-type, misc]
        model_config = SettingsConfigDict(
            frozen=True, extra="forbid", cli_implicit_flags=True, cli_exit_on_error=False, cli_prog_name="nie"
        )

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            *_env: PydanticBaseSettingsSource,
            **_files: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return (init_settings,)

    return WithFlags


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Merge nested mappings; ``over`` wins."""
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _explain(stage: type[StageConfig], error: ValidationError, source: str) -> str:
    """One sentence for the first thing that is wrong."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"Unknown key {key!r} in {source}{nearest(key, field_names(stage))}."
    if first["type"] == "missing":
        return f"The setting {key!r} is missing; give it in a recipe or as --{key}."
    return f"The setting {key!r} in {source} is {first['input']!r}: {first['msg'][0].lower()}{first['msg'][1:]}."


def _explain_flag(stage: type[StageConfig], message: str, flags: Sequence[str]) -> str:
    known = {f"--{name}" for name in field_names(stage)} | {f"--no-{name}" for name in field_names(stage)}
    for flag in flags:
        name = flag.split("=", maxsplit=1)[0]
        if name.startswith("--") and name not in known:
            return f"Unknown flag {name!r}{nearest(name, known)}."
    return f"The flags {' '.join(flags)!r} cannot be read: {message}."
