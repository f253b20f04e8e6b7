"""Commands that choose records and write a mix."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from instructdiv.cli._options import (
    CHOICE,
    INPUT,
    OUTPUT,
    READING,
    WRITING,
    Amount,
    Folder,
    InUnit,
    Keys,
    Overwrite,
    Unit,
    option,
    options,
)
from instructdiv.cli._parsing import budget_of, files_by_name, number_of_records
from instructdiv.cli._printing import Printer
from instructdiv.errors import UsageError

if TYPE_CHECKING:
    from instructdiv.curation.recipe import Recipe

TARGET = ("target", "target_group")
LIMITED = ("floors", "caps", "group_by", "tokenizer", "min_coverage")


@options(
    *("data", "budget", "selector", "keep", "stability", *READING, "allow_license", *TARGET),
    *(*LIMITED, "arranger", *WRITING, "n_draws"),
    first=("budget", "output", "group", "selector"),
)
def select(keys: Keys, output: Folder, printer: Printer, overwrite: Overwrite = False) -> None:
    """Choose records under a budget and write the mix."""
    from instructdiv.curation.recipe import Recipe

    _curate(Recipe.model_validate(keys), output, overwrite, printer)


@options(
    *("data", "budget", *READING, "allow_license", *TARGET, "min_coverage", *WRITING, "n_draws"),
    first=("budget", "output", "group"),
)
def rebalance(keys: Keys, output: Folder, printer: Printer, overwrite: Overwrite = False) -> None:
    """Choose records with the default selector and write the mix: `select` with fewer options."""
    from instructdiv.curation.recipe import Recipe

    _curate(Recipe.model_validate(keys), output, overwrite, printer)


@options(
    *("data", "arranger", *READING, "allow_license", *TARGET, *WRITING),
    required=("arranger",),
    first=("arranger", "output", "target", "trainer"),
)
def arrange(keys: Keys, output: Folder, printer: Printer, overwrite: Overwrite = False) -> None:
    """Order all records for training, and write them."""
    from instructdiv.curation.recipe import Recipe

    everything = {"budget": {"share": 1.0}, "selector": "random", "n_draws": 1}
    _curate(Recipe.model_validate(keys | everything), output, overwrite, printer)


@options()
def run(
    recipe: Annotated[
        Path, typer.Argument(help="File of the recipe, in YAML, JSON or TOML.", metavar="RECIPE")
    ],
    printer: Printer,
    changes: Annotated[
        list[str] | None,
        option(
            "--set",
            panel=CHOICE,
            metavar="KEY=VALUE",
            help="Change a key of the recipe, as in --set budget.records=500. May be given "
            "several times.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        option(
            "--output",
            "-o",
            panel=OUTPUT,
            metavar="FOLDER",
            help="Folder to write, in place of the recipe's.",
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Run a recipe: a file that says what to read, how to choose and what to write."""
    from instructdiv.curation.recipe import Recipe

    loaded = Recipe.load(recipe, changes or [])
    folder = output or (Path(loaded.output) if loaded.output else None)
    if folder is None:
        raise UsageError("the recipe has no output; give --output")
    _curate(loaded, folder, overwrite, printer)


@options()
def demo(
    output: Folder,
    printer: Printer,
    budget: Amount = "120",
    unit: InUnit = Unit.records,
    overwrite: Overwrite = False,
) -> None:
    """Rebalance the demo data of the package: 16 domains of very unequal size."""
    from instructdiv.curation.recipe import Recipe
    from instructdiv.data.load import DEMO

    spent = budget_of(budget, unit)
    recipe = Recipe(data=(str(DEMO),), group="domain", budget=spent, page=True)
    _curate(recipe, output, overwrite, printer)


@options(
    "budget",
    "selector",
    *READING,
    "target",
    "arranger",
    "n_draws",
    "page",
    first=("budget", "selector", "embedder"),
)
def plan(
    data: Annotated[
        list[str],
        typer.Argument(
            help="Files, folders, or a name on the Hub; or a number of records.", metavar="DATA"
        ),
    ],
    keys: Keys,
    printer: Printer,
    n_dimensions: Annotated[
        int | None,
        option(
            "--n-dimensions",
            panel=INPUT,
            min=1,
            help="With a number of records that are embedded already: dimensions of their vectors.",
        ),
    ] = None,
) -> None:
    """Estimate time and memory of a run on this machine, from small trial runs."""
    from instructdiv.curation.plan import plan

    budget, n_records = keys.pop("budget"), number_of_records(data)
    found = plan(
        data if n_records is None else n_records, budget, n_dimensions=n_dimensions, **keys
    )
    printer.result(found)


