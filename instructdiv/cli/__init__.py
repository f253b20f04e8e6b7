"""The command line: one thin function a command.

Results go to stdout, progress and log to stderr. Exit codes: 0 done, 1 failed, 2 bad usage,
recipe or input, 3 a gate failed, 130 interrupted.
"""

import functools
import json
import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, TypeVar

import typer

from instructdiv.errors import InstructdivError, OutputError, UsageError

if TYPE_CHECKING:
    from instructdiv.curation.curate import Mix
    from instructdiv.curation.recipe import Recipe
    from instructdiv.embedders import Embedder, Progress
    from instructdiv.lab.study_report import StudyReport
    from instructdiv.report import Comparison, Difference, Summary
    from instructdiv.results import Result, Table

_SHOWN_ROWS = 20

P = ParamSpec("P")
R = TypeVar("R")

app = typer.Typer(
    help="What instruction data covers, and which records to train on under a budget.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
lab = typer.Typer(help="Run findings of the literature again, on a small model.")
app.add_typer(lab, name="lab", no_args_is_help=True)


class Unit(StrEnum):
    """What a budget counts."""

    records = "records"
    tokens = "tokens"
    share = "share"


Data = Annotated[list[str], typer.Argument(help="Files, folders, or a name on the Hub.")]
Amount = Annotated[str, typer.Option("--budget", "-b", help="What may be spent.")]
InUnit = Annotated[Unit, typer.Option("--unit", help="What the budget counts.")]
Chooser = Annotated[
    str | None,
    typer.Option(
        "--selector", help="Name of a selector, or a JSON mapping of name and parameters."
    ),
]
Vectors = Annotated[
    str,
    typer.Option(
        "--embedder",
        help="minilm, lexical, a .npy file of vectors, or the path or Hub name of a model.",
    ),
]
Floors = Annotated[
    list[str] | None,
    typer.Option("--floor", help="GROUP=SHARE: least share of the budget the group gets."),
]
Caps = Annotated[
    list[str] | None,
    typer.Option("--cap", help="GROUP=SHARE: most of the budget the group gets."),
]
By = Annotated[
    str | None,
    typer.Option(
        "--group-by", help="Column of the groups of --floor and --cap; --group if not given."
    ),
]
Tokenizer = Annotated[
    str | None,
    typer.Option("--tokenizer", help="Model whose tokenizer counts tokens: a folder or a name."),
]
Costs = Annotated[str | None, typer.Option("--costs", help="Column of the tokens of each record.")]
Scores = Annotated[
    str | None, typer.Option("--quality", help="Column of the score of each record.")
]
Kept = Annotated[
    Path | None,
    typer.Option("--keep", help="Folder of an earlier mix, or a saved selection, to keep most of."),
]
Stability = Annotated[
    float, typer.Option("--stability", min=0, max=1, help="Share of the earlier mix to keep.")
]
Group = Annotated[
    str | None, typer.Option("--group", help="Column of the known groups; source: the file.")
]
Shown = Annotated[
    str,
    typer.Option(
        "--view",
        help="What is embedded: prompt, instruction, response, conversation, first_turn, "
        "all_user_turns.",
    ),
]
Layout = Annotated[
    str | None,
    typer.Option(
        "--schema",
        help="Layout of the records, or a JSON mapping of its columns to those that are there; "
        "recognized if not given.",
    ),
]
Encoding = Annotated[
    str, typer.Option("--encoding", help="How text files are encoded, such as latin-1.")
]
Allowed = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-license", help="Leave out records under other licenses, or none; several times."
    ),
]
HeldOut = Annotated[
    float,
    typer.Option(
        "--eval-share",
        min=0,
        max=1,
        help="Share of the mix, of each group or cluster, that is held out into a file to "
        "evaluate on.",
    ),
]
Beside = Annotated[
    list[str] | None,
    typer.Option(
        "--add-column",
        help="Have each row carry _source, _rank, _turn, _cluster or _gain; several times.",
    ),
]
FailOnDrop = Annotated[
    bool,
    typer.Option(
        "--fail-on-drop", help="Fail with exit code 3 if the trainer would drop a record."
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of everything drawn at random.")]
Folder = Annotated[Path, typer.Option("--output", "-o", help="Folder to write; new or empty.")]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace a folder that an earlier run wrote.")
]
Format = Annotated[
    str | None,
    typer.Option(
        "--exporter",
        help="How the mix is written: jsonl, parquet, hub_folder, or for a trainer: trl, axolotl, "
        "llama_factory, torchtune, unsloth, openai, ms_swift, open_instruct; or a JSON mapping of "
        "the name and parameters. As the trainer reads it, if one is given, else jsonl.",
    ),
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Stop at the first record that cannot be used.")
]
Radius = Annotated[
    float,
    typer.Option("--radius", min=0, max=2, help="Distance within which a record is covered."),
]
Draws = Annotated[int, typer.Option("--n-draws", min=1, help="Random draws to compare with.")]
Aim = Annotated[
    list[str] | None,
    typer.Option(
        "--target",
        help="What should be covered, in place of the data: files, folders, or a name on the Hub.",
    ),
]
AimGroup = Annotated[
    str | None, typer.Option("--target-group", help="Column of the groups of the target.")
]
Ordering = Annotated[
    str | None,
    typer.Option(
        "--arranger",
        help="What orders the mix: name of an arranger, or a JSON mapping of name and parameters.",
    ),
]
TrainerExporter = Annotated[
    str | None,
    typer.Option(
        "--trainer",
        help="Write rows and settings for trl, axolotl, llama_factory, torchtune and others, so "
        "that the order is kept; transformers: settings alone.",
    ),
]
Page = Annotated[
    bool, typer.Option("--page", help="Write the report as a page too, report.html in the folder.")
]
Gate = Annotated[
    float | None,
    typer.Option(
        "--min-coverage",
        min=-1,
        max=1,
        help="Fail with exit code 3 if the mean similarity of a record to the nearest chosen "
        "one is lower.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, and errors only.")]


def _guarded(command: Callable[P, R]) -> Callable[P, R]:
    """Turn the errors of the library into a line on stderr and an exit code."""

    @functools.wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        _start_log(quiet=bool(kwargs.get("quiet")))
        try:
            return command(*args, **kwargs)
        except InstructdivError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            typer.echo("interrupted; vectors embedded so far are kept for the next run", err=True)
            raise typer.Exit(130) from None

    return guarded


def _start_log(*, quiet: bool) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    log = logging.getLogger("instructdiv")
    log.handlers = [handler]
    log.propagate = False
    log.setLevel(logging.ERROR if quiet else logging.WARNING)
    # Which layout was recognized is shown; how a model was loaded is not.
    logging.getLogger("instructdiv.data.layouts").setLevel(logging.ERROR if quiet else logging.INFO)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"instructdiv {version('instructdiv')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    pass


@app.command()
@_guarded
def report(
    data: Data,
    selection: Annotated[
        Path | None,
        typer.Option("--selection", help="Folder of a mix, or a saved selection, of this data."),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target", help="What should be covered: files, folders, or a name on the Hub."
        ),
    ] = None,
    reference: Annotated[
        list[str] | None,
        typer.Option(
            "--reference",
            help="An inventory of what data could hold: which of its domains does this lack?",
        ),
    ] = None,
    reference_group: Annotated[
        str | None,
        typer.Option(
            "--reference-group",
            help="Column of the domains of a reference; that of --group, or else clusters.",
        ),
    ] = None,
    embedder: Vectors = "minilm",
    group: Group = None,
    view: Shown = "prompt",
    schema: Layout = None,
    encoding: Encoding = "utf-8",
    metrics: Annotated[
        str | None,
        typer.Option(
            "--metrics",
            help="Names of metrics, or JSON mappings, between commas; all: every one, but for "
            "those of groups where there are none.",
        ),
    ] = None,
    similarity_threshold: Annotated[
        float,
        typer.Option(
            "--similarity-threshold", min=-1, max=1, help="Similarity from which two are copies."
        ),
    ] = 0.95,
    radius: Radius = 0.3,
    n_draws: Draws = 64,
    seed: Seed = 0,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write: .html for a page, .md or .json."),
    ] = None,
    projection: Annotated[
        str,
        typer.Option(
            "--map", help="How the page draws its map: pacmap, pca, or auto for what is there."
        ),
    ] = "auto",
    atlas: Annotated[
        Path | None,
        typer.Option("--atlas", help="Folder to write for embedding-atlas, an explorer."),
    ] = None,
    overwrite: Overwrite = False,
    strict: Strict = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Report what data covers and, with a selection, what is left of it."""
    from instructdiv.core.files import check_free
    from instructdiv.curation.curate import selection_of
    from instructdiv.metrics import Metric
    from instructdiv.pool import Pool
    from instructdiv.report import coverage
    from instructdiv.report.rendering.projection import check_projection

    _check_path(output, "report", ".html", ".md", ".json")
    check_projection(projection)
    measures = None if metrics is None else _parts(metrics, Metric)
    if measures == []:
        raise UsageError("--metrics names none; name at least one, or all")
    if reference_group and not reference:
        raise UsageError("--reference-group is a column of a reference; give --reference too")
    if atlas:
        check_free(atlas, overwrite)
        if output and output.resolve().is_relative_to(atlas.resolve()):
            raise UsageError(f"--atlas replaces the folder {atlas}; write --output elsewhere")
    # A file may have any name, also one of those that stand for the other sets here.
    inventories = {f"reference {name}": name for name in reference or []}
    own = {name: {"group": reference_group} for name in inventories if reference_group}
    sets = {"data": data} | ({"target": target} if target else {}) | inventories
    with _progress(quiet) as progress:
        pools = Pool.together(
            sets,
            each=({"data": {"group": group}} if group else {}) | own,  # type: ignore[arg-type]
            embedder=embedder,
            view=view,  # type: ignore[arg-type]
            group=group,
            schema=schema,
            seed=seed,
            strict=strict,
            encoding=encoding,
            progress=progress,
        )
        pool = pools["data"]
        grouped = all(p.groups is not None for p in (pool, pools.get("target", pool)))
        if measures and str(metrics).strip() == "all" and not grouped:
            measures = [metric for metric in measures if metric.looks_at != "groups"]
        chosen = None if selection is None else selection_of(selection, pool)
        summary = coverage(
            pool,
            chosen,
            pools.get("target"),
            references={name: pools[key] for key, name in inventories.items()},
            metrics=measures,
            similarity_threshold=similarity_threshold,
            radius=radius,
            n_draws=n_draws,
            seed=seed,
        )
        if output:
            summary.save(output, projection=projection)  # type: ignore[arg-type]
        if atlas:
            command = summary.save_atlas(atlas, projection=projection, overwrite=overwrite)  # type: ignore[arg-type]
            if not quiet:
                typer.echo(f"to explore: {command}", err=True)
    _print_summary(summary, as_json)


@app.command()
@_guarded
def diff(
    a: Annotated[str, typer.Argument(help="A file, a folder, a mix, or a name on the Hub.")],
    b: Annotated[str, typer.Argument(help="Another, to be set beside it.")],
    embedder: Vectors = "minilm",
    group: Group = None,
    view: Shown = "prompt",
    schema: Layout = None,
    encoding: Encoding = "utf-8",
    radius: Radius = 0.3,
    seed: Seed = 0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write, .md or .json.")
    ] = None,
    min_coverage: Annotated[
        float | None,
        typer.Option(
            "--min-coverage",
            min=-1,
            max=1,
            help="Fail with exit code 3 if the mean similarity of a record of A to the nearest "
            "one of B is lower.",
        ),
    ] = None,
    strict: Strict = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Set two data sets side by side: what A covers that B lacks, and the reverse."""
    from instructdiv.pool import Pool
    from instructdiv.report import diff

    _check_path(output, "difference", ".md", ".json")
    with _progress(quiet) as progress:
        pools = Pool.together(
            {"a": a, "b": b},
            embedder=embedder,
            view=view,  # type: ignore[arg-type]
            group=group,
            schema=schema,
            seed=seed,
            strict=strict,
            encoding=encoding,
            progress=progress,
        )
        found = diff(pools["a"], pools["b"], (a, b), radius=radius, seed=seed)
    if output:
        found.save(output)
    _print_difference(found, as_json)
    found.check(min_coverage)


