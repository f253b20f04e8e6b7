"""Keyed: what is read from the keys of a mapping, each of them known and described."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)

from instructdiv.errors import RecipeError
from instructdiv.part import explain


class Keyed(BaseModel):
    """Base of a recipe and of what stands in it: frozen, and strict about its keys.

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

    example: ClassVar[str] = ""
    """How it is written, for one who wrote something else."""

    @model_validator(mode="wrap")
    @classmethod
    def _read(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(value, Mapping):
            known = [field.alias or name for name, field in cls.model_fields.items()]
            if unknown := sorted(map(str, value.keys() - {*known, *cls.model_fields})):
                raise RecipeError(
                    f"a {cls.noun} has no key {', '.join(map(repr, unknown))}; "
                    f"known: {', '.join(known)}"
                )
            value = cls._given(dict(value))
        elif not isinstance(value, cls):
            raise RecipeError(f"a {cls.noun} has keys, as in {cls.example}, got {value!r}")
        try:
            found = handler(value)
        except ValidationError as error:
            raise RecipeError(f"{cls.noun}: {explain(error)}") from None
        found._check()
        return found

    @classmethod
    def _given(cls, keys: dict[str, Any]) -> dict[str, Any]:
        """What was given, with what follows from it."""
        return keys

    def _check(self) -> None:
        """Raise RecipeError if what is given does not go together."""
