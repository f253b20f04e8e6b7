"""Commands that measure data and print what they find."""

from pathlib import Path
from typing import Annotated, Any

import typer

from instructdiv.cli._options import (
    CHOICE,
    INPUT,
    LIMITS,
    OUTPUT,
    READING,
    TARGET,
    InUnit,
    Keys,
    Overwrite,
    Report,
    Similarity,
    Unit,
    option,
    options,
)
from instructdiv.cli._parsing import budget_of, check_file, files_by_name, of_data, parts_of
from instructdiv.cli._printing import Printer
from instructdiv.errors import GateFailed, UsageError

BESIDE = ("target", "target_group")


@options(
    *("data", *READING, "target", "target_group", "radius", "n_draws"),
    first=("group", "selection", "target", "output"),
)
def report(
    data: list[str],
    keys: Keys,
    target: list[str] | None,
    target_group: str | None,
    radius: float,
    n_draws: int,
    printer: Printer,
    selection: Annotated[
        Path | None,
        option(
            "--selection",
            panel=INPUT,
            metavar="FOLDER",
            help="Folder of a mix of this data, or a saved selection, to measure.",
        ),
    ] = None,
    reference: Annotated[
        list[str] | None,
        option(
            "--reference",
            panel=TARGET,
            metavar="DATA",
            help="Data set of all domains that could be covered: those that the data lacks are "
            "reported. "
            "May be given several times.",
        ),
    ] = None,
    reference_group: Annotated[
        str | None,
        option(
            "--reference-group",
            panel=TARGET,
            metavar="COLUMN",
            help="Column of the domains of a reference; the column of --group, or else "
            "clusters, if not given.",
        ),
    ] = None,
    metrics: Annotated[
        str | None,
        option(
            "--metrics",
            panel=CHOICE,
            metavar="NAMES",
            help="Metrics, separated by commas: names or JSON mappings; or all, without those of "
            "groups where there are no groups. Names: instructdiv list metrics.",
        ),
    ] = None,
    similarity_threshold: Similarity = 0.95,
    output: Annotated[
        Path | None,
        option(
            "--output",
            "-o",
            panel=OUTPUT,
            metavar="FILE",
            help="File to write: .html for a page, .md or .json.",
        ),
    ] = None,
    projection: Annotated[
        str,
        option(
            "--map",
            panel=OUTPUT,
            metavar="NAME",
            help="Projection of the map on the page: pacmap, pca, or auto (pacmap if installed).",
        ),
    ] = "auto",
    atlas: Annotated[
        Path | None,
        option(
            "--atlas",
            panel=OUTPUT,
            metavar="FOLDER",
            help="Folder to write for embedding-atlas, a tool to explore embeddings.",
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Measure what data covers and, with --selection, what the selection keeps of it."""
    from instructdiv.core.files import check_free
    from instructdiv.curation.manifest import selection_of
    from instructdiv.metrics import Metric
    from instructdiv.pool import Pool
    from instructdiv.report import coverage
    from instructdiv.report.rendering.projection import check_projection

    check_file(output, "report", ".html", ".md", ".json")
    check_projection(projection)
    measures = None if metrics is None else parts_of(metrics, Metric)
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
    own: dict[str, Any] = {name: {} for name in inventories}
    if "group" in keys:
        own["data"] = {"group": keys["group"]}
    if target and target_group:
        own["target"] = {"group": target_group}
    if reference_group:
        own |= {name: {"group": reference_group} for name in inventories}
    sets = {"data": data} | ({"target": target} if target else {}) | inventories
    with printer.progress() as progress:
        pools = Pool.together(sets, each=own, progress=progress, **keys)
        pool = pools["data"]
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
            seed=keys.get("seed", 0),
        )
        if output:
            summary.save(output, projection=projection)  # type: ignore[arg-type]
        if atlas:
            command = summary.save_atlas(atlas, projection=projection, overwrite=overwrite)  # type: ignore[arg-type]
            printer.note(f"to explore: {command}")
    printer.summary(summary)


@options(*READING, "radius", first=("group", "min_coverage", "output"))
def diff(
    a: Annotated[
        str, typer.Argument(help="A file, a folder, a mix, or a name on the Hub.", metavar="A")
    ],
    b: Annotated[str, typer.Argument(help="The data set to compare it with.", metavar="B")],
    keys: Keys,
    radius: float,
    printer: Printer,
    min_coverage: Annotated[
        float | None,
        option(
            "--min-coverage",
            panel=LIMITS,
            min=-1,
            max=1,
            help="Fail with exit code 3 if the mean similarity of a record of A to the nearest "
            "one of B is lower.",
        ),
    ] = None,
    output: Report = None,
) -> None:
    """Compare two data sets: what A covers that B lacks, and the reverse."""
    from instructdiv.report import diff

    check_file(output, "difference", ".md", ".json")
    with printer.progress() as progress:
        found = diff(a, b, (a, b), radius=radius, progress=progress, **keys)
    printer.result(found, output)
    found.check(min_coverage)


@options(
    *("data", *READING, "target", "target_group", "n_draws"),
    first=("selectors", "budgets", "unit", "group", "target"),
)
def compare(
    data: list[str],
    keys: Keys,
    target: list[str] | None,
    target_group: str | None,
    n_draws: int,
    printer: Printer,
    selectors: Annotated[
        str,
        option(
            "--selectors",
            panel=CHOICE,
            metavar="NAMES",
            help="Selectors, separated by commas: names or JSON mappings; or all, without those "
            "that need a target where there is none. Names: instructdiv list selectors.",
        ),
    ],
    budgets: Annotated[
        str,
        option(
            "--budgets",
            panel=CHOICE,
            metavar="NUMBERS",
            help="Numbers of records to choose, separated by commas; tokens or shares with --unit.",
        ),
    ],
    unit: InUnit = Unit.records,
    labels: Annotated[
        str | None,
        option(
            "--labels",
            panel=CHOICE,
            metavar="COLUMN",
            help="Column whose values the chosen records should cover; --group if not given.",
        ),
    ] = None,
    output: Report = None,
) -> None:
    """Compare selectors at several budgets with each other and with random draws."""
    from instructdiv.pool import Pool
    from instructdiv.report import compare
    from instructdiv.selectors import Selector

    check_file(output, "comparison", ".md", ".json")
    chosen = parts_of(selectors, Selector)
    spent = [budget_of(amount.strip(), unit) for amount in budgets.split(",")]
    sets = {"data": data} | ({"target": target} if target else {})
    own = {"data": of_data(keys)}
    own["data"]["group"] = keys.get("group")
    if target and target_group:
        own["target"] = {"group": target_group}
    with printer.progress() as progress:
        pools = Pool.together(sets, each=own, progress=progress, **keys)
        comparison = compare(
            pools["data"],
            chosen,
            spent,
            pools.get("target"),
            labels=labels,
            n_draws=n_draws,
            seed=keys.get("seed", 0),
            progress=progress,
        )
    printer.comparison(comparison, output)
    if all(row.error for row in comparison.rows):
        raise UsageError(f"no selector could run; the first: {comparison.rows[0].error}")


@options("data", *READING, first=("target", "similarity_threshold", "most", "output"))
def leaks(
    data: list[str],
    keys: Keys,
    printer: Printer,
    target: Annotated[
        list[str],
        option(
            "--target",
            panel=TARGET,
            metavar="DATA",
            help="Data that the model will be evaluated on: files, folders, or names on the Hub. "
            "May be given several times.",
        ),
    ],
    similarity_threshold: Similarity = 0.95,
    most: Annotated[
        int | None,
        option("--most", panel=LIMITS, min=0, help="Fail with exit code 3 if more records leak."),
    ] = None,
    output: Annotated[
        Path | None,
        option(
            "--output",
            "-o",
            panel=OUTPUT,
            metavar="FILE",
            help="File of all pairs to write, .json.",
        ),
    ] = None,
) -> None:
    """Find records that also occur in a target, such as a benchmark (contamination)."""
    from instructdiv.report.leakage import leak_check

    check_file(output, "list of leaks", ".json")
    with printer.progress() as progress:
        found = leak_check(
            data, target, similarity_threshold=similarity_threshold, progress=progress, **keys
        )
    printer.result(found, output)
    if most is not None and len(found) > most:
        raise GateFailed(f"{len(found):,} records of the data leak, more than {most:,}")


@options("data", *READING, first=("group", "similarity_threshold", "output"))
def profile(
    data: list[str],
    keys: Keys,
    printer: Printer,
    similarity_threshold: Similarity = 0.95,
    output: Report = None,
) -> None:
    """Count distinct instructions, and how records spread over instructions and domains."""
    from instructdiv.report import instruction_profile

    check_file(output, "profile", ".md", ".json")
    with printer.progress() as progress:
        found = instruction_profile(
            data, similarity_threshold=similarity_threshold, progress=progress, **keys
        )
    printer.result(found, output)


@options("data", *READING, "target", first=("candidate", "add", "mode", "target", "output"))
def advise(
    data: list[str],
    keys: Keys,
    target: list[str] | None,
    printer: Printer,
    candidate: Annotated[
        list[str],
        option(
            "--candidate",
            panel=CHOICE,
            metavar="NAME=FILE",
            help="Data set that may be added, as NAME=FILE or a file. May be given several times.",
        ),
    ],
    add: Annotated[
        int, option("--add", panel=CHOICE, min=1, help="Number of records to add.")
    ] = 10_000,
    mode: Annotated[
        str,
        option(
            "--mode",
            panel=CHOICE,
            metavar="NAME",
            help="specialist: a model for what the data is about; generalist: one for everything.",
        ),
    ] = "generalist",
    output: Report = None,
) -> None:
    """Advise which data to add next: what each candidate covers that the data lacks."""
    from instructdiv.pool import Pool
    from instructdiv.report import advise

    check_file(output, "advice", ".md", ".json")
    named = files_by_name(candidate, "--candidate")
    group = keys.pop("group", None)
    if group and len(named) > 1:
        raise UsageError("--group divides a single candidate; give one, or no --group")
    # Anything may be the name of a candidate.
    candidates = {f"candidate {name}": one for name, one in named.items()}
    own: dict[str, Any] = {name: {"group": group} for name in candidates}
    sets = {"data": data} | candidates | ({"target": target} if target else {})
    with printer.progress() as progress:
        pools = Pool.together(sets, each=own, progress=progress, **keys)
        found = advise(
            pools["data"],
            pools[next(iter(candidates))] if group else {n: pools[f"candidate {n}"] for n in named},
            add,
            mode,  # type: ignore[arg-type]
            pools.get("target"),
            seed=keys.get("seed", 0),
            progress=progress,
        )
    printer.result(found, output)