@app.command()
@_guarded
def compare(
    data: Data,
    selectors: Annotated[
        str,
        typer.Option(
            "--selectors",
            help="Names of selectors, or JSON mappings, between commas; all: every one, but for "
            "those that need a target where there is none.",
        ),
    ],
    budgets: Annotated[
        str, typer.Option("--budgets", help="What may be spent, several between commas.")
    ],
    unit: InUnit = Unit.records,
    labels: Annotated[
        str | None,
        typer.Option(
            "--labels", help="Column that choices should be spread over; --group if not given."
        ),
    ] = None,
    target: Aim = None,
    target_group: AimGroup = None,
    embedder: Vectors = "minilm",
    group: Group = None,
    quality: Scores = None,
    view: Shown = "prompt",
    schema: Layout = None,
    encoding: Encoding = "utf-8",
    n_draws: Draws = 64,
    seed: Seed = 0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write, .md or .json.")
    ] = None,
    strict: Strict = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Set several selectors at several budgets beside random draws."""
    from instructdiv.pool import Pool
    from instructdiv.report import compare
    from instructdiv.selectors import Selector

    _check_path(output, "comparison", ".md", ".json")
    chosen = _parts(selectors, Selector)
    if selectors.strip() == "all" and not target:
        chosen = [selector for selector in chosen if not selector.needs_target]
    spent = [_budget(amount.strip(), unit) for amount in budgets.split(",")]
    own: dict[str, Any] = {"data": {"group": group, "quality": quality, "schema": schema}}
    if target and target_group:
        own["target"] = {"group": target_group}
    with _progress(quiet) as progress:
        pools = Pool.together(
            {"data": data} | ({"target": target} if target else {}),
            each=own,
            embedder=embedder,
            view=view,  # type: ignore[arg-type]
            group=group,
            seed=seed,
            strict=strict,
            encoding=encoding,
            progress=progress,
        )
        comparison = compare(
            pools["data"],
            chosen,
            spent,
            pools.get("target"),
            labels=labels,
            n_draws=n_draws,
            seed=seed,
            progress=progress,
        )
    if output:
        comparison.save(output)
    _print_comparison(comparison, as_json)
    if all(row.error for row in comparison.rows):
        raise UsageError(f"no selector could run; the first: {comparison.rows[0].error}")


@app.command()
@_guarded
def plan(
    pool_size: Annotated[
        list[str],
        typer.Argument(
            help="Number of records; or files, folders, or a name on the Hub, to count those of."
        ),
    ],
    budget: Amount,
    unit: InUnit = Unit.records,
    dim: Annotated[int, typer.Option("--dim", help="Components of a vector.")] = 384,
    selector: Chooser = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Tell how long a selection will take here and how much memory, without embedding."""
    from instructdiv.curation.plan import plan

    spent = _budget(budget, unit)
    chooser = None if selector is None else _mapping(selector)
    made = plan(_n_records(pool_size), spent, chooser, n_dimensions=dim)
    typer.echo(json.dumps(json.loads(made.to_json())) if as_json else made)


