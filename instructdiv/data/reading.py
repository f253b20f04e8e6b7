"""Reading: how data are read and embedded, the same for every verb."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Self, TypedDict

from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from instructdiv.data.columns import Column, those_having
from instructdiv.data.layouts import Layout
from instructdiv.data.load import read
from instructdiv.data.usable import Usable
from instructdiv.data.views import View
from instructdiv.embedders import Embedder, SentenceTransformer
from instructdiv.embedders._base import EmbedderLike, Progress
from instructdiv.errors import InputError, ParameterError, UsageError
from instructdiv.part import StrictModel
from instructdiv.schemas import Schema

Values = str | Sequence[Any] | NDArray[Any] | None
"""Name of a column, or one value for each row that is read."""


def _column(value: Any) -> Any:
    """One value a row as a tuple, so that readings can be compared and cannot be changed."""
    if value is None or isinstance(value, str | tuple):
        return value
    values = value.tolist() if hasattr(value, "tolist") else value
    if not isinstance(values, Sequence):
        raise ValueError("give the name of a column, or one value a row")
    return tuple(values)


_Column = Annotated[
    Column,
    BeforeValidator(_column),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "null"}]}),
]


def _or_a_model(schema: dict[str, Any]) -> None:
    family = {key: schema.pop(key) for key in tuple(schema) if key.startswith(("x-", "$"))}
    schema["anyOf"] = [family, {"type": "string"}]


class ReadingOptions(TypedDict, total=False):
    """The parameters of a :class:`Reading`, as keywords of every verb that reads data."""

    embedder: EmbedderLike
    view: View
    group: Values
    costs: Values
    quality: Values
    schema: Layout | None
    encoding: str
    strict: bool
    seed: int
    progress: Progress | None


class Reading(StrictModel):
    """How data are read and embedded: the first half of a recipe, and keywords of every verb.

    In Python, the embedder may also be an array (n, d) with one vector for each record, and group,
    costs and quality a sequence with one value for each record.

    Raises
    ------
    ParameterError
        A parameter is unknown or has a wrong value.

    Examples
    --------
    >>> reading = Reading(embedder="lexical", group="domain")
    >>> reading.with_options(view="instruction").group
    'domain'
    >>> reading.to_mapping()["embedder"]["name"]
    'lexical'
    """

    noun = "reading"
    error: ClassVar[type[UsageError]] = ParameterError
    example = "Reading(embedder='lexical', group='domain')"

    embedder: Embedder = Field(default=SentenceTransformer(), json_schema_extra=_or_a_model)
    """Embedding model: minilm, lexical, a name on the Hub, a folder, a .npy file of vectors, or a
    mapping of the name of an embedder and its parameters."""

    view: View = "prompt"
    """Part of each record to embed: prompt, instruction, response, conversation, first_turn or
    all_user_turns."""

    group: _Column = None
    """Column of the known group of each record, such as its domain, source or task."""

    costs: _Column = None
    """Column of the number of tokens of each record; counted by the tokenizer of the embedder if
    not given."""

    quality: _Column = None
    """Column of the quality score of each record (higher is better), for selectors that use it."""

    layout: Schema | None = Field(default=None, alias="schema")
    """Layout of the records: its name, or a column mapping; recognized if not given."""

    encoding: str = "utf-8"
    """Encoding of text files, such as utf-8 or latin-1."""

    strict: bool = False
    """Stop at the first record that cannot be used, instead of leaving it out."""

    seed: int = Field(default=0, ge=0)
    """Seed of every random draw that has no seed of its own."""

    progress: SkipJsonSchema[Progress | None] = Field(default=None, exclude=True, repr=False)
    """Function that is called with the name of a stage, the steps done, and all its steps."""

    @classmethod
    def of(cls, reading: "Reading | Mapping[str, Any] | None" = None, **options: Any) -> Self:
        """A reading from itself, or from a mapping; options take the place of its parameters."""
        found = cls.model_validate({} if reading is None else reading)
        if type(found) is not cls:  # of a recipe its first half
            found = cls.model_validate(found._given_keys(cls))
        return found.with_options(**options) if options else found

    def with_options(self, **options: Any) -> Self:
        """The same reading with other values of these parameters."""
        return type(self).model_validate(self._given_keys(type(self)) | options)

    def columns_alone(self) -> dict[str, Any]:
        """The parameters that were given, by name, without what is one value a row."""
        return {
            key: value
            for key, value in self._given_keys(type(self)).items()
            if key not in ("group", "costs", "quality") or isinstance(value, str)
        }

    def _given_keys(self, model: "type[Reading]") -> dict[str, Any]:
        return {
            field.alias or name: getattr(self, name)
            for name, field in model.model_fields.items()
            if name in self.model_fields_set
        }

    def read(self, data: Any) -> Usable:
        """Read data into records that can be used, each with the text that is embedded.

        Raises
        ------
        InputError
            The data cannot be read, no record can be used, or there is no such column.
        """
        records = read(data, strict=self.strict, encoding=self.encoding)
        return Usable.of(
            records, self.view, self.layout, self.group, self.costs, self.quality, self.strict
        )

    def read_several(
        self, sets: Mapping[str, Any], each: Mapping[str, ReadingOptions]
    ) -> dict[str, Usable]:
        """Read several data sets, by name; `each` holds what is read otherwise in one of them.

        A column of all is that of the data sets that have it.

        Raises
        ------
        InputError
            There is no data set, or one cannot be read; a column is in none of them.
        """
        if not sets:
            raise InputError("there is no data set to embed; give at least one")
        if unknown := [name for name in each if name not in sets]:
            raise InputError(f"no data set is named {unknown[0]!r}; known: {', '.join(sets)}")
        own = {name: dict(each.get(name, {})) for name in sets}
        if fixed := sorted({"embedder", "seed"} & {key for one in own.values() for key in one}):
            raise ParameterError(f"{fixed[0]} is one for all data sets that are embedded together")
        readings = {name: self.with_options(**options) for name, options in own.items()}
        records = {
            name: read(sets[name], strict=one.strict, encoding=one.encoding)
            for name, one in readings.items()
        }
        for column in ("group", "costs", "quality"):
            found = those_having(getattr(self, column), records)
            for name in sets:
                if column not in own[name]:
                    readings[name] = readings[name].with_options(**{column: found.get(name)})
        return {name: one.read(records[name]) for name, one in readings.items()}

    def to_mapping(self) -> dict[str, Any]:
        """The parameters as plain JSON values, without those that are not set."""
        return self.model_dump(mode="json", exclude_none=True)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._compared() == other._compared()

    def __hash__(self) -> int:
        return hash(tuple(map(repr, self._compared())))

    def _compared(self) -> list[Any]:
        return [getattr(self, name) for name in type(self).model_fields if name != "progress"]
