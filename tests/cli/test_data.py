"""The command schema: JSON Schema of a recipe."""

import json
from typing import Any

import pytest

import instructdiv as idv
from instructdiv.selectors import Selector
from tests.cli.commands import (
    done,
)


def _fits(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    """As much of JSON Schema as the schema of a recipe uses."""
    if "$ref" in schema:
        return _fits(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root)
    if "anyOf" in schema and not any(_fits(value, one, root) for one in schema["anyOf"]):
        return False
    kinds: dict[str, Any] = {
        "object": dict, "array": list, "string": str, "integer": int,
        "number": (int, float), "boolean": bool, "null": type(None),
    }  # fmt: skip
    if "type" in schema and not isinstance(value, kinds[schema["type"]]):
        return False
    if "const" in schema and value != schema["const"]:
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if isinstance(value, (int, float)) and not (
        schema.get("minimum", value) <= value <= schema.get("maximum", value)
        and schema.get("exclusiveMinimum", value - 1) < value
    ):
        return False
    if isinstance(value, list):
        return all(_fits(item, schema.get("items", {}), root) for item in value)
    if isinstance(value, dict):
        known = schema.get("properties", {})
        if set(schema.get("required", [])) - set(value):
            return False
        if schema.get("additionalProperties") is False and set(value) - set(known):
            return False
        return all(_fits(item, known.get(key, {}), root) for key, item in value.items())
    return True


def test_the_schema_of_a_recipe_takes_what_a_recipe_takes() -> None:
    schema = json.loads(done("schema").stdout)
    assert set(schema["properties"]) >= {"data", "budget", "selector", "embedder", "schema"}
    everything = idv.Recipe(
        data=("a.jsonl",),
        budget=idv.Budget(records=5),
        selector=idv.GroupBalanced(within=idv.KCenter()),
        embedder=idv.Lexical(),
        group="domain",
        min_coverage=0.5,
        output="out",
    ).to_mapping()
    good: list[dict[str, Any]] = [
        {"budget": {"records": 5}},
        everything,
        {"budget": {"share": 0.5}, "data": ["a"], "selector": "k_center", "embedder": "lexical"},
        {"budget": {"tokens": 5}, "selector": {"name": "random", "seed": 3}, "view": "response"},
        {"budget": {"records": 5}, "schema": "alpaca", "exporter": {"name": "parquet"}},
    ]
    bad: list[dict[str, Any]] = [
        {},
        {"budget": {"records": 0}},
        {"budget": {"share": 1.5}},
        {"budget": {"rows": 5}},
        {"budget": {"records": 5}, "selektor": "random"},
        {"budget": {"records": 5}, "selector": "nope"},
        {"budget": {"records": 5}, "selector": {"start": "mean"}},
        {"budget": {"records": 5}, "selector": {"name": "k_center", "start": "last"}},
        {"budget": {"records": 5}, "view": "answer"},
        {"budget": {"records": 5}, "seed": -1},
    ]
    for recipe in good:
        idv.Recipe.model_validate(recipe)
        assert _fits(recipe, schema, schema), recipe
    for recipe in bad:
        with pytest.raises(idv.InstructdivError):
            idv.Recipe.model_validate(recipe)
        assert not _fits(recipe, schema, schema), recipe


@pytest.mark.parametrize("recipe", [{"budget": 5}, {"budget": {"records": 5}, "data": "a.jsonl"}])
def test_the_schema_knows_the_short_forms(recipe: dict[str, Any]) -> None:
    schema = json.loads(done("schema").stdout)
    idv.Recipe.model_validate(recipe)
    assert _fits(recipe, schema, schema)


def _described(schema: Any, name: str) -> list[dict[str, Any]]:
    """Properties of a part, wherever it is described; each description once."""
    inner = schema.values() if isinstance(schema, dict) else schema
    found = [
        one for item in inner if isinstance(item, dict | list) for one in _described(item, name)
    ]
    if isinstance(schema, dict):
        properties = schema.get("properties", {})
        if isinstance(properties, dict) and properties.get("name", {}).get("const") == name:
            found.append(properties)
    return [one for i, one in enumerate(found) if one not in found[:i]]


def test_the_schema_lists_every_selector_with_its_parameters() -> None:
    schema = json.loads(done("schema").stdout)
    for name, selector in Selector.known().items():
        assert _fits({"budget": {"records": 1}, "selector": name}, schema, schema)
        [described] = _described(schema["$defs"]["Selector"], name)
        assert set(described) == {"name", *selector.model_fields}
        for field in selector.model_fields:
            assert "description" in described[field] or "$ref" in described[field]
