"""Where settings come from: defaults < recipe (YAML with only the differences) < command-line flags.

A recipe is looked up by name in the stage's ``recipes`` folder or read from a path; flags are dotted: ``--optim.lr 1e-3
--no-model.residual``. An unknown key or a wrong type is an error that names the nearest valid key.

A recipe of stage 2 serves every method: what stands at its top holds for each method that has the setting (``label``,
``model`` and ``search`` for the recipe's own ``method`` alone), and ``methods`` holds what differs for single methods::

    dataset: fb15k
    optim: {lr: 0.01}
    model: {num_heads: 4}             # of RGTN, which is the default method
    methods:
      geni: {optim: {lr: 0.005}, model: {num_layers: 3}}
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard, TypeVar, cast

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from nie.config import ImportanceConfig, LicapConfig, RunConfig
from nie.errors import NieError, nearest
from nie.link_config import LinkConfig
from nie.method_config import METHOD_CONFIGS
from nie.model_config import Section

Config = TypeVar("Config", bound=RunConfig)
OWN = ("label", "model", "search")
RECIPES: dict[type[RunConfig], str] = {
    LicapConfig: "pretrain",
    ImportanceConfig: "downstream",
    LinkConfig: "downstream/links",
}


def recipe_folder(stage: type[RunConfig]) -> Path:
    """The folder with the stage's recipes, beside this package."""
    return Path(__file__).resolve().parent.parent / RECIPES[stage] / "recipes"


def own_recipe(stage: type[RunConfig], dataset: str, profile: str) -> str:
    """Name of the dataset's own recipe of a profile, or of the general one.

    >>> own_recipe(LicapConfig, "fb15k", "fast"), own_recipe(LicapConfig, "mykg", "fast")
    ('fb15k-fast', 'fast')
    """
    own = f"{dataset}-{profile}"
    return own if (recipe_folder(stage) / f"{own}.yaml").is_file() else profile


def read_recipe(stage: type[RunConfig], recipe: str | Path) -> dict[str, Any]:
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
    known = _known_keys(stage)
    for key in document:
        if key not in known:
            raise NieError(f"Unknown key {key!r} in {path}{nearest(key, [*known, *field_names(stage)])}.")
    methods = document.get("methods") or {}
    if not isinstance(methods, dict) or not all(isinstance(part, dict) for part in methods.values()):
        raise NieError(f"'methods' in {path} holds settings by method, such as 'methods: {{geni: {{seed: 1}}}}'.")
    for method in methods:
        method_config(method)
    return document


def method_config(method: str) -> type[ImportanceConfig]:
    """The settings' class of a method of stage 2.

    Raises:
        NieError: there is no such method; the nearest is named.

    >>> method_config("geni").__name__
    'GENIMethod'
    """
    if not isinstance(method, str) or method not in METHOD_CONFIGS:
        hint = nearest(str(method), METHOD_CONFIGS) or f" (there are {', '.join(METHOD_CONFIGS)})"
        raise NieError(f"There is no method {method!r}{hint}.")
    return METHOD_CONFIGS[method]


def _known_keys(stage: type[RunConfig]) -> dict[str, None]:
    """Keys that a recipe of the stage may have at its top, in order."""
    stages = METHOD_CONFIGS.values() if stage is ImportanceConfig else [stage]
    keys = dict.fromkeys(name for config in stages for name in config.model_fields)
    return {**keys, "methods": None} if stage is ImportanceConfig else keys


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
    document = read_recipe(stage, recipe) if recipe else {}
    if issubclass(stage, ImportanceConfig):
        method = flag_value(flags, "--method") or (overrides or {}).get("method") or document.get("method", "rgtn")
        stage, document = cast(type[Config], method_config(method)), _of_method(document, method)
    # A stage's own defaults of a section hold for the keys that a recipe's section leaves out.
    defaults = {
        name: field.default.model_dump()
        for name, field in stage.model_fields.items()
        if isinstance(field.default, Section)
    }
    values = _merge(_merge(defaults, document), overrides or {})
    source = f"recipe {recipe} or the flags" if recipe else "the settings"
    try:
        resolved = _with_flags(stage)(_cli_parse_args=list(flags), **values)
        return stage.model_validate(resolved.model_dump(include=set(stage.model_fields)))
    except ValidationError as error:
        raise NieError(_explain(stage, error, source)) from error
    except SettingsError as error:
        raise NieError(_explain_flag(stage, str(error), flags)) from error