@app.command()
@_guarded
def select(
    data: Data,
    budget: Amount,
    output: Folder,
    unit: InUnit = Unit.records,
    selector: Chooser = None,
    target: Aim = None,
    target_group: AimGroup = None,
    arranger: Ordering = None,
    trainer: TrainerExporter = None,
    embedder: Vectors = "minilm",
    group: Group = None,
    floor: Floors = None,
    cap: Caps = None,
    group_by: By = None,
    tokenizer: Tokenizer = None,
    costs: Costs = None,
    quality: Scores = None,
    keep: Kept = None,
    stability: Stability = 0.9,
    view: Shown = "prompt",
    schema: Layout = None,
    encoding: Encoding = "utf-8",
    allow_license: Allowed = None,
    seed: Seed = 0,
    n_draws: Draws = 64,
    exporter: Format = None,
    eval_share: HeldOut = 0,
    add_column: Beside = None,
    fail_on_drop: FailOnDrop = False,
    page: Page = False,
    min_coverage: Gate = None,
    overwrite: Overwrite = False,
    strict: Strict = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Choose records under a budget and write the mix."""
    from instructdiv.curation.recipe import Recipe

    recipe = Recipe.model_validate(
        {
            "data": data,
            "schema": _layout(schema),
            "view": view,
            "group": group,
            "costs": costs,
            "quality": quality,
            "embedder": _embedder(embedder),
            "budget": _budget(
                budget,
                unit,
                floors=_shares(floor, "--floor"),
                caps=_shares(cap, "--cap"),
                group_by=group_by,
                tokenizer=tokenizer,
            ),
            "target": tuple(target or ()),
            "target_group": target_group,
            "arranger": None if arranger is None else _mapping(arranger),
            "trainer": trainer,
            "keep": None if keep is None else str(keep),
            "stability": stability,
            "seed": seed,
            "exporter": exporter and _mapping(exporter),
            "encoding": encoding,
            "allow_license": tuple(allow_license or ()),
            "eval_share": eval_share,
            "add_columns": tuple(add_column or ()),
            "fail_on_drop": fail_on_drop,
            "n_draws": n_draws,
            "page": page,
            "strict": strict,
            "min_coverage": min_coverage,
        }
        | ({} if selector is None else {"selector": _mapping(selector)})
    )
    _run(recipe, output, overwrite=overwrite, as_json=as_json, quiet=quiet)


@app.command()
@_guarded
def rebalance(
    data: Data,
    budget: Amount,
    output: Folder,
    unit: InUnit = Unit.records,
    target: Aim = None,
    embedder: Vectors = "minilm",
    group: Group = None,
    encoding: Encoding = "utf-8",
    allow_license: Allowed = None,
    trainer: TrainerExporter = None,
    eval_share: HeldOut = 0,
    fail_on_drop: FailOnDrop = False,
    seed: Seed = 0,
    page: Page = False,
    overwrite: Overwrite = False,
    strict: Strict = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write a mix that covers the most under a budget, with the default selector."""
    from instructdiv.curation.recipe import Recipe

    recipe = Recipe.model_validate(
        {
            "data": data,
            "group": group,
            "embedder": _embedder(embedder),
            "budget": _budget(budget, unit),
            "target": tuple(target or ()),
            "encoding": encoding,
            "allow_license": tuple(allow_license or ()),
            "trainer": trainer,
            "eval_share": eval_share,
            "fail_on_drop": fail_on_drop,
            "seed": seed,
            "page": page,
            "strict": strict,
        }
    )
    _run(recipe, output, overwrite=overwrite, as_json=as_json, quiet=quiet)


@app.command()
@_guarded
def arrange(
    data: Data,
    arranger: Annotated[
        str,
        typer.Option(
            "--arranger",
            help="Name of an arranger, or a JSON mapping of name and parameters.",
        ),
    ],
    output: Folder,
    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target",
            help="What training should be good for: files, folders, or a name on the Hub.",
        ),
    ] = None,
    target_group: AimGroup = None,
    trainer: TrainerExporter = None,
    embedder: Vectors = "minilm",
    group: Group = None,
    costs: Costs = None,
    view: Shown = "prompt",
    schema: Layout = None,
    encoding: Encoding = "utf-8",
    seed: Seed = 0,
    exporter: Format = None,
    eval_share: HeldOut = 0,
    add_column: Beside = None,
    fail_on_drop: FailOnDrop = False,
    overwrite: Overwrite = False,
    strict: Strict = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Put all records in the order they are to be trained on."""
    from instructdiv.curation.recipe import Recipe

    recipe = Recipe.model_validate(
        {
            "data": data,
            "schema": _layout(schema),
            "view": view,
            "group": group,
            "costs": costs,
            "embedder": _embedder(embedder),
            "budget": {"share": 1.0},
            "selector": "random",
            "target": tuple(target or ()),
            "target_group": target_group,
            "arranger": _mapping(arranger),
            "trainer": trainer,
            "seed": seed,
            "exporter": exporter and _mapping(exporter),
            "encoding": encoding,
            "eval_share": eval_share,
            "add_columns": tuple(add_column or ()),
            "fail_on_drop": fail_on_drop,
            "n_draws": 1,
            "strict": strict,
        }
    )
    _run(recipe, output, overwrite=overwrite, as_json=as_json, quiet=quiet)


@app.command()
@_guarded
def leaks(
    data: Data,
    target: Annotated[
        list[str],
        typer.Option("--target", help="What a model will be judged by: files, folders, a name."),
    ],
    embedder: Vectors = "minilm",
    view: Shown = "prompt",
    schema: Layout = None,
    encoding: Encoding = "utf-8",
    near: Annotated[
        float,
        typer.Option(
            "--similarity-threshold",
            min=0,
            max=1,
            help="Similarity from which two are near copies.",
        ),
    ] = 0.95,
    most: Annotated[
        int | None,
        typer.Option(
            "--most", min=0, help="Fail with exit code 3 if more records of the data leak."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write, .json: every pair.")
    ] = None,
    strict: Strict = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Find records of a target that are in the data too, before any claim is made on it."""
    from instructdiv.core.files import write_text
    from instructdiv.errors import GateFailed
    from instructdiv.pool import Pool
    from instructdiv.report.leakage import leak_check

    _check_path(output, "list of leaks", ".json")
    with _progress(quiet) as progress:
        pools = Pool.together(
            {"data": data, "target": target},
            each={"data": {"schema": schema}},
            embedder=embedder,
            view=view,  # type: ignore[arg-type]
            strict=strict,
            encoding=encoding,
            progress=progress,
        )
        found = leak_check(pools["data"], pools["target"], similarity_threshold=near)
    if output:
        write_text(output, found.to_json() + "\n")
    typer.echo(json.dumps(json.loads(found.to_json())) if as_json else found.headline)
    if most is not None and len(found) > most:
        raise GateFailed(f"{len(found):,} records of the data leak, more than {most:,}")


