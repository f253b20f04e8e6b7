"""Options of the commands; those of a reading, a recipe or a budget are derived from their fields.

A parameter is documented once, on its field. The fields are read from the source of their class:
to import the classes, and with them pydantic and every part, takes longer than ``--help`` may.
A test holds every option against the field itself.
"""

import ast
import functools
import inspect
import itertools
from collections.abc import Callable, Collection, Sequence
from copy import copy
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeAlias, get_args

import typer
from typer.models import ArgumentInfo

from instructdiv.cli._parsing import budget_of, shares_of
from instructdiv.cli._printing import Printer

MOST_USED = "Most used"
CHOICE = "What to choose"
INPUT = "Input"
TARGET = "Target"
LIMITS = "Limits"
OUTPUT = "Output"
RUN = "Run"
_PANELS = (MOST_USED, CHOICE, INPUT, TARGET, LIMITS, OUTPUT, RUN)

READING = (
    "group",
    "embedder",
    "view",
    "schema",
    "quality",
    "costs",
    "encoding",
    "strict",
    "seed",
)
"""Fields that say how data is read and embedded: options of every command that embeds data."""

WRITING = ("trainer", "exporter", "eval_share", "add_columns", "fail_on_drop", "page")
"""Fields that say how a mix is written."""

_MODELS = {
    "Reading": "data/reading.py",
    "Recipe": "curation/recipe.py",
    "Budget": "budget.py",
    "CoverageAt": "metrics/coverage_at.py",
}

_PANEL_OF = {
    INPUT: {*READING, "allow_license"} - {"seed"},
    CHOICE: {"selector", "keep", "stability"},
    TARGET: {"target", "target_group", "radius"},
    LIMITS: {"floors", "caps", "group_by", "tokenizer", "min_coverage"},
    OUTPUT: {*WRITING, "arranger"},
    RUN: {"seed", "n_draws"},
}
_PLACEHOLDERS = {
    "target": "DATA",
    "keep": "FOLDER",
    "floors": "GROUP=SHARE",
    "caps": "GROUP=SHARE",
    "tokenizer": "MODEL",
    "allow_license": "LICENSE",
} | dict.fromkeys(("group", "quality", "costs", "target_group", "group_by"), "COLUMN")

LISTED = {
    "selector": "selectors",
    "embedder": "embedders",
    "schema": "layouts",
    "arranger": "arrangers",
    "exporter": "exporters",
    "trainer": "trainers",
}
"""What ``instructdiv list`` calls the values of a field."""

NAMED_DEFAULTS = {"embedder": "minilm", "selector": "diverse_coverage", "exporter": "jsonl"}
"""Names of the defaults that are parts."""


class Unit(StrEnum):
    """What a budget counts."""

    records = "records"
    tokens = "tokens"
    share = "share"


def option(*names: str, panel: str, help: str, **more: Any) -> Any:  # noqa: A002
    """An option in one of the panels of ``--help``."""
    return typer.Option(*names, rich_help_panel=panel, help=help, **more)


Keys: TypeAlias = dict[str, Any]
"""Values of the fields that a command offers, as a recipe or a reading takes them."""

Data = Annotated[
    list[str], typer.Argument(help="Files, folders, or a name on the Hub.", metavar="DATA")
]
Folder = Annotated[
    Path,
    option("--output", "-o", panel=OUTPUT, metavar="FOLDER", help="Folder to write; new or empty."),
]
Overwrite = Annotated[
    bool, option("--overwrite", panel=OUTPUT, help="Replace what an earlier run wrote there.")
]
Report = Annotated[
    Path | None,
    option("--output", "-o", panel=OUTPUT, metavar="FILE", help="File to write, .md or .json."),
]
Similarity = Annotated[
    float,
    option(
        "--similarity-threshold",
        panel=LIMITS,
        min=-1,
        max=1,
        help="Cosine similarity from which two records are near-duplicates.",
    ),
]
Amount = Annotated[
    str,
    option(
        "--budget",
        "-b",
        panel=CHOICE,
        metavar="NUMBER",
        help="Number of records to choose; tokens, or a share of the records, with --unit.",
    ),
]
InUnit = Annotated[Unit, option("--unit", panel=CHOICE, help="What --budget counts.")]
AsJson = Annotated[bool, option("--json", panel=RUN, help="Print one JSON object.")]
Quiet = Annotated[
    bool, option("--quiet", "-q", panel=RUN, help="Print errors only, and what --json asks for.")
]


@dataclass(frozen=True)
class FieldSource:
    """A field of a model, as it stands in the source."""

    annotation: str
    default: Any
    help: str
    minimum: float | None
    maximum: float | None

    @property
    def is_repeated(self) -> bool:
        """Whether the option may be given several times."""
        return self.annotation.startswith(("tuple[", "dict["))

    @property
    def type(self) -> Any:
        """Type of the option's value; text where the library parses it."""
        if self.is_repeated:
            return list[str]
        plain = self.annotation.removesuffix(" | None")
        return {"bool": bool, "int": int, "float": float}.get(plain, str)


@functools.cache
def field_sources() -> dict[str, FieldSource]:
    """Every field that may be an option, by its name in a recipe."""
    found: dict[str, FieldSource] = {}
    for model, path in _MODELS.items():
        source = Path(__file__).parent.parent.joinpath(path).read_text(encoding="utf-8")
        classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
        body = next(node.body for node in classes if node.name == model)
        for field, below in itertools.pairwise(body):
            if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr):
                name, read = _read(field, below)
                found.setdefault(name, read)
    return found


