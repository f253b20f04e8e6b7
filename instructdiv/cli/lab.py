"""Commands that repeat published studies with a small model."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from instructdiv.cli._options import CHOICE, INPUT, OUTPUT, RUN, option, options
from instructdiv.cli._printing import Printer
from instructdiv.errors import UsageError

if TYPE_CHECKING:
    from instructdiv.lab.study_report import StudyReport

StudyFolder = Annotated[
    Path | None,
    option(
        "--output",
        "-o",
        panel=OUTPUT,
        metavar="FOLDER",
        help="Folder for results, tables and curves; an interrupted study there is resumed.",
    ),
]
Anew = Annotated[
    bool,
    option("--overwrite", panel=OUTPUT, help="Begin anew where the folder holds another study."),
]
Workers = Annotated[
    int | None, option("--workers", panel=RUN, min=1, help="Number of processes that train.")
]


@options()
def arrangement(
    printer: Printer,
    tasks: Annotated[
        list[str] | None,
        option(
            "--tasks",
            panel=INPUT,
            metavar="DATA",
            help="Labelled tasks in the layout of Super-NaturalInstructions: files, folders, or "
            "a name on the Hub; generated ones if not given.",
        ),
    ] = None,
    seeds: Annotated[int, option("--seeds", panel=CHOICE, min=1, help="Number of seeds.")] = 3,
    full: Annotated[
        bool,
        option(
            "--full/--quick",
            panel=CHOICE,
            help="Every arm, also those that add little.",
        ),
    ] = False,
    output: StudyFolder = None,
    overwrite: Anew = False,
    workers: Workers = None,
) -> None:
    """Train a small model on many orders of the records and score it on held-out tasks."""
    from instructdiv.lab import ArrangementPlan, arrangement_study

    plan = ArrangementPlan(seeds=seeds, every_arm=full)
    with printer.progress() as progress:
        study = arrangement_study(
            plan, tasks, output=output, overwrite=overwrite, workers=workers, progress=progress
        )
    _print(study, output, printer)


@options()
def rewriting(
    printer: Printer,
    full: Annotated[
        bool,
        option(
            "--full/--quick", panel=CHOICE, help="All studies with every condition, with 3 seeds."
        ),
    ] = False,
    paper: Annotated[
        bool, option("--paper", panel=CHOICE, help="The sizes of the paper, on a graphics card.")
    ] = False,
    studies: Annotated[
        list[str] | None,
        option(
            "--study",
            panel=CHOICE,
            metavar="NAME",
            help="Only this study: emergence, more_of_the_same, restricted_domains, long_tail or "
            "no_op. May be given several times.",
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        option("--seeds", panel=CHOICE, min=1, help="Number of seeds of every condition."),
    ] = None,
    output: StudyFolder = None,
    overwrite: Anew = False,
    workers: Workers = None,
) -> None:
    """Train a small model on rewriting rules: how many it needs to follow unseen ones."""
    from instructdiv.lab import RewritingPlan, rewriting_study

    if full and paper:
        raise UsageError("--full and --paper are two studies; give one")
    sizes = RewritingPlan.full if full else RewritingPlan.paper if paper else RewritingPlan.quick
    plan = sizes().asking(studies=studies, seeds=seeds)
    with printer.progress() as progress:
        study = rewriting_study(
            plan, output=output, overwrite=overwrite, workers=workers, progress=progress
        )
    _print(study, output, printer)


def _print(study: "StudyReport", output: Path | None, printer: Printer) -> None:
    printer.json(json.loads(study.to_json()))
    printer.text(f"{study}\n\n{study.legend}")  # names must not be cut
    if output:
        printer.text(f"\nwritten to {output}, with curves to open: {output / 'curves.html'}")