@app.command()
@_guarded
def profile(
    data: Data,
    embedder: Vectors = "minilm",
    group: Group = None,
    view: Annotated[
        str | None,
        typer.Option(
            "--view",
            help="What domains are told from, such as instruction; if not given that, or the "
            "prompt where most records have one instruction.",
        ),
    ] = None,
    schema: Layout = None,
    encoding: Encoding = "utf-8",
    similarity_threshold: Annotated[
        float,
        typer.Option(
            "--similarity-threshold", min=-1, max=1, help="Similarity from which two are one."
        ),
    ] = 0.95,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write, .md or .json.")
    ] = None,
    seed: Seed = 0,
    strict: Strict = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Count the different instructions, and how records and domains are spread over them."""
    from instructdiv.pool import Pool
    from instructdiv.report import instruction_profile
    from instructdiv.report.notices import constant_instruction

    _check_path(output, "profile", ".md", ".json")
    with _progress(quiet) as progress:
        read = functools.partial(
            Pool.of,
            data,
            embedder=embedder,
            group=group,
            schema=schema,
            seed=seed,
            strict=strict,
            encoding=encoding,
            progress=progress,
        )
        pool = read(view=view or "instruction")  # type: ignore[arg-type]
        if view is None and constant_instruction(pool):
            pool = read(view="prompt")
            typer.echo("most records have one instruction: domains are told from prompts", err=True)
        found = instruction_profile(
            pool, similarity_threshold=similarity_threshold, progress=progress
        )
    _give(found, output, as_json)


@app.command()
@_guarded
def diversify(
    data: Annotated[
        list[str],
        typer.Argument(help="The core; with --core, all records: files, folders, or a Hub name."),
    ],
    pool: Annotated[
        list[str] | None,
        typer.Option("--pool", help="What may come, as NAME=FILE or a file; several times."),
    ] = None,
    core: Annotated[
        str | None,
        typer.Option("--core", help="Group of the data that is the core; all others may come."),
    ] = None,
    budget: Annotated[
        int | None,
        typer.Option("--budget", "-b", min=1, help="Records; as many as the core has if not set."),
    ] = None,
    beyond_share: Annotated[
        float, typer.Option("--beyond-share", min=0, max=1, help="Share beyond the core.")
    ] = 0.1,
    grid: Annotated[
        bool,
        typer.Option("--grid", help="Mixes of 0, 5, ..., 25 % beyond the core, and a script."),
    ] = False,
    group: Group = None,
    radius: Annotated[
        float,
        typer.Option(
            "--radius", min=0, max=2, help="Distance within which the core has a record already."
        ),
    ] = 0.3,
    balance: Annotated[
        float,
        typer.Option(
            "--balance", min=0, max=1, help="1: as many records of each domain; 0: by its size."
        ),
    ] = 1.0,
    embedder: Vectors = "minilm",
    view: Shown = "prompt",
    encoding: Encoding = "utf-8",
    seed: Seed = 0,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder to write; without one, the plan alone."),
    ] = None,
    overwrite: Overwrite = False,
    exporter: Format = None,
    strict: Strict = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Exchange redundant records of a core for domains that it lacks, at the same size."""
    from instructdiv.core.files import check_free
    from instructdiv.curation.diversify import diversify as exchange
    from instructdiv.experiments import share_grid
    from instructdiv.exporters import Exporter

    if output:
        check_free(output, overwrite)
    written_by = Exporter.of(_mapping(exporter or "jsonl"))
    parameters: dict[str, Any] = {"radius": radius, "balance": balance, "seed": seed}
    with _progress(quiet) as progress:
        kept, others = _core_and_others(
            data,
            pool,
            core,
            group,
            _embedder(embedder).seeded(seed),
            view,
            strict,
            encoding,
            progress,
        )
        if grid:
            sweep = share_grid(kept, others, budget, progress=progress, **parameters)
            if output:
                sweep.export(output, exporter=written_by, overwrite=overwrite)
        else:
            done = exchange(kept, others, budget, beyond_share, progress=progress, **parameters)
            before, after = done.before, done.after
            if output:
                done.export(output, written_by, overwrite=overwrite)
    plan = sweep.plan if grid else done.plan
    profiles = {} if grid else {"before": before, "after": after}
    if as_json:
        found = {"plan": plan} | profiles
        told = {name: json.loads(one.to_json()) for name, one in found.items()}
        typer.echo(json.dumps(told | {"output": output and str(output)}, ensure_ascii=False))
        return
    _print_tables(plan.headline, plan.tables())
    for name, one in profiles.items():
        typer.echo(f"{name}: {one.headline}")
    typer.echo(f"\nwritten to {output}" if output else "\nnothing is written; give --output")