def _read(field: ast.AnnAssign, below: ast.Expr) -> tuple[str, FieldSource]:
    value = field.value
    given: dict[str | None, Any] = {"default": _literal(value)}
    if isinstance(value, ast.Call) and ast.unparse(value.func) == "Field":
        given = {keyword.arg: _literal(keyword.value) for keyword in value.keywords}
    return given.get("alias") or ast.unparse(field.target), FieldSource(
        ast.unparse(field.annotation),
        given.get("default"),
        " ".join(_literal(below.value).split()),
        given.get("ge"),
        given.get("le", given.get("lt")),
    )


def _literal(value: ast.expr | None) -> Any:
    try:
        return None if value is None else ast.literal_eval(value)
    except ValueError:
        return None  # a part


def option_name(field: str) -> str:
    """Name of the option of a field; one that may be given several times is in the singular."""
    several = field_sources()[field].is_repeated
    return "--" + (field.removesuffix("s") if several else field).replace("_", "-")


def _of_field(name: str, *, required: bool) -> inspect.Parameter:
    """The option of a field."""
    field = field_sources()[name]
    told = [field.help]
    if name in LISTED:
        told.append(f"Names: instructdiv list {LISTED[name]}.")
    if field.is_repeated:
        told.append("May be given several times.")
    info = option(
        option_name(name),
        panel=next(panel for panel, names in _PANEL_OF.items() if name in names),
        help=" ".join(told),
        metavar=_PLACEHOLDERS.get(name, "NAME"),
        min=field.minimum,
        max=field.maximum,
    )
    if required:
        return _parameter(name, Annotated[field.type, info])
    default = None if field.is_repeated else NAMED_DEFAULTS.get(name, field.default)
    kind = field.type if default is not None else field.type | None
    return _parameter(name, Annotated[kind, info], default)


def _parameter(
    name: str, annotation: Any, default: Any = inspect.Parameter.empty
) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, annotation=annotation, default=default)


def options(
    *fields: str, first: Sequence[str] = (), required: Collection[str] = ()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of these fields, --json and --quiet beside its own options.

    The command is called with its own parameters, with a `printer` that knows --json and
    --quiet, and with `keys`: the fields that were given, as a recipe takes them. A field that
    the command has a parameter for is handed there, given or not, and is not among `keys`.

    Parameters
    ----------
    fields
        Names of fields of a recipe or of its budget; ``data`` is the argument, and ``budget`` a
        number and its unit.
    first
        Options that most people need: they stand above all others in ``--help``.
    required
        Fields that must be given to this command.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command).parameters
        parameters = [
            _parameter(name, parameter.annotation, parameter.default)
            for name, parameter in own.items()
            if name not in (*fields, "keys", "printer")
        ]
        for name in fields:
            if name == "data":
                parameters.insert(0, _parameter(name, Data))
            elif name == "budget":
                parameters.append(_parameter(name, Amount))
                parameters.append(_parameter("unit", InUnit, Unit.records))
            else:
                parameters.append(_of_field(name, required=name in required))
        parameters += [_parameter("as_json", AsJson, False), _parameter("quiet", Quiet, False)]
        parameters = _in_panels(parameters, first)

        @functools.wraps(command)
        def called(context: typer.Context, as_json: bool, quiet: bool, **values: Any) -> None:
            handed = {name: values.pop(name) for name in own if name in values}
            if "keys" in own:
                handed["keys"] = _keys({n: v for n, v in values.items() if _is_given(n, context)})
            command(**handed, printer=Printer(as_json, quiet))

        parameters.append(_parameter("context", typer.Context))
        called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        called.__annotations__ = {one.name: one.annotation for one in parameters}
        return called

    return decorate


def _in_panels(
    parameters: list[inspect.Parameter], first: Sequence[str]
) -> list[inspect.Parameter]:
    """The parameters by panel: the order in which ``--help`` shows panels is that of options."""
    placed = []
    for parameter in parameters:
        kind, info = get_args(parameter.annotation)
        info = copy(info)
        if kind is bool:
            info.metavar = ""  # a flag takes no value
        elif {int, float} & {kind, *get_args(kind)}:
            info.metavar = "NUMBER"
        if parameter.name in first:
            info.rich_help_panel = MOST_USED
        is_argument = isinstance(info, ArgumentInfo)
        place = (
            -1 if is_argument else _PANELS.index(info.rich_help_panel),
            first.index(parameter.name) if parameter.name in first else 0,
        )
        placed.append((place, parameter.replace(annotation=Annotated[kind, info])))
    return [parameter for _, parameter in sorted(placed, key=lambda one: one[0])]


def _is_given(name: str, context: typer.Context) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def _keys(given: dict[str, Any]) -> Keys:
    """What was written on the command line, as a recipe takes it."""
    keys = dict(given)
    for name in keys.keys() & {"floors", "caps"}:
        keys[name] = shares_of(keys[name], option_name(name))
    if "budget" in keys:
        of_budget = keys.keys() & {"floors", "caps", "group_by", "tokenizer"}
        more = {name: keys.pop(name) for name in of_budget}
        keys["budget"] = budget_of(keys["budget"], keys.pop("unit", "records"), **more)
    return keys
