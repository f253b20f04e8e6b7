"""Recipe: a whole run as data."""

import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo

from instructdiv.arrangers import Arranger
from instructdiv.budget import Budget
from instructdiv.embedders import Embedder, SentenceTransformer
from instructdiv.errors import RecipeError
from instructdiv.exporters import Exporter, Jsonl
from instructdiv.exporters.stanza import checked_trainer
from instructdiv.files import write_text
from instructdiv.part import Part, explain, json_schema
from instructdiv.schemas import Schema
from instructdiv.selectors import Selector, default_selector
from instructdiv.views import View


def _or_one_string(schema: dict[str, Any]) -> None:
    several = {key: schema.pop(key) for key in ("type", "items")}
    schema["anyOf"] = [{"type": "string"}, several]


class Recipe(BaseModel):
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

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        validate_by_name=True,
        serialize_by_alias=True,
    )

    data: tuple[str, ...] = Field(default=(), json_schema_extra=_or_one_string)
    """Files, folders or Hub names to read; one may stand alone."""

    layout: Schema | None = Field(default=None, alias="schema")
    """Layout of the records; recognized if not given."""

    view: View = "prompt"
    """What of a record is embedded."""

    group: str | None = None
    """Column of the known groups; source is the name of the file."""

    costs: str | None = None
    """Column of the tokens of each record; the embedder's tokenizer counts if not given."""

    quality: str | None = None
    """Column of the score of each record, higher is better, for selectors that use it."""

    embedder: Embedder = SentenceTransformer()
    """What turns texts into vectors."""

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

    seed: int = Field(default=0, ge=0)
    """Seed of everything that draws at random and has no seed of its own."""

    exporter: Exporter = Jsonl()
    """How the mix is written."""

    draws: int = Field(default=64, ge=1)
    """Size-matched random draws that the selection is compared with."""

    page: bool = False
    """Write the report beside the mix as a page too, report.html."""

    strict: bool = False
    """Stop at the first record that cannot be used, rather than leave it out."""

    min_coverage: float | None = Field(default=None, ge=-1, le=1)
    """Least mean similarity of a record to the nearest chosen one; below it the run fails."""

    output: str | None = None
    """Folder that the run command writes."""

    @field_validator("trainer")
    @classmethod
    def _known_trainer(cls, trainer: str | None) -> str | None:
        return None if trainer is None else checked_trainer(trainer)

    @model_validator(mode="wrap")
    @classmethod
    def _read(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(value, Mapping):
            known = [field.alias or name for name, field in cls.model_fields.items()]
            unknown = sorted(map(str, value.keys() - {*known, *cls.model_fields}))
            if unknown:
                raise RecipeError(
                    f"a recipe has no key {', '.join(map(repr, unknown))}; "
                    f"known: {', '.join(known)}"
                )
            for files in ("data", "target"):
                if isinstance(value.get(files), str | Path):
                    value = dict(value) | {files: (str(value[files]),)}
        try:
            return handler(value)
        except ValidationError as error:
            raise RecipeError(f"recipe: {explain(error)}") from None

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

    def to_mapping(self) -> dict[str, Any]:
        """The recipe as plain JSON values, without the keys that are not set."""
        return self.model_dump(mode="json", exclude_none=True)

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
