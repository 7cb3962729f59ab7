"""Where settings come from: defaults < recipe (YAML with only the differences) < command-line flags.

A recipe is looked up by name in the stage's folder of recipes or read from a path; flags are dotted: ``--optim.lr 1e-3
--no-model.residual``. An unknown key or a wrong type is an error that names the nearest valid key.

A recipe of a stage that has methods serves all of them. A setting at its top holds for every method that has it;
``label``, ``model`` and ``search`` hold for the recipe's own ``method`` alone. ``methods`` holds what differs by
method::

    dataset: fb15k
    optim: {lr: 0.01}
    model: {num_heads: 4}             # of RGTN, which is the default method
    methods:
      geni: {optim: {lr: 0.005}, model: {num_layers: 3}}
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from nie.errors import NieError, nearest, shown
from nie.plugins import check_plugins, plugins_of
from nie.settings.flags import field_names, flag_value, is_section, said_by_flags
from nie.settings.run import RunConfig
from nie.settings.sections import Section
from nie.settings.yaml_loader import SafeLoader

Config = TypeVar("Config", bound=RunConfig)


@dataclass(frozen=True)
class Recipes(Generic[Config]):
    """The recipes of a stage, and the settings that they resolve to.

    Attributes:
        folder: folder of the YAML files.
        settings: the class of the settings; what all methods share, where the stage has methods.
        methods: gives the settings' class by method; None for a stage without methods.
        default_method: the method of a recipe that names none.
        of_one_method: keys at the top of a recipe that hold for its own method alone.
    """

    folder: Path
    settings: type[Config]
    methods: Callable[[], Mapping[str, type[Config]]] | None = None
    default_method: str = ""
    of_one_method: frozenset[str] = frozenset()

    def own(self, dataset: str, profile: str) -> str:
        """Name of the dataset's recipe of a profile, or of the general one.

        Profiles whose names begin alike may share a recipe: that of ``published-rgtn`` is ``<dataset>-published-rgtn``,
        or else ``<dataset>-published``, which serves ``published-licap`` too, or else ``published-rgtn``.

        Raises:
            NieError: there is none of these; the profiles that there are for the dataset are named.
        """
        known = self.names()
        for name in (f"{dataset}-{profile}", f"{dataset}-{profile.partition('-')[0]}", profile):
            if name in known:
                return name
        of_dataset = {name.removeprefix(f"{dataset}-") for name in known if name.startswith(f"{dataset}-")}
        there = ", ".join(sorted(of_dataset | {name for name in known if "-" not in name}))
        raise NieError(f"There are no settings of the profile {shown(profile)} for {shown(dataset)}; use {there}.")

    def reported(self, dataset: str) -> dict[str, dict[str, Any]]:
        """The published rows of a dataset by method, of ``reported/<dataset>.yaml``; none where there is no file."""
        found = [path for path in (self.folder / "reported").glob("*.yaml") if path.stem == dataset]
        return _document(found[0]) if found else {}

    def has(self, dataset: str, profile: str) -> bool:
        """Whether the dataset has a recipe of its own for a profile."""
        return (self.folder / f"{dataset}-{profile}.yaml").is_file()

    def names(self) -> list[str]:
        """Names of the recipes, sorted."""
        return sorted(file.stem for file in self.folder.glob("*.yaml"))

    def path(self, recipe: str | Path) -> Path:
        """The file of a recipe, by name in the stage's folder or by path; it need not be there."""
        named = Path(recipe).suffix not in (".yaml", ".yml")
        return self.folder / f"{recipe}.yaml" if named else Path(recipe)

    def read(self, recipe: str | Path) -> dict[str, Any]:
        """Read a recipe by name (``fb15k-fast``) or path (``my.yaml``).

        Raises:
            NieError: there is no such recipe, or it is not a YAML mapping.
        """
        path = self.path(recipe)
        if not os.path.isfile(path):  # which a name that is too long for the system is not, either
            hint = nearest(str(recipe), self.names()) or f" (there are {', '.join(self.names())})"
            raise NieError(f"There is no recipe {shown(str(recipe))}{hint}.")
        document = _document(path)
        self._check_keys(document, str(path))
        methods = document.get("methods") or {}
        if not isinstance(methods, dict) or not all(isinstance(part, dict) for part in methods.values()):
            raise NieError(
                f"'methods' in {path} must hold settings by method, such as 'methods: {{geni: {{seed: 1}}}}'."
            )
        for method in methods:
            self.settings_of(method)
        return document

    def settings_of(self, method: str | None) -> type[Config]:
        """The settings' class of a method; None is the default one.

        Raises:
            NieError: there is no such method; the nearest is named.
        """
        if self.methods is None:
            return self.settings
        methods, method = self.methods(), self.default_method if method is None else method
        if not isinstance(method, str) or method not in methods:
            hint = nearest(str(method), methods) or f" (there are {', '.join(methods)})"
            raise NieError(f"There is no method {shown(method)}{hint}.")
        return methods[method]

    def resolve(
        self,
        recipe: str | Path | None = None,
        *,
        given: Mapping[str, Any] | None = None,
        flags: Sequence[str] = (),
        overrides: Mapping[str, Any] | None = None,
    ) -> Config:
        """Resolve the settings of a run: defaults < recipe < ``given`` < ``overrides`` < ``flags``.

        Args:
            recipe: name or path; None for none.
            given: as in a recipe for all methods: what only other methods know is left out.
            flags: dotted, as on the command line.
            overrides: values that must be settings of this run.

        Raises:
            NieError: an unknown key, flag or recipe, or a value of the wrong type or range.
        """
        document, settings = {} if recipe is None else self.read(recipe), self.settings
        source = "the settings" if recipe is None else f"recipe {recipe} or the flags"
        for values, said in ((document, str(recipe)), (overrides or {}, "a run of these settings")):
            check_plugins(_plugins_in(values), said)  # first, because the method may be a plugin's
        if self.methods is not None:
            named = flag_value(flags, "--method") or (overrides or {}).get("method") or document.get("method")
            method = self.default_method if named is None else named
            settings = self.settings_of(method)
            self._check_keys(given or {}, "the settings")
            document = merge(self._of_method(document, method), self._of_method(given or {}, method))
        return resolve(settings, merge(document, overrides or {}), flags=flags, source=source)

    def _check_keys(self, document: Mapping[str, Any], source: str) -> None:
        known = self._known_keys()
        for key in document:
            if key not in known:
                raise NieError(
                    f"Unknown key {shown(key)} in {source}{nearest(key, [*known, *field_names(self.settings)])}."
                )

    def _known_keys(self) -> dict[str, None]:
        """Keys that a recipe may have at its top, in order."""
        if self.methods is None:
            return dict.fromkeys(self.settings.model_fields)
        keys = dict.fromkeys(name for settings in self.methods().values() for name in settings.model_fields)
        return {**keys, "methods": None}

    def _of_method(self, document: Mapping[str, Any], method: str) -> dict[str, Any]:
        """What a recipe says for one method."""
        assert self.methods is not None
        shared = _known_to(self.settings_of(method), document, list(self.methods().values()))
        if document.get("method", self.default_method) != method:
            shared = {key: value for key, value in shared.items() if key not in self.of_one_method}
        own = (shared.pop("methods", None) or {}).get(method) or {}
        return {**merge(shared, own), "method": method}


