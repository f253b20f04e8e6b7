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
    """Files, folders or Hub names to read; one may stand alone."""

    sources: tuple[Source, ...] = ()
    """Data sets in place of data, each with how much of it comes into the mix."""

    allow_license: tuple[str, ...] = Field(default=(), json_schema_extra=_or_one_string)
    """Licenses that records may be under; others, and those of which none is known, are left
    out. All may come if not given."""

    selector: Selector = default_selector()
    """What chooses."""

    budget: Budget
    """What may be spent: records, tokens or share; floors and caps of groups."""

    target: tuple[str, ...] = Field(default=(), json_schema_extra=_or_one_string)
    """Files, folders or Hub names of what should be covered, in place of the data itself, such
    as the prompts of an evaluation; read in whatever layout they have."""

    target_group: str | None = None
    """Column of the groups of the target, for what shares out over them."""

    arranger: Arranger | None = None
    """What orders the chosen records; in the order they were chosen if not given."""

    trainer: str | None = None
    """Trainer that is to keep the order: what to set there is written beside the mix."""

    keep: str | None = None
    """Folder of an earlier mix, or a saved selection, most of which is to be kept."""

    stability: float = Field(default=0.9, ge=0, le=1)
    """Share of the earlier selection that is kept, of what is still in the data."""

    exporter: Exporter = Jsonl()
    """How the mix is written; in the form of the trainer, if one is given and this is not."""

    eval_share: float = Field(default=0, ge=0, lt=1)
    """Share of the mix that is held out into a file to evaluate on, drawn from every group, or
    else cluster, in proportion to its size; what asks the same stays on one side."""

    add_columns: tuple[Carried, ...] = Field(default=(), json_schema_extra=_or_one_string)
    """What each written row carries beside its own columns: _source, _rank (place in the order
    of choice, from 1), _turn (of the arrangement, from 1), _cluster, _gain."""

    fail_on_drop: bool = False
    """Fail if a record is left out for the trainer, which would drop it or has no place for it."""

    n_draws: int = Field(default=64, ge=1)
    """Size-matched random draws that the selection is compared with."""

    page: bool = False
    """Write the report beside the mix as a page too, report.html."""

    min_coverage: float | None = Field(default=None, ge=-1, le=1)
    """Least mean similarity of a record to the nearest chosen one; below it the run fails."""

    output: str | None = None
    """Folder that the run command writes."""

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
