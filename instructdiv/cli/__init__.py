"""The command line: one thin function a command.

Results go to stdout, progress and log to stderr. Exit codes: 0 done, 1 failed, 2 bad usage,
recipe or input, 3 a gate failed, 130 interrupted.
"""

import functools
import logging
import sys
from collections.abc import Callable
from typing import Annotated, Any, ParamSpec, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from instructdiv.cli import curate, data, experiments, lab, report
from instructdiv.cli._options import RUN
from instructdiv.errors import InstructdivError

P = ParamSpec("P")
R = TypeVar("R")

COMMANDS: dict[str, tuple[Callable[..., None], ...]] = {
    "See what data covers": (
        report.report,
        report.diff,
        report.compare,
        report.profile,
        report.leaks,
        report.advise,
    ),
    "Choose and write records": (
        curate.select,
        curate.rebalance,
        curate.arrange,
        curate.diversify,
        curate.run,
        curate.plan,
        curate.demo,
    ),
    "Convert, look up, publish": (data.convert, data.list_, data.schema, curate.push),
    "Train and learn from it": (experiments.effect,),
}
"""The commands by the panel of ``instructdiv --help`` that they stand in."""

HELP = {"help_option_names": ["--help", "-h"]}


class _Command(TyperCommand):
    """A command whose --help stands in the panel of the other switches of a run."""

    def get_help_option(self, ctx: Any) -> Any:
        option: Any = super().get_help_option(ctx)
        option.metavar, option.rich_help_panel = "", RUN
        return option


class _Group(TyperGroup):
    """Commands whose --help is shown as a switch."""

    def get_help_option(self, ctx: Any) -> Any:
        option: Any = super().get_help_option(ctx)
        option.metavar = ""
        return option


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


def _version(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_show_version,
            is_eager=True,
            metavar="",
            help="Print the version.",
        ),
    ] = False,
) -> None:
    pass


def _app() -> typer.Typer:
    app = typer.Typer(
        help="What instruction data covers, and which records to train on under a budget.",
        cls=_Group,
        context_settings=HELP,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_version)
    for panel, commands in COMMANDS.items():
        for command in commands:
            _add(command, app, panel)
    studies = typer.Typer(
        help="Repeat published studies with a small model.",
        cls=_Group,
        context_settings=HELP,
        no_args_is_help=True,
    )
    for study in (lab.arrangement, lab.rewriting):
        _add(study, studies)
    app.add_typer(studies, name="lab", rich_help_panel=panel)
    return app


def _add(command: Callable[..., None], app: typer.Typer, panel: str | None = None) -> None:
    name = command.__name__.strip("_")
    register = app.command(name, cls=_Command, context_settings=HELP, rich_help_panel=panel)
    register(_guarded(command))


app = _app()


def main() -> None:
    """Entry point of the ``instructdiv`` command."""
    app()
