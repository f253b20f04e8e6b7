"""Part: frozen parameters and one verb; it reads and writes itself by name."""

import inspect
import json
import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from instructdiv.errors import ParameterError, RecipeError, UnknownPart, UsageError


def explain(error: ValidationError) -> str:
    """Say in one line what is wrong: each parameter, its value, and why."""
    return "; ".join(map(_explained, error.errors()))


def _explained(problem: Any) -> str:
    name = ".".join(map(str, problem["loc"])) or "value"
    if problem["type"] == "missing":
        return f"{name} is required"
    message = problem["msg"].replace("a valid tuple", "a list")
    return f"{name} = {problem['input']!r}: {message}"


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ParameterError(f"{text!r} is not JSON: {error}") from None


def _is_ours(part: type) -> bool:
    return part.__module__.startswith("instructdiv.")


class Part(BaseModel):
    """Base of every selector, metric, embedder, clusterer, schema and exporter.

    A family (``Selector``, ``Metric``, ...) is an abstract subclass; its concrete
    subclasses are found by name, which is the class name in snake case. A field typed
    as a family takes a part, a name, or a mapping of a name and parameters.

    Raises
    ------
    ParameterError
        A parameter is unknown or has a value out of its range.
    UnknownPart
        No part of the family has the given name.

    Examples
    --------
    >>> from instructdiv.selectors import KCenter, Selector
    >>> KCenter(start="first").to_mapping()
    {'name': 'k_center', 'start': 'first', 'ignored_share': 0.1}
    >>> Selector.of({"name": "k_center", "start": "first"})
    KCenter(start='first', ignored_share=0.1)
    >>> Selector.of("k_center")
    KCenter(start='mean', ignored_share=0.1)
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        ser_json_inf_nan="constants",
    )

    name: ClassVar[str] = "part"
    family: ClassVar[str] = "part"

    usage: ClassVar[str] = ""
    """How a part of the family is used, for whoever passes a parameter without its name."""

    def __new__(cls, *values: Any, **_: Any) -> Self:
        """Refuse parameters without a name."""
        if values:
            fields = ", ".join(cls.model_fields) or "none"
            raise ParameterError(
                f"{cls.__name__} takes parameters by name only ({fields}), got {values[0]!r:.80}"
                + (f"; {cls.usage.format(cls.__name__)}" if cls.usage else "")
            )
        return super().__new__(cls)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls.name = _snake_case(cls.__name__)

    @classmethod
    def known(cls) -> dict[str, type[Self]]:
        """Every concrete part of this family, by name.

        Of two of your own with one name, as after running a notebook's cell again, it is
        the later; the name of a part of this library stays its own.
        """
        found: dict[str, type[Self]] = {}
        pending: list[type[Self]] = [cls]
        while pending:
            part = pending.pop(0)
            pending += part.__subclasses__()
            hidden = inspect.isabstract(part) or part.__name__.startswith("_")
            if not hidden and not (part.name in found and _is_ours(found[part.name])):
                found[part.name] = part
        return dict(sorted(found.items()))

    @classmethod
    def of(cls, value: "Self | str | Mapping[str, Any]") -> Self:
        """A part from itself, its name, or a mapping (also as JSON) of its name and parameters.

        Raises
        ------
        ParameterError
            The value is something else, a parameter is unknown or out of its range.
        UnknownPart
            No part of the family has the given name.
        """
        return cls.model_validate(value)

    def to_mapping(self) -> dict[str, Any]:
        """Give the name, then every parameter, as plain JSON values."""
        return self.model_dump(mode="json")

    @property
    def title(self) -> str:
        """The name, and in brackets the parameters that are not at their defaults."""
        changed = [
            f"{name}={value.title if isinstance(value, Part) else repr(value)}"
            for name, field in type(self).model_fields.items()
            for value in [getattr(self, name)]
            if value != field.get_default(call_default_factory=True)
            or (name == "seed" and name in self.model_fields_set)
        ]
        return self.name + (f"({', '.join(changed)})" if changed else "")

    def seeded(self, seed: int) -> Self:
        """Give every ``seed`` in here that was left at its default this value."""
        changes: dict[str, Any] = {}
        for field in type(self).model_fields:
            value = getattr(self, field)
            if isinstance(value, Part):
                changes[field] = value.seeded(seed)
            elif field == "seed" and field not in self.model_fields_set:
                changes[field] = seed
        return self.model_copy(update=changes) if changes else self

    @model_validator(mode="wrap")
    @classmethod
    def _read(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(value, cls):
            return value
        if isinstance(value, str) and value.lstrip().startswith("{"):
            value = _from_json(value)
        if inspect.isabstract(cls):
            value = cls._spelled_out(value)
        if isinstance(value, str):
            value = {"name": value}
        if not isinstance(value, Mapping):
            raise ParameterError(f"expected a {cls.family}, got {value!r}")
        parameters = dict(value)
        name = parameters.pop("name", None)
        if name is not None and (inspect.isabstract(cls) or name != cls.name):
            return cls._named(name).model_validate(parameters)
        if inspect.isabstract(cls):
            known = ", ".join(cls.known())
            raise UnknownPart(f"a {cls.family} needs a name; known: {known}")
        unknown = sorted(map(str, parameters.keys() - cls.model_fields.keys()))
        if unknown:
            fields = ", ".join(cls.model_fields) or "none"
            raise ParameterError(
                f"{cls.name} has no parameter {', '.join(map(repr, unknown))}; known: {fields}"
            )
        try:
            return handler(parameters)
        except ValidationError as error:
            raise ParameterError(f"{cls.name}: {explain(error)}") from None

    @classmethod
    def _spelled_out(cls, value: Any) -> Any:
        """A part, name or mapping for a value that the family takes in place of one."""
        return value

    @classmethod
    def _named(cls, name: object) -> type[Self]:
        known = cls.known()
        if not isinstance(name, str) or name not in known:
            meant = get_close_matches(str(name), known, n=1)
            hint = f"; did you mean {meant[0]}?" if meant else ""
            raise UnknownPart(f"no {cls.family} is named {name!r}; known: {', '.join(known)}{hint}")
        return known[name]

    @model_serializer(mode="plain")
    def _write(self) -> dict[str, Any]:
        # A seed that was not set is not written, so that a recipe's seed still reaches it.
        return {"name": self.name} | {
            field: getattr(self, field)
            for field in type(self).model_fields
            if field != "seed" or field in self.model_fields_set
        }

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        if inspect.isabstract(cls):
            return {_FAMILY: cls.__name__}
        schema = handler(core_schema)
        described = handler.resolve_ref_schema(schema)
        described["properties"] = {"name": {"const": cls.name}} | described.get("properties", {})
        described["required"] = ["name", *described.get("required", [])]
        return schema


# Stands in a JSON Schema for any part of a family, which may hold parts of its own family.
_FAMILY = "x-family"


def json_schema(model: type[BaseModel]) -> dict[str, Any]:
    """JSON Schema of a model whose fields may be parts, with every known part spelled out."""
    families = {family.__name__: family for family in Part.__subclasses__()}
    definitions: dict[str, Any] = {}

    def resolved(node: Any) -> Any:
        if isinstance(node, list):
            return [resolved(item) for item in node]
        if not isinstance(node, dict):
            return node
        node = dict(node)
        for name, schema in node.pop("$defs", {}).items():
            described = resolved(schema)
            if _FAMILY not in schema:
                definitions[name] = described
        if _FAMILY in node:
            name = node.pop(_FAMILY)
            node["$ref"] = f"#/$defs/{name}"
            if name not in definitions:
                definitions[name] = {}  # begun: a part may lead back to its family
                known = families[name].known()
                parts = [resolved(part.model_json_schema()) for part in known.values()]
                definitions[name] = {"title": name, "anyOf": [{"enum": list(known)}, *parts]}
        return {key: resolved(value) for key, value in node.items()}

    schema: dict[str, Any] = resolved(model.model_json_schema())
    return schema | {"$defs": definitions}


class StrictModel(BaseModel):
    """Base of a recipe and its sections: frozen, and strict about its keys.

    Raises
    ------
    RecipeError
        A key is unknown or has a wrong value.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        validate_by_name=True,
        serialize_by_alias=True,
    )

    noun: ClassVar[str] = "mapping"
    """What errors call it."""

    error: ClassVar[type[UsageError]] = RecipeError
    """What is raised for an unknown key or a wrong value."""

    example: ClassVar[str] = ""
    """How it is written, for one who wrote something else."""

    @model_validator(mode="wrap")
    @classmethod
    def _read(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(value, Mapping):
            known = cls.keys()
            if unknown := sorted(map(str, value.keys() - {*known, *cls.model_fields})):
                raise cls.error(
                    f"a {cls.noun} has no key {', '.join(map(repr, unknown))}; "
                    f"known: {', '.join(known)}"
                )
            value = cls._given(dict(value))
        elif not isinstance(value, cls):
            raise cls.error(f"a {cls.noun} has keys, as in {cls.example}, got {value!r:.80}")
        try:
            found = handler(value)
        except ValidationError as error:
            raise cls.error(f"{cls.noun}: {explain(error)}") from None
        found._check()
        return found

    @classmethod
    def keys(cls) -> tuple[str, ...]:
        """Name of each key that can be written."""
        fields = cls.model_fields.items()
        return tuple(field.alias or name for name, field in fields if not field.exclude)

    @classmethod
    def _given(cls, keys: dict[str, Any]) -> dict[str, Any]:
        """What was given, with what follows from it."""
        return keys

    def _check(self) -> None:
        """Raise RecipeError if what is given does not go together."""
