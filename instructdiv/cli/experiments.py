"""Commands about training runs."""

from pathlib import Path
from typing import Annotated

import typer

from instructdiv.cli._options import CHOICE, INPUT, RUN, option, options
from instructdiv.cli._printing import Printer


@options("seed")
def effect(
    results: Annotated[
        Path,
        typer.Argument(help="Results of your own training runs, in CSV or JSON.", metavar="FILE"),
    ],
    seed: int,
    printer: Printer,
    what: Annotated[
        str | None,
        option(
            "--what",
            panel=CHOICE,
            metavar="NAME",
            help="emergence, sweet_spot or runs; recognized by the columns if not given.",
        ),
    ] = None,
    score: Annotated[
        list[str] | None,
        option(
            "--score",
            panel=INPUT,
            metavar="COLUMN",
            help="Column of the score. May be given several times for runs.",
        ),
    ] = None,
    n_draws: Annotated[
        int, option("--n-draws", panel=RUN, min=1, help="Number of bootstrap draws.")
    ] = 1000,
) -> None:
    """Analyze your training runs: instructions needed, best share, gains over controls."""
    from instructdiv.experiments import effect

    found = effect(results, what, columns=score or (), n_draws=n_draws, seed=seed)  # type: ignore[arg-type]
    printer.result(found)
