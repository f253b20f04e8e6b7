"""Commands about layouts, recipes and what can be named in them."""

import inspect
import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from instructdiv.cli._options import OUTPUT, Keys, Overwrite, option, options
from instructdiv.cli._printing import Printer

if TYPE_CHECKING:
    from instructdiv.part import Part


class Kind(StrEnum):
    """What can be listed."""

    selectors = "selectors"
    embedders = "embedders"
    clusterers = "clusterers"
    metrics = "metrics"
    arrangers = "arrangers"
    exporters = "exporters"
    trainers = "trainers"
    layouts = "layouts"


@options("data", "schema", "encoding", "strict")
def convert(
    data: list[str],
    output: Annotated[
        Path,
        typer.Argument(help="File to write: .jsonl, .json or .parquet.", metavar="OUTPUT"),
    ],
    keys: Keys,
    printer: Printer,
    to: Annotated[
        str,
        option(
            "--to",
            panel=OUTPUT,
            metavar="NAME",
            help="Layout to write: messages, alpaca, sharegpt, prompt_completion, or another "
            "that can be written; or a JSON mapping of its columns to those you want. Names: "
            "instructdiv list layouts.",
        ),
    ],
    drop_unconverted: Annotated[
        bool,
        option(
            "--drop-unconverted",
            panel=OUTPUT,
            help="Drop values that the layout cannot hold, which are else kept in _unconverted.",
        ),
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Convert records to another layout; converting back restores them."""
    from instructdiv.data.convert import check_output, convert

    check_output(output, overwrite=overwrite)  # before the work, not after it
    done = convert(data, to, drop_unconverted=drop_unconverted, **keys)
    files = done.save(output, overwrite=overwrite)
    printer.json(done.to_mapping() | {"files": list(map(str, files))})
    printer.text(f"{done}\nwritten to {', '.join(map(str, files))}")


def schema() -> None:
    """Print the JSON Schema of a recipe, for completion and checks in an editor."""
    from instructdiv.curation.recipe import Recipe

    typer.echo(Recipe.json_schema())


@options()
def list_(
    kind: Annotated[Kind, typer.Argument(help="What to list.", metavar="KIND")],
    printer: Printer,
) -> None:
    """List selectors, embedders, metrics, trainers and other names, with what each does."""
    rows = _trainers() if kind is Kind.trainers else _parts(kind)
    printer.json({kind.value: rows})
    if kind is Kind.selectors:
        printer.rows("Selectors; all hold floors, caps and budgets of tokens", rows)
    else:
        printer.rows(kind.capitalize(), rows)


def _parts(kind: Kind) -> list[dict[str, Any]]:
    """Name, facts and first sentence of each part of a family that comes with the library."""
    family = _family(kind)
    known = (part for part in family.known().values() if part.__module__.startswith("instructdiv."))
    return [{"name": part.name} | _facts(part) | {"does": _sentence(part)} for part in known]


def _family(kind: Kind) -> "type[Part]":
    from instructdiv import arrangers, clusterers, embedders, exporters, metrics, schemas, selectors

    families: dict[Kind, type[Part]] = {
        Kind.selectors: selectors.Selector,
        Kind.embedders: embedders.Embedder,
        Kind.clusterers: clusterers.Clusterer,
        Kind.metrics: metrics.Metric,
        Kind.arrangers: arrangers.Arranger,
        Kind.exporters: exporters.Exporter,
        Kind.layouts: schemas.Schema,
    }
    return families[kind]


def _facts(part: "type[Part]") -> dict[str, Any]:
    from instructdiv.arrangers import Arranger
    from instructdiv.metrics import Metric
    from instructdiv.selectors import Selector

    if issubclass(part, Selector):
        target = "needed" if part.needs_target else "possible" if part.covers_target else "no"
        needs = ", ".join(f"--{name.replace('_', '-')}" for name in part.needs)
        return {"target": target, "needs": needs, "prefix-nested": part.nested}
    if issubclass(part, Metric):
        return {"higher is better": part.higher_is_better}
    if issubclass(part, Arranger):
        return {"needs a target": part.needs_target}
    return {}


def _trainers() -> list[dict[str, Any]]:
    from instructdiv.exporters import Exporter
    from instructdiv.exporters.known_trainers import TRAINERS

    known = Exporter.known()
    alone = "Settings alone; rows are written by --exporter."
    return [
        {"name": name, "does": _sentence(known[name]) if name in known else alone}
        for name in TRAINERS
    ]


def _sentence(part: type) -> str:
    """First sentence of the docstring of a part."""
    paragraph = " ".join((inspect.getdoc(part) or "").split("\n\n")[0].split())
    plain = re.sub(r" \[\d+\]_", "", paragraph).replace("``", "`")
    return re.split(r"(?<=\.) (?=[A-Z])", plain)[0]
