"""Recipe: a whole run as data."""

import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, field_validator
from pydantic.fields import FieldInfo

from instructdiv.arrangers import Arranger
from instructdiv.budget import Budget
from instructdiv.core.files import write_text
from instructdiv.data.reading import Reading
from instructdiv.data.sources import Source
from instructdiv.errors import RecipeError
from instructdiv.exporters import Exporter, Jsonl, checked_trainer
from instructdiv.part import Part, json_schema
from instructdiv.selectors import Selector, default_selector

Carried = Literal["_source", "_rank", "_turn", "_cluster", "_gain"]


def _of_sources(sources: Any) -> int | None:
    """The budget that sources come to, if each says its number of records."""
    if not isinstance(sources, list | tuple) or not sources:
        return None
    records = [s.get("records") if isinstance(s, Mapping) else s.records for s in sources]
    counts = [n for n in records if type(n) is int]
    return sum(counts) if len(counts) == len(records) else None


def _or_one_string(schema: dict[str, Any]) -> None:
    several = {key: schema.pop(key) for key in ("type", "items")}
    schema["anyOf"] = [{"type": "string"}, several]


class Recipe(Reading):
    """Everything that decides what is in a mix.

    Raises
    ------
    RecipeError
        A key is unknown or has a wrong value.

    Examples
    --------
    >>> recipe = Recipe(data="data.jsonl", budget={"records": 500}, selector="k_center")
    >>> recipe.selector
    KCenter(start='mean', ignored_share=0.1)
    >>> Recipe.model_validate(recipe.to_mapping()) == recipe
    True
    """

    noun = "recipe"
    error = RecipeError
    example = "{data: data.jsonl, budget: 500}"

    data: tuple[str, ...] = Field(default=(), json_schema_extra=_or_one_string)
    """Files, folders or Hub names to read; a single one needs no list."""

    sources: tuple[Source, ...] = ()
    """Data sets to mix, in place of data, each with its share or number of records."""

    allow_license: tuple[str, ...] = Field(default=(), json_schema_extra=_or_one_string)
    """Licenses to keep: records under other licenses, or with no license stated, are left out.
    All records are kept if not given."""

    selector: Selector = default_selector()
    """Selector: the method that chooses the records."""

    budget: Budget
    """Number of records or tokens to choose, or share of the records; floors and caps of groups."""

    target: tuple[str, ...] = Field(default=(), json_schema_extra=_or_one_string)
    """Files, folders or Hub names of the data to cover, such as the prompts of an evaluation, in
    any known layout; the data to choose from if not given."""

    target_group: str | None = None
    """Column of the groups of the target, for selectors that divide the budget among them."""

    arranger: Arranger | None = None
    """Arranger: the method that orders the chosen records for training; the order of choice if
    not given."""

    trainer: str | None = None
    """Trainer that will train on the mix: the settings with which it keeps the order of the
    records are written beside the mix."""

    keep: str | None = None
    """Folder of an earlier mix, or a saved selection, whose records are chosen again as far as
    stability says."""

    stability: float = Field(default=0.9, ge=0, le=1)
    """Share of the earlier selection to choose again, of its records that are still in the data."""

    exporter: Exporter = Jsonl()
    """Exporter: the format of the written mix; the format of the trainer, if only a trainer is
    given."""

    eval_share: float = Field(default=0, ge=0, lt=1)
    """Share of the mix to hold out for evaluation, in a file of its own: drawn from every group (or
    cluster, without groups) in proportion to its size; records with the same prompt stay
    together."""

    add_columns: tuple[Carried, ...] = Field(default=(), json_schema_extra=_or_one_string)
    """Column to add to each written row: _source, _rank (place in the order of choice, from 1),
    _turn (of the arrangement, from 1), _cluster or _gain."""

    fail_on_drop: bool = False
    """Fail if a record is left out because the trainer would drop it or its format cannot hold
    it."""

    n_draws: int = Field(default=64, ge=1)
    """Number of random draws of the same size to compare the selection with."""

    page: bool = False
    """Also write the report as a page, report.html, beside the mix."""

    min_coverage: float | None = Field(default=None, ge=-1, le=1)
    """Fail if the coverage is lower: the mean similarity of the target, or else of the data, to
    the nearest chosen record."""

    output: str | None = None
    """Folder that `instructdiv run` writes."""

    @field_validator("trainer")
    @classmethod
    def _known_trainer(cls, trainer: str | None) -> str | None:
        return None if trainer is None else checked_trainer(trainer)

    @classmethod
    def _given(cls, keys: dict[str, Any]) -> dict[str, Any]:
        for several in ("data", "target", "allow_license", "add_columns"):
            if isinstance(keys.get(several), str | Path):
                keys[several] = (keys[several],)
            if isinstance(keys.get(several), list | tuple):
                given = keys[several]
                keys[several] = tuple(str(v) if isinstance(v, Path) else v for v in given)
        if keys.get("exporter") is None:
            trainer = keys.get("trainer")
            keys["exporter"] = trainer if trainer in Exporter.known() else Jsonl()
        if keys.get("budget") is None and (budget := _of_sources(keys.get("sources"))):
            keys["budget"] = budget
        return keys

    @classmethod
    def keys(cls) -> tuple[str, ...]:
        """Name of each key that can be written, the data first."""
        return tuple(dict.fromkeys(["data", "sources", "allow_license", *super().keys()]))

    def to_mapping(self) -> dict[str, Any]:
        """The recipe as plain JSON values, without the keys that are not set."""
        found = super().to_mapping()
        return {key: found[key] for key in self.keys() if key in found}

    def _check(self) -> None:
        for name in ("group", "costs", "quality"):
            if not isinstance(value := getattr(self, name), str | None):
                raise RecipeError(
                    f"recipe: {name} = {list(value)!r:.80}: a recipe names a column; one value a "
                    "row is given in Python, as in rebalance(data, 500, group=...)"
                )
        if self.data and self.sources:
            raise RecipeError("a recipe has data or sources, not both")
        if self.sources and (self.layout is not None or self.encoding != "utf-8"):
            raise RecipeError("schema and encoding stand with each of the sources, not beside them")
        written_for = self.exporter.trainer and self.exporter.name
        if self.trainer and written_for and written_for != self.trainer:
            raise RecipeError(
                f"rows of the exporter {written_for} are not for the trainer {self.trainer}; "
                "give one of them"
            )
        if self.fail_on_drop and not written_for:
            raise RecipeError(
                f"the exporter {self.exporter.name} drops nothing; fail_on_drop is for that of a "
                "trainer"
            )

    @classmethod
    def load(cls, path: str | Path, overrides: Iterable[str] = ()) -> "Recipe":
        """Read a recipe from YAML, JSON or, by its ending, TOML.

        Parameters
        ----------
        path
            The file.
        overrides
            ``key=value`` each; dots lead into a section, values are read as YAML.

        Raises
        ------
        RecipeError
            The file cannot be read, or does not hold a recipe.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
            parse = {".toml": tomllib.loads, ".json": json.loads}.get(Path(path).suffix.lower())
            content = (parse or yaml.safe_load)(text)
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise RecipeError(f"{path} cannot be read: {error}") from error
        if not isinstance(content, dict):
            raise RecipeError(f"{path} holds {type(content).__name__}, not the keys of a recipe")
        for override in overrides:
            _override(content, override, cls.model_fields)
        return cls.model_validate(content)

    def save(self, path: str | Path) -> Path:
        """Write the recipe as YAML; reading it back gives the same recipe."""
        text = yaml.safe_dump(self.to_mapping(), sort_keys=False, allow_unicode=True)
        return write_text(path, text)

    @classmethod
    def json_schema(cls) -> str:
        """The JSON Schema of a recipe, for editors that complete and check."""
        return json.dumps(json_schema(cls), indent=2)


def _override(content: dict[str, Any], override: str, fields: Mapping[str, FieldInfo]) -> None:
    key, equals, value = override.partition("=")
    if not equals or not key.strip():
        raise RecipeError(f"an override has the form key=value, got {override!r}")
    *sections, last = key.strip().split(".")
    for section in sections:
        inner = content.get(section)
        family = fields[section].annotation if section in fields else None
        if isinstance(family, type) and issubclass(family, Part):
            inner = family.model_validate(inner or fields[section].default).to_mapping()
        elif isinstance(inner, str):
            inner = {"name": inner}
        content[section] = dict(inner) if isinstance(inner, Mapping) else {}
        content = content[section]
    if sections and last == "name":
        content.clear()  # another part has other parameters
    try:
        content[last] = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise RecipeError(f"{override!r} cannot be read: {error}") from error
