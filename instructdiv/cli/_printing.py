"""What commands print: results on stdout, progress and notes on stderr."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from instructdiv.curation.mix import Mix
    from instructdiv.embedders import Progress
    from instructdiv.report import Comparison, Summary
    from instructdiv.results import Table

_SHOWN_ROWS = 20


@dataclass(frozen=True)
class Printer:
    """Prints what a command found, as it was asked to: for people, as JSON, or not at all."""

    as_json: bool
    """Print one JSON object and nothing else."""

    quiet: bool
    """Print nothing that --json does not ask for; errors are not printed here."""

    @contextmanager
    def progress(self) -> "Iterator[Progress | None]":
        """One bar on a terminal, else a line every ten seconds, all on stderr."""
        if self.quiet:
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

    def note(self, text: str) -> None:
        """A line on stderr, beside the result."""
        if not self.quiet:
            typer.echo(text, err=True)

    def text(self, text: object) -> None:
        """Lines for people, on stdout."""
        if not (self.quiet or self.as_json):
            typer.echo(text)

    def json(self, found: dict[str, Any]) -> None:
        """One JSON object on one line, if --json asks for it."""
        if self.as_json:
            typer.echo(json.dumps(found, ensure_ascii=False))

    def result(self, result: Any, output: Path | None = None) -> None:
        """What a verb found: its tables for people, all of it as JSON, or into a file."""
        if output:
            result.save(output)
        self.json(json.loads(result.to_json()))
        if self.quiet or self.as_json:
            return
        if hasattr(result, "main_tables"):
            _print_tables(result.headline, result.main_tables())
        else:
            typer.echo(result)

    def rows(self, title: str, rows: list[dict[str, Any]]) -> None:
        """A table of mappings with the same keys."""
        if self.quiet or self.as_json:
            return
        from rich.console import Console
        from rich.table import Table as Drawn

        drawn = Drawn(title=title, title_justify="left")
        for head in rows[0]:
            drawn.add_column(head, no_wrap=head == "name")
        shown = {True: "yes", False: "no"}
        for row in rows:
            drawn.add_row(*(shown.get(cell, cell) for cell in row.values()))
        Console(width=None if sys.stdout.isatty() else 110).print(drawn)

    def summary(self, summary: "Summary") -> None:
        """What data covers, and what a selection keeps of it."""
        self.result(summary)
        for notice in summary.notices:
            self.text(f"note: {notice}")

    def mix(self, mix: "Mix", output: Path) -> None:
        """What a mix holds, and where it was written."""
        if self.as_json:
            self.json({"output": str(output), "summary": json.loads(mix.summary.to_json())})
            return
        if mix.arrangement is not None and len(mix.selection) == len(mix.pool):
            turns = f"{len(mix.arrangement.turn_sizes):,} turns"
            self.text(f"{len(mix.pool):,} records in {turns} by {mix.arrangement.arranger['name']}")
            if mix.summary.target is not None:
                self.text(mix.summary.target.leaks)
        else:
            self.summary(mix.summary)
        if mix.selection.change:
            self.text(f"\nagainst the earlier mix: {mix.selection.change}")
        page = f", with a page to open: {output / 'report.html'}" if mix.recipe.page else ""
        left = mix.preflight().reasons
        kept = {name: len(split) - len(left[name]) for name, split in mix.splits.items()}
        n_eval = f", {kept['eval']:,} to evaluate on" if "eval" in kept else ""
        as_chosen = kept["train"] == len(mix.selection)
        rows = "" if as_chosen else f": {kept['train']:,} rows to train on{n_eval}"
        self.text(f"\nwritten to {output}{rows}{page}")

    def comparison(self, comparison: "Comparison", output: Path | None) -> None:
        """Selectors at each budget, and why one could not run."""
        if output:
            comparison.save(output)
        self.json(json.loads(comparison.to_json()))
        if not (self.quiet or self.as_json):
            _print_comparison(comparison)


def _lines() -> "Progress":
    last_stage, last_time = "", 0.0

    def progress(stage: str, done: int, total: int) -> None:
        nonlocal last_stage, last_time
        now = time.monotonic()
        if stage != last_stage or (done < total and now - last_time >= 10):
            typer.echo(f"{stage} {done:,}/{total:,}" if total > 1 else stage, err=True)
            last_stage, last_time = stage, now

    return progress


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
        for row in table.first(_SHOWN_ROWS).texts:
            drawn.add_row(*map(Text, row))
        console.print(drawn)


def _print_comparison(comparison: "Comparison") -> None:
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