@app.command()
@_guarded
def advise(
    data: Data,
    candidate: Annotated[
        list[str],
        typer.Option("--candidate", help="What may be added, as NAME=FILE or a file; several."),
    ],
    add: Annotated[int, typer.Option("--add", min=1, help="Records to add.")] = 10_000,
    mode: Annotated[
        str,
        typer.Option("--mode", help="specialist: for what the data is of; generalist: for all."),
    ] = "generalist",
    target: Aim = None,
    group: Annotated[
        str | None,
        typer.Option("--group", help="Column of the sources, where there is one candidate."),
    ] = None,
    embedder: Vectors = "minilm",
    view: Shown = "prompt",
    encoding: Encoding = "utf-8",
    seed: Seed = 0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write, .md or .json.")
    ] = None,
    strict: Strict = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Tell what to add next: what each candidate covers that the data does not."""
    from instructdiv.pool import Pool
    from instructdiv.report import advise

    _check_path(output, "advice", ".md", ".json")
    named = _by_name(candidate, "--candidate")
    if group and len(named) > 1:
        raise UsageError("--group divides a single candidate; give one, or no --group")
    # Anything may be the name of a candidate.
    sets: dict[str, Any] = {f"candidate {name}": one for name, one in named.items()}
    groups: dict[str, Any] = {name: {"group": group} for name in sets}
    sets |= {"data": data} | ({"target": target} if target else {})
    with _progress(quiet) as progress:
        pools = Pool.together(
            sets,
            each=groups,
            embedder=embedder,
            view=view,  # type: ignore[arg-type]
            seed=seed,
            strict=strict,
            encoding=encoding,
            progress=progress,
        )
        found = advise(
            pools["data"],
            pools[next(iter(sets))] if group else {n: pools[f"candidate {n}"] for n in named},
            add,
            mode,  # type: ignore[arg-type]
            pools.get("target"),
            seed=seed,
            progress=progress,
        )
    _give(found, output, as_json)


@app.command()
@_guarded
def convert(
    data: Data,
    output: Annotated[Path, typer.Argument(help="File to write: .jsonl, .json or .parquet.")],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            help="Layout to write: messages, alpaca, sharegpt, prompt_completion, or another "
            "that can be written; or a JSON mapping of its columns to those you want.",
        ),
    ],
    schema: Layout = None,
    encoding: Encoding = "utf-8",
    drop_unheld: Annotated[
        bool,
        typer.Option(
            "--drop-unheld",
            help="Leave out what the layout has no place for, in place of a column _unheld.",
        ),
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
    strict: Strict = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write records in another layout; converted back, they are as they were."""
    from instructdiv.data.convert import check_output, convert

    check_output(output, overwrite=overwrite)  # before the work, not after it
    done = convert(
        data,
        _layout(to),
        schema=_layout(schema),
        strict=strict,
        encoding=encoding,
        drop_unheld=drop_unheld,
    )
    files = done.save(output, overwrite=overwrite)
    if as_json:
        typer.echo(json.dumps(done.to_mapping() | {"files": list(map(str, files))}))
        return
    typer.echo(f"{done}\nwritten to {', '.join(map(str, files))}")