@options(*READING, "radius", "exporter", first=("pool", "core", "group", "budget", "output"))
def diversify(
    data: Annotated[
        list[str],
        typer.Argument(
            help="The core; with --core, all records: files, folders, or a Hub name.",
            metavar="DATA",
        ),
    ],
    keys: Keys,
    printer: Printer,
    pool: Annotated[
        list[str] | None,
        option(
            "--pool",
            panel=INPUT,
            metavar="NAME=FILE",
            help="Data set that may be added, as NAME=FILE or a file. May be given several times.",
        ),
    ] = None,
    core: Annotated[
        str | None,
        option(
            "--core",
            panel=INPUT,
            metavar="GROUP",
            help="Group of the data that is the core; records of all other groups may be added.",
        ),
    ] = None,
    budget: Annotated[
        int | None,
        option(
            "--budget",
            "-b",
            panel=CHOICE,
            min=1,
            help="Number of records of the mix; that of the core if not given.",
        ),
    ] = None,
    beyond_share: Annotated[
        float,
        option(
            "--beyond-share",
            panel=CHOICE,
            min=0,
            max=1,
            help="Share of the mix that is not from the core.",
        ),
    ] = 0.1,
    balance: Annotated[
        float,
        option(
            "--balance",
            panel=CHOICE,
            min=0,
            max=1,
            help="1: equally many records of each added domain; 0: in proportion to its size.",
        ),
    ] = 1.0,
    grid: Annotated[
        bool,
        option(
            "--grid",
            panel=CHOICE,
            help="Write mixes with 0, 5, ..., 25 % beyond the core, and a script that trains on "
            "each.",
        ),
    ] = False,
    output: Annotated[
        Path | None,
        option(
            "--output",
            "-o",
            panel=OUTPUT,
            metavar="FOLDER",
            help="Folder to write; only the plan is printed if not given.",
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Replace redundant records of a core by domains that it lacks, at the same size."""
    from instructdiv.core.files import check_free
    from instructdiv.curation.diversify import diversify
    from instructdiv.experiments import share_grid
    from instructdiv.exporters import Exporter

    if output:
        check_free(output, overwrite)
    exporter = Exporter.of(keys.pop("exporter", "jsonl"))
    parameters: dict[str, Any] = {"balance": balance, "seed": keys.get("seed", 0)}
    parameters["radius"] = keys.pop("radius", 0.3)
    with printer.progress() as progress:
        kept, others = _core_and_others(data, pool, core, keys, progress)
        if grid:
            sweep = share_grid(kept, others, budget, progress=progress, **parameters)
            found: dict[str, Any] = {"plan": sweep.plan}
            if output:
                sweep.export(output, exporter=exporter, overwrite=overwrite)
        else:
            done = diversify(kept, others, budget, beyond_share, progress=progress, **parameters)
            found = {"plan": done.plan, "before": done.before, "after": done.after}
            if output:
                done.export(output, exporter, overwrite=overwrite)
    if printer.as_json:
        told = {name: json.loads(one.to_json()) for name, one in found.items()}
        printer.json(told | {"output": output and str(output)})
        return
    printer.result(found.pop("plan"))
    for name, profile in found.items():
        printer.text(f"{name}: {profile.headline}")
    printer.text(f"\nwritten to {output}" if output else "\nnothing is written; give --output")


@options()
def push(
    folder: Annotated[
        Path,
        typer.Argument(help="Folder that the exporter hub_folder wrote.", metavar="FOLDER"),
    ],
    repository: Annotated[
        str, typer.Argument(help="Its name on the Hub, as in me/my-mix.", metavar="NAME")
    ],
    printer: Printer,
    public: Annotated[
        bool,
        option("--public", panel=OUTPUT, help="Let everyone see it; private if not given."),
    ] = False,
    yes: Annotated[
        bool,
        option("--yes", panel=OUTPUT, help="Push; without it, only show what would be pushed."),
    ] = False,
) -> None:
    """Push a mix to the Hub; without --yes, show what would be pushed."""
    from instructdiv.curation.push import push_to_hub, would_push

    act = push_to_hub if yes else would_push
    done = act(folder, repository, private=not public)
    printer.json(done.to_mapping())
    printer.text(done)


def _curate(recipe: "Recipe", output: Path, overwrite: bool, printer: Printer) -> None:
    from instructdiv.core.files import check_free
    from instructdiv.curation.curate import curate

    check_free(output, overwrite)  # before the work, not after it
    with printer.progress() as progress:
        mix = curate(recipe.with_options(progress=progress))
        if recipe.fail_on_drop and len(found := mix.preflight()) == len(mix.order):
            found.check()  # nothing is left to write
        mix.export(output, overwrite=overwrite)
    printer.mix(mix, output)
    mix.check()


def _core_and_others(
    data: list[str], pool: list[str] | None, core: str | None, keys: Keys, progress: Any
) -> tuple[Any, Any]:
    """The core and the candidates: a group of the data and the others, or other files."""
    from instructdiv.curation.diversify import split_core
    from instructdiv.pool import Pool

    if (core is None) == (pool is None):
        raise UsageError("give what may be added: --pool files, or the other groups with --core")
    if core is not None:
        if "group" not in keys:
            raise UsageError("--core is a group of the data; name the column with --group")
        return split_core(Pool.of(data, progress=progress, **keys), core)
    named = files_by_name(pool or [], "--pool")
    sets = {"": data} | {f"pool {name}": one for name, one in named.items()}
    group = keys.pop("group", None)
    own: dict[str, Any] = {name: {"group": group if name else None} for name in sets}
    pools = Pool.together(sets, each=own, progress=progress, **keys)
    return pools.pop(""), {name: pools[f"pool {name}"] for name in named}
