"""Options: documented once, on the field; in panels, those that most people need first."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic.fields import FieldInfo

from instructdiv.budget import Budget
from instructdiv.cli import app
from instructdiv.cli._options import LISTED, NAMED_DEFAULTS, READING, field_sources, option_name
from instructdiv.curation.recipe import Recipe
from instructdiv.metrics import CoverageAt
from instructdiv.part import Part
from tests.cli.commands import done, fails

GROUP: Any = typer.main.get_command(app)
COMMANDS: dict[str, Any] = {
    **{name: command for name, command in GROUP.commands.items() if name != "lab"},
    **{f"lab {name}": command for name, command in GROUP.commands["lab"].commands.items()},
}
EMBEDDING = (
    *("report", "diff", "compare", "profile", "leaks", "advise"),
    *("select", "rebalance", "arrange", "diversify"),
)
FIELDS: dict[str, FieldInfo] = {
    field.alias or name: field
    for model in (CoverageAt, Budget, Recipe)
    for name, field in model.model_fields.items()
}
OWN = {("effect", "n_draws"), ("leaks", "target"), ("diff", "min_coverage")}
"""Options of a command that are no field, though one has the name."""


def offered() -> list[Any]:
    """Command, name and option of each field that a command offers."""
    return [
        pytest.param(name, option, id=f"{name}-{option.name}")
        for name, command in COMMANDS.items()
        for option in command.params
        if option.name in field_sources().keys() - {"budget", "output"}
        and option.param_type_name == "option"
        and (name, option.name) not in OWN
    ]


def bound(field: FieldInfo, *kinds: str) -> float | None:
    found = [getattr(one, kind) for one in field.metadata for kind in kinds if hasattr(one, kind)]
    return found[0] if found else None


@pytest.mark.parametrize(("command", "option"), offered())
def test_an_option_has_the_help_default_and_range_of_its_field(command: str, option: Any) -> None:
    field = FIELDS[option.name]
    assert field.description
    assert option.help.startswith(" ".join(field.description.split()))
    assert option_name(option.name) in option.opts
    assert (option.min, option.max) == (bound(field, "ge"), bound(field, "le", "lt"))
    if option.required:
        return
    if isinstance(field.default, Part):
        assert option.default == NAMED_DEFAULTS[option.name]
    else:
        assert option.default == (field.default or None if option.multiple else field.default)


def test_the_names_of_defaults_are_those_of_the_defaults() -> None:
    for name, default in NAMED_DEFAULTS.items():
        made = Recipe.model_validate({"budget": 1, name: default})
        assert getattr(made, name) == FIELDS[name].default


def test_a_command_that_embeds_data_takes_every_option_of_a_reading() -> None:
    for name in EMBEDDING:
        assert set(READING) <= {option.name for option in COMMANDS[name].params}, name


def test_an_option_that_takes_a_name_says_where_the_names_are_listed() -> None:
    for name in LISTED:
        option = next(one for one in COMMANDS["select"].params if one.name == name)
        assert option.help.endswith(f"Names: instructdiv list {LISTED[name]}.")
        done("list", LISTED[name], "--json")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_has_help_a_panel_and_a_placeholder_that_is_no_type(command: str) -> None:
    shown = done(*command.split(), "--help").stdout
    assert "─ Options ─" not in shown
    for noise in ("<bool>", "<str>", "<list[str]>", "<path>", "range>"):
        assert noise not in re.sub(r"╭─ Arguments.*?╰─", "", shown, flags=re.S)
    for parameter in COMMANDS[command].params:
        assert parameter.help, (command, parameter.name)


def test_what_most_people_need_stands_above_the_other_options_of_select() -> None:
    shown = done("select", "--help").stdout
    panels = re.findall(r"╭─ (.*?) ─", shown)
    assert panels == [
        "Arguments",
        "Most used",
        "What to choose",
        "Input",
        "Target",
        "Limits",
        "Output",
        "Run",
    ]
    above = shown[: shown.index("─ What to choose ─")]
    names = re.findall(r"^│ [* ] +(--[a-z-]+)", above, flags=re.M)
    assert names == ["--budget", "--output", "--group", "--selector"]


def test_options_of_a_command_have_one_name_each() -> None:
    for name, command in COMMANDS.items():
        names = [opt for option in command.params for opt in option.opts]
        assert len(names) == len(set(names)), name


def test_a_name_that_is_nearly_one_is_told_which(tmp_path: Path) -> None:
    data = Path(tmp_path / "data.jsonl")
    data.write_text('{"instruction": "Count.", "output": "1"}\n')
    asked = ("select", data, "-b", 1, "-o", tmp_path / "out", "--selector", "k_centre")
    fails(2, "did you mean k_center?", *asked)


def test_the_data_stand_before_what_is_written_from_them() -> None:
    arguments = [one.name for one in COMMANDS["convert"].params if one.param_type_name != "option"]
    assert arguments == ["data", "output"]