def resolve(
    settings: type[Config], values: Mapping[str, Any], *, flags: Sequence[str] = (), source: str = "the settings"
) -> Config:
    """Settings from values by name and from flags, which win.

    Args:
        settings: their class.
        values: nested; what is left out is at its default.
        flags: dotted, as on the command line.
        source: where the values come from, for errors.

    Raises:
        NieError: an unknown key or flag, or a value of the wrong type or range.
    """
    # The class's own defaults of a section hold for the keys that a recipe's section leaves out.
    defaults = {
        name: field.default.model_dump()
        for name, field in settings.model_fields.items()
        if isinstance(field.default, Section)
    }
    given = merge(defaults, values)
    if flags:
        given = merge(given, said_by_flags(settings, tuple(flags)))
    try:
        config = settings.model_validate(given)
    except ValidationError as error:
        raise NieError(_explain(settings, error, source)) from error
    plugins = plugins_of(config.uses())
    for plugin, digest in plugins.items():
        if digest != config.plugins.get(plugin, digest):
            raise NieError(
                f"The plugin {plugin} has changed since the settings were written ({source}); take 'plugins' out of "
                "them to run it as it is now."
            )
    return config.model_copy(update={"plugins": plugins}) if plugins or config.plugins else config


def _document(path: Path) -> dict[str, Any]:
    """What a YAML file of settings holds."""
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=SafeLoader)
    except OSError as error:
        raise NieError(f"{path} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise NieError(f"{path} is not YAML as recipes are written in: {reason}.") from error
    if not isinstance(document, dict):
        raise NieError(f"{path} holds no settings; a recipe is a YAML mapping such as 'optim: {{lr: 0.001}}'.")
    return document


def _plugins_in(values: Mapping[str, Any]) -> Mapping[str, str]:
    """The plugins that values name; none where that is no mapping, as the check of their types will tell."""
    plugins = values.get("plugins")
    return plugins if isinstance(plugins, Mapping) else {}


def _known_to(config: type[BaseModel], document: Mapping[str, Any], every: Sequence[type[BaseModel]]) -> dict[str, Any]:
    """The settings of ``document`` without those that another class of ``every`` knows and ``config`` does not."""
    kept = {}
    for key, value in document.items():
        field = config.model_fields.get(key)
        knowing = [other.model_fields[key].annotation for other in every if key in other.model_fields]
        if field is None and knowing:
            continue
        if field is not None and is_section(field.annotation) and isinstance(value, Mapping):
            kept[key] = _known_to(field.annotation, value, [other for other in knowing if is_section(other)])
        else:
            kept[key] = value
    return kept


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Merge nested mappings; ``over`` wins."""
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def _explain(stage: type[RunConfig], error: ValidationError, source: str) -> str:
    """One sentence for the first thing that is wrong."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"Unknown key {shown(key)} in {source}{nearest(key, [*stage.model_fields, *field_names(stage)])}."
    if first["type"] == "missing":
        return f"The setting {shown(key)} is missing; give it in a recipe or as --{key}."
    message = first["msg"].removeprefix("Value error, ")
    if not key:  # two settings that do not go together
        return f"In {source}: {message}."
    if first["type"] == "value_error" and isinstance(first["input"], Mapping):  # likewise, in a section
        return f"In {source}, under {shown(key)}: {message}."
    return f"The setting {shown(key)} in {source} is {shown(first['input'])}: {message[0].lower()}{message[1:]}."