@app.command()
@_guarded
def push(
    folder: Annotated[Path, typer.Argument(help="Folder that the exporter hub_folder wrote.")],
    repository: Annotated[str, typer.Argument(help="Its name on the Hub, as in me/my-mix.")],
    public: Annotated[
        bool, typer.Option("--public", help="Let everyone see it; private if not given.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Push; without it, only what would be pushed is told.")
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Push a mix to the Hub; what would be pushed is shown first."""
    from instructdiv.curation.push import push_to_hub

    done = push_to_hub(folder, repository, private=not public, dry_run=not yes)
    typer.echo(json.dumps(done.to_mapping()) if as_json else done)


@app.command()
@_guarded
def effect(
    results: Annotated[
        Path, typer.Argument(help="Results of your own training runs, in CSV or JSON.")
    ],
    what: Annotated[
        str | None,
        typer.Option("--what", help="emergence, sweet_spot or runs; told by the columns if not."),
    ] = None,
    score: Annotated[
        list[str] | None, typer.Option("--score", help="Column of the score; of runs several.")
    ] = None,
    n_draws: Annotated[int, typer.Option("--n-draws", min=1, help="Bootstrap draws.")] = 1000,
    seed: Seed = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Read off a sweep: from how many instructions on, the best share, gains on controls."""
    from instructdiv.experiments import effect

    found = effect(results, what, columns=score or (), n_draws=n_draws, seed=seed)  # type: ignore[arg-type]
    typer.echo(json.dumps(json.loads(found.to_json())) if as_json else found)


@app.command()
@_guarded
def demo(
    output: Folder,
    budget: Amount = "120",
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Rebalance the demo data that comes with the package: 16 domains, very unequal."""
    from instructdiv.curation.recipe import Recipe
    from instructdiv.data.load import DEMO

    spent = _budget(budget, Unit.records)
    recipe = Recipe(data=(str(DEMO),), group="domain", budget=spent, page=True)
    _run(recipe, output, overwrite=overwrite, as_json=as_json, quiet=quiet)


@app.command()
@_guarded
def run(
    recipe: Annotated[Path, typer.Argument(help="Recipe, in YAML, JSON or TOML.")],
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="key=value in place of the recipe's; dots lead into sections."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder to write, in place of the recipe's."),
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Run a recipe."""
    from instructdiv.curation.recipe import Recipe

    loaded = Recipe.load(recipe, changes or [])
    folder = output or (Path(loaded.output) if loaded.output else None)
    if folder is None:
        raise UsageError("the recipe has no output; give --output")
    _run(loaded, folder, overwrite=overwrite, as_json=as_json, quiet=quiet)


@app.command()
@_guarded
def schema() -> None:
    """Print the JSON Schema of a recipe."""
    from instructdiv.curation.recipe import Recipe

    typer.echo(Recipe.json_schema())


@lab.command("arrangement")
@_guarded
def lab_arrangement(
    tasks: Annotated[
        list[str] | None,
        typer.Option(
            "--tasks",
            help="Labelled tasks in the layout of Super-NaturalInstructions: files, folders, or "
            "a name on the Hub; generated ones if not given.",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Number of seeds.")] = 3,
    full: Annotated[
        bool,
        typer.Option("--full/--quick", help="Also the arms that say little more than others do."),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Folder for results, tables and curves; an interrupted study there goes on.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Begin anew where the folder holds another study.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes that train.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Which records first? Train a small model in many orders, and watch held-out tasks."""
    from instructdiv.lab import ArrangementPlan, arrangement_study

    plan = ArrangementPlan(seeds=seeds, every_arm=full)
    with _progress(quiet) as progress:
        study = arrangement_study(
            plan, tasks, output=output, overwrite=overwrite, workers=workers, progress=progress
        )
    _print_study(study, output, as_json)


@lab.command("rewriting")
@_guarded
def lab_rewriting(
    full: Annotated[
        bool, typer.Option("--full/--quick", help="All studies with every condition, 3 seeds.")
    ] = False,
    paper: Annotated[
        bool, typer.Option("--paper", help="The sizes of the paper, on a graphics card.")
    ] = False,
    studies: Annotated[
        list[str] | None,
        typer.Option(
            "--study",
            help="Only this one: emergence, more_of_the_same, restricted_domains, long_tail or "
            "no_op; it may be given again.",
        ),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option("--seeds", min=1, help="Number of seeds, of all conditions.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Folder for results, tables and curves; an interrupted study there goes on.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Begin anew where the folder holds another study.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes that train.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """How many instructions? Train a small model to rewrite by rules, and try unseen ones."""
    from instructdiv.lab import RewritingPlan, rewriting_study

    if full and paper:
        raise UsageError("--full and --paper are two studies; give one")
    sizes = RewritingPlan.full if full else RewritingPlan.paper if paper else RewritingPlan.quick
    plan = sizes().asking(studies=studies, seeds=seeds)
    with _progress(quiet) as progress:
        study = rewriting_study(
            plan, output=output, overwrite=overwrite, workers=workers, progress=progress
        )
    _print_study(study, output, as_json)


def _print_study(study: "StudyReport", output: Path | None, as_json: bool) -> None:
    if as_json:
        _print_json(study)
        return
    typer.echo(f"{study}\n\n{study.legend}")  # names must not be cut
    if output:
        typer.echo(f"\nwritten to {output}, with curves to open: {output / 'curves.html'}")


def _run(recipe: "Recipe", output: Path, *, overwrite: bool, as_json: bool, quiet: bool) -> None:
    from instructdiv.core.files import check_free
    from instructdiv.curation.curate import curate

    check_free(output, overwrite)  # before the work, not after it
    with _progress(quiet) as progress:
        mix = curate(recipe.with_options(progress=progress))
        if recipe.fail_on_drop and len(found := mix.preflight()) == len(mix.order):
            found.check()  # nothing is left to write
        mix.export(output, overwrite=overwrite)
    _print_mix(mix, output, as_json)
    mix.check()


def _budget(amount: str, unit: Unit, **more: Any) -> Any:
    from instructdiv.budget import Budget
    from instructdiv.errors import BudgetError

    try:
        number = float(amount) if unit is Unit.share else int(amount.replace("_", ""))
    except ValueError:
        whole = "a number above 0, at most 1" if unit is Unit.share else "a whole number above 0"
        raise BudgetError(f"a budget of {unit} is {whole}, got {amount!r}") from None
    return Budget.model_validate({unit.value: number} | {k: v for k, v in more.items() if v})


def _shares(named: list[str] | None, option: str) -> dict[str, float]:
    shares: dict[str, float] = {}
    for one in named or []:
        group, _, share = one.rpartition("=")
        if group in shares:
            raise UsageError(f"{option} is given twice for {group!r}; give it once")
        try:
            shares[group] = float(share)
        except ValueError:
            group = ""
        if not group:
            raise UsageError(f"{option} takes GROUP=SHARE, as in code=0.1, got {one!r}")
    return shares


def _embedder(name: str) -> "Embedder":
    from instructdiv.embedders import Embedder, Precomputed, SentenceTransformer

    if name.lstrip().startswith("{") or name in Embedder.known():
        return Embedder.of(_mapping(name))
    if name.endswith(".npy"):
        return Precomputed(path=name)
    return SentenceTransformer() if name == "minilm" else SentenceTransformer(model=name)


def _mapping(part: str) -> Any:
    if not part.lstrip().startswith("{"):
        return part
    try:
        return json.loads(part)
    except json.JSONDecodeError as error:
        raise UsageError(f"{part!r} is not JSON: {error}") from None


def _layout(schema: str | None) -> Any:
    from instructdiv.schemas import Schema

    return None if schema is None else Schema.of(_mapping(schema))


def _parts(names: str, family: Any) -> list[Any]:
    """Parts of a family between commas; a JSON mapping may hold some of its own."""
    if names.strip() == "all":
        return [family.of(name) for name in family.known()]
    found: list[Any] = []
    rest = names.strip()
    while rest:
        if rest.startswith("{"):
            try:
                part, end = json.JSONDecoder().raw_decode(rest)
            except json.JSONDecodeError as error:
                raise UsageError(f"{rest!r} is not JSON: {error}") from None
            after = rest[end:].lstrip()
            if after[:1] not in ("", ","):
                raise UsageError(
                    f"{family.family}s stand between commas, got {after!r} after a mapping"
                )
            rest = after[1:].lstrip()
        else:
            part, _, rest = (piece.strip() for piece in rest.partition(","))
        found.append(family.of(part))
    return found


def _n_records(pool_size: list[str]) -> int:
    """A number as it is, or how many records there are in files."""
    from instructdiv.data.load import read

    if len(pool_size) == 1 and pool_size[0].replace("_", "").isdecimal():
        return int(pool_size[0].replace("_", ""))
    return len(read(pool_size))


def _core_and_others(
    data: list[str],
    pool: list[str] | None,
    core: str | None,
    group: str | None,
    embedder: "Embedder",
    view: str,
    strict: bool,
    encoding: str,
    progress: "Progress | None",
) -> tuple[Any, Any]:
    """A core and what may come for it: a group of the data and the others, or other files."""
    import numpy as np

    from instructdiv.pool import Pool

    if (core is None) == (pool is None):
        raise UsageError("what may come are the other groups of the data (--core), or --pool files")
    more: Any = {
        "embedder": embedder,
        "view": view,
        "strict": strict,
        "encoding": encoding,
        "progress": progress,
    }
    if core is None:
        named = _by_name(pool or [], "--pool")
        sets = {"": data} | {f"pool {name}": one for name, one in named.items()}
        own: dict[str, Any] = {name: {"group": group if name else None} for name in sets}
        pools = Pool.together(sets, each=own, **more)
        return pools.pop(""), {name: pools[f"pool {name}"] for name in named}
    if group is None:
        raise UsageError("--core is a group of the data; name the column of the groups by --group")
    whole = Pool.of(data, group=group, **more)
    assert whole.groups is not None  # noqa: S101
    known = np.unique(whole.groups).tolist()
    if core not in known:
        shown = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
        raise UsageError(f"no group is named {core!r}; known: {shown}")
    is_core = whole.groups == core
    if is_core.all():
        raise UsageError(f"all records are of {core!r}; nothing else may come")
    return whole.take(np.flatnonzero(is_core)), whole.take(np.flatnonzero(~is_core))


def _by_name(given: list[str], option: str) -> dict[str, str]:
    """Files by name, each given as NAME=FILE, or a file that is its own name."""
    named: dict[str, str] = {}
    for one in given:
        name, equals, path = one.partition("=")
        if not equals or Path(one).exists():
            name, path = one, one
        if not name or not path:
            raise UsageError(f"{option} takes NAME=FILE or a file, got {one!r}")
        if name in named:
            raise UsageError(f"{option} has the name {name!r} twice; give each another")
        named[name] = path
    return named


def _give(document: "Result", output: Path | None, as_json: bool) -> None:
    """Write a document if a file is named, and print it."""
    if output:
        document.save(output)
    if as_json:
        _print_json(document)
        return
    tables = {
        title: replace(table, rows=table.rows[:_SHOWN_ROWS])
        for title, table in document.tables().items()
    }
    _print_tables(document.headline, tables)


def _check_path(output: Path | None, called: str, *endings: str) -> None:
    if output is None:
        return
    if output.suffix.lower() not in endings:
        *most, last = endings
        forms = f"{', '.join(most)} or {last}"
        raise UsageError(f"a {called} is written as {forms}, not as {str(output)!r}")
    if output.is_dir():
        raise OutputError(f"{output} is a folder; give a file")
    above = next(parent for parent in output.absolute().parents if parent.exists())
    if not above.is_dir():
        raise OutputError(f"cannot write {output}: {above} is a file")


@contextmanager
def _progress(quiet: bool) -> "Iterator[Progress | None]":
    """One bar on a terminal, else a line every ten seconds, all on stderr."""
    if quiet:
        yield None
        return
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines()
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description:>8}"), BarColumn(), MofNCompleteColumn())
    with Bar(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task("read", total=None)
        yield lambda stage, done, total: bar.update(
            task, description=stage, completed=done, total=total
        )


def _lines() -> "Progress":
    last_stage, last_time = "", 0.0

    def progress(stage: str, done: int, total: int) -> None:
        nonlocal last_stage, last_time
        now = time.monotonic()
        if stage != last_stage or (done < total and now - last_time >= 10):
            typer.echo(f"{stage} {done:,}/{total:,}" if total > 1 else stage, err=True)
            last_stage, last_time = stage, now

    return progress


def _print_mix(mix: "Mix", output: Path, as_json: bool) -> None:
    if as_json:
        found = {"output": str(output), "summary": json.loads(mix.summary.to_json())}
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    if mix.arrangement is not None and len(mix.selection) == len(mix.pool):
        turns = f"{len(mix.arrangement.turn_sizes):,} turns"
        typer.echo(f"{len(mix.pool):,} records in {turns} by {mix.arrangement.arranger['name']}")
        if mix.summary.target is not None:
            typer.echo(mix.summary.target.leaks)
    else:
        _print_summary(mix.summary, as_json=False)
    if mix.selection.change:
        typer.echo(f"\nagainst the earlier mix: {mix.selection.change}")
    page = f", with a page to open: {output / 'report.html'}" if mix.recipe.page else ""
    left = mix.preflight().reasons
    kept = {name: len(split) - len(left[name]) for name, split in mix.splits.items()}
    n_eval = f", {kept['eval']:,} to evaluate on" if "eval" in kept else ""
    as_chosen = kept["train"] == len(mix.selection)
    rows = "" if as_chosen else f": {kept['train']:,} rows to train on{n_eval}"
    typer.echo(f"\nwritten to {output}{rows}{page}")


def _print_summary(summary: "Summary", as_json: bool) -> None:
    if as_json:
        _print_json(summary)
        return
    _print_tables(summary.headline, summary.main_tables())
    for notice in summary.notices:
        typer.echo(f"note: {notice}")


def _print_json(document: "Result") -> None:
    typer.echo(json.dumps(json.loads(document.to_json()), ensure_ascii=False))


def _print_difference(difference: "Difference", as_json: bool) -> None:
    if as_json:
        _print_json(difference)
        return
    _print_tables(difference.headline, difference.tables())


def _print_tables(headline: str, tables: "dict[str, Table]") -> None:
    from rich.console import Console
    from rich.table import Table as Drawn
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else 110)
    console.print(Text(headline))
    for title, table in tables.items():
        if not table.rows:
            continue
        drawn = Drawn(title=Text(title), title_justify="left")
        for name, numeric in zip(table.columns, table.numeric, strict=True):
            drawn.add_column(name, justify="right" if numeric else "left")
        for row in table.texts:
            drawn.add_row(*map(Text, row))
        console.print(drawn)


def _print_comparison(comparison: "Comparison", as_json: bool) -> None:
    if as_json:
        _print_json(comparison)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(Text(comparison.headline))
    for budget, content in comparison.main_tables().items():
        # What could not run is said below the tables.
        shown = len(content.columns) - ("note" in content.columns)
        table = Table(title=Text(budget), title_justify="left")
        for name in content.columns[:shown]:
            table.add_column(Text(name), no_wrap=name == "selector", overflow="fold")
        for row in content.texts:
            table.add_row(*map(Text, row[:shown]))
        console.print(table)
    failed = {row.selector: row.error for row in comparison.rows if row.error}
    for selector, error in failed.items():
        console.print(Text(f"{selector} could not run: {error}"))


def main() -> None:
    """Entry point of the ``instructdiv`` command."""
    app()