def _of_method(document: Mapping[str, Any], method: str) -> dict[str, Any]:
    """What a stage-2 recipe says for one method."""
    shared = _known_to(method_config(method), document, list(METHOD_CONFIGS.values()))
    if document.get("method", "rgtn") != method:
        shared = {key: value for key, value in shared.items() if key not in OWN}
    own = (shared.pop("methods", None) or {}).get(method) or {}
    return {**_merge(shared, own), "method": method}


def _known_to(config: type[BaseModel], document: Mapping[str, Any], every: Sequence[type[BaseModel]]) -> dict[str, Any]:
    """The settings of ``document`` without those that ``config`` does not know and one of ``every`` does."""
    kept = {}
    for key, value in document.items():
        field = config.model_fields.get(key)
        knowing = [other.model_fields[key].annotation for other in every if key in other.model_fields]
        if field is None and knowing:
            continue
        if field is not None and _is_section(field.annotation) and isinstance(value, Mapping):
            kept[key] = _known_to(field.annotation, value, [other for other in knowing if _is_section(other)])
        else:
            kept[key] = value
    return kept


def _is_section(annotation: Any) -> TypeGuard[type[Section]]:
    return isinstance(annotation, type) and issubclass(annotation, Section)


def flag_value(flags: Sequence[str], name: str) -> str | None:
    """The value of the last ``--name value`` or ``--name=value``.

    >>> flag_value(["--method", "gcn", "--method=geni"], "--method")
    'geni'
    """
    value = None
    for flag, after in itertools.zip_longest(flags, flags[1:]):
        if flag == name:
            value = after
        elif flag.startswith(f"{name}="):
            value = flag.split("=", maxsplit=1)[1]
    return value


def field_names(section: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield every setting's dotted name.

    >>> next(field_names(LicapConfig))
    'dataset'
    """
    for name, field in section.model_fields.items():
        if _is_section(field.annotation):
            yield from field_names(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def flags_help(stage: type[RunConfig]) -> str:
    """One line a setting: its flag, its meaning and its default."""
    return "\n".join(_help_lines(stage.model_construct(dataset="required"), "--"))


def _help_lines(section: BaseModel, prefix: str) -> Iterator[str]:
    for name, field in type(section).model_fields.items():
        value = getattr(section, name, "required")
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


def _explain(stage: type[RunConfig], error: ValidationError, source: str) -> str:
    """One sentence for the first thing that is wrong."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"Unknown key {key!r} in {source}{nearest(key, field_names(stage))}."
    if first["type"] == "missing":
        return f"The setting {key!r} is missing; give it in a recipe or as --{key}."
    if not key:  # two settings that do not go together
        return f"In {source}: {first['msg'].removeprefix('Value error, ')}."
    return f"The setting {key!r} in {source} is {first['input']!r}: {first['msg'][0].lower()}{first['msg'][1:]}."


def _explain_flag(stage: type[RunConfig], message: str, flags: Sequence[str]) -> str:
    known = {f"--{name}" for name in field_names(stage)} | {f"--no-{name}" for name in field_names(stage)}
    for flag in flags:
        name = flag.split("=", maxsplit=1)[0]
        if name.startswith("--") and name not in known:
            return f"Unknown flag {name!r}{nearest(name, known)}."
    return f"The flags {' '.join(flags)!r} cannot be read: {message}."
