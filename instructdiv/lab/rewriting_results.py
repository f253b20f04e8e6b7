"""Rewriting results: accuracy on rules a model never saw, summed up for each study."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field

from instructdiv.lab.rewriting_plan import Condition, StudyName
from instructdiv.lab.study_report import Section, Spread, StudyReport, layout, line
from instructdiv.report.rendering.chart import Chart
from instructdiv.results import Facts, Shown, Table

_UNSEEN, _SEEN, _NO_OP = "var(--c0)", "var(--c1)", "var(--c2)"

Accuracy = Annotated[Spread, Shown(lambda one: one.shown(".3f"))]
SomeAccuracy = Annotated[Spread | None, Shown(lambda one: one.shown(".3f"))]


class RewritingRun(Facts):
    """One training run: the accuracy of the model."""

    condition: Condition
    """What the model was trained on."""

    seed: int
    """Seed of the run."""

    seen: float
    """Accuracy on rules of the training, with new texts."""

    unseen: float
    """Accuracy on rules that were not trained on."""

    unseen_has_op: float | None
    """The same where there is something to replace; None without such a record."""

    unseen_no_op: float | None
    """The same where there is nothing to replace; None without such a record."""

    seconds: float
    """Processor time, measuring included."""

    @property
    def key(self) -> tuple[str, int]:
        """Condition and seed: unique in a study."""
        return self.condition.model_dump_json(), self.seed


class Point(Facts):
    """One run of the curve over numbers of instructions."""

    instructions: int
    """Number of rules trained on."""

    examples_per_instruction: int
    """Records of each, rounded down."""

    seed: int
    """Seed of the run."""

    seen: float
    """Accuracy on these rules, with new texts."""

    unseen: float
    """Accuracy on other rules."""

    @classmethod
    def of(cls, run: RewritingRun) -> "Point":
        """The point of a run."""
        return cls(
            instructions=run.condition.instructions,
            examples_per_instruction=run.condition.examples_per_instruction,
            seed=run.seed,
            seen=run.seen,
            unseen=run.unseen,
        )


class CurveRow(Facts):
    """One number of instructions, over seeds."""

    instructions: int
    """Number of rules trained on."""

    examples_per_instruction: int = Field(title="examples of each")
    """Records of each, rounded down."""

    seeds: int
    """Number of seeds."""

    seen: Accuracy
    """Accuracy on these rules, with new texts."""

    unseen: Accuracy
    """Accuracy on other rules."""

    by_seed: str = Field(title="unseen, seed by seed")
    """Accuracy on other rules with each seed."""

    @classmethod
    def of(cls, points: Sequence[Point]) -> "CurveRow":
        """Sum up the points at one number of instructions."""
        return cls(
            instructions=points[0].instructions,
            examples_per_instruction=points[0].examples_per_instruction,
            seeds=len(points),
            seen=Spread.of([point.seen for point in points]),
            unseen=Spread.of([point.unseen for point in points]),
            by_seed=", ".join(f"{point.unseen:.3f}" for point in points),
        )


class ConditionRow(Facts):
    """One condition, over seeds."""

    condition: str
    """Name of the condition."""

    instructions: int
    """Number of rules trained on."""

    records: int
    """Number of records of all rules together."""

    seen: Accuracy
    """Accuracy on these rules, with new texts."""

    unseen: Accuracy
    """Accuracy on other rules."""

    unseen_has_op: SomeAccuracy = Field(None, title="has-op")
    """The same where there is something to replace, if some records have nothing to replace."""

    unseen_no_op: SomeAccuracy = Field(None, title="no-op")
    """The same where there is nothing to replace, if there are such records."""

    @classmethod
    def of(cls, condition: str, runs: Sequence[RewritingRun]) -> "ConditionRow":
        """Sum up one run or more of a condition."""
        first = runs[0].condition
        no_ops = [run.unseen_no_op for run in runs if run.unseen_no_op is not None]
        has_ops = [run.unseen_has_op for run in runs if run.unseen_has_op is not None]
        return cls(
            condition=condition,
            instructions=first.instructions,
            records=first.records,
            seen=Spread.of([run.seen for run in runs]),
            unseen=Spread.of([run.unseen for run in runs]),
            unseen_has_op=Spread.of(has_ops) if no_ops and has_ops else None,
            unseen_no_op=Spread.of(no_ops) if no_ops else None,
        )

    @property
    def scored(self) -> Spread:
        """Accuracy on other rules where there is something to replace."""
        return self.unseen_has_op or self.unseen


class Comparison(Facts):
    """One study: conditions side by side."""

    study: StudyName
    """Name of the study."""

    title: str
    """The study in words."""

    seeds: int
    """Largest number of seeds of a condition."""

    rows: list[ConditionRow]
    """The conditions."""

    def row(self, condition: str) -> ConditionRow:
        """The row of a condition.

        Raises
        ------
        KeyError
            No condition has that name.
        """
        return {row.condition: row for row in self.rows}[condition]

    @property
    def sentence(self) -> str:
        """The accuracies on unseen rules, in words."""
        told = (
            f"{row.condition}: {row.scored}"
            + (f" (with nothing to replace, {row.unseen_no_op})" if row.unseen_no_op else "")
            for row in self.rows
        )
        return f"{self.title}, accuracy on unseen rules. {'; '.join(told)}."

    def section(self) -> Section:
        """The conditions as a table and a chart."""
        return Section(self.title, Table.of(self.rows), self._chart())

    def _chart(self) -> Chart:
        places = list(range(len(self.rows)))
        bars = [_bars("unseen", _UNSEEN, [row.scored for row in self.rows])]
        if any(row.unseen_no_op for row in self.rows):
            bars[0]["name"] = "unseen, has-op"
            bars.append(_bars("unseen, no-op", _NO_OP, [row.unseen_no_op for row in self.rows]))
        marker = {"color": _SEEN, "size": 9, "symbol": "diamond"}
        dots = _dots("seen", [row.seen.mean for row in self.rows], places, marker)
        axes = layout(
            {"title": {"text": "accuracy"}, "range": [0, 1.02]},
            {
                "tickvals": places,
                "ticktext": [row.condition for row in self.rows],
                "range": [len(places) - 0.5, -0.5],
                "automargin": True,
                "showgrid": False,
            },
            barmode="group",
            margin={"l": 16, "r": 16, "t": 28, "b": 48},
        )
        figure = {"data": [*bars, dots | {"hovertemplate": "%{x:.2f}"}], "layout": axes}
        low, high = (pick(self.rows, key=lambda row: row.unseen.mean) for pick in (min, max))
        says = (
            f"Accuracy on unseen rules is lowest with {low.condition}, {low.unseen}, and highest "
            f"with {high.condition}, {high.unseen}."
        )
        return Chart(self.study, says, figure, 130 + 34 * len(places))


class RewritingStudy(StudyReport):
    """Accuracy of small models on rules that they never saw, under several conditions."""

    title: ClassVar[str] = "Instructions that a model never saw"
    legend: ClassVar[str] = (
        "Accuracy is the share of texts that come out right, letter by letter, under greedy "
        "decoding; ± is the standard deviation over seeds. Unseen: rules of which neither the "
        "string nor its replacement was trained on. Seen: rules of the training with new texts. "
        "Has-op and no-op: unseen rules whose string is, or is not, in the text. The thresholds "
        "are those of a small model that rewrites strings: an order of magnitude, and no rule for "
        "language models."
    )

    points: list[Point]
    """The runs of the emergence study, from few instructions to many; empty without it."""

    threshold: float | None
    """Number of instructions at half of the plateau; None if nothing emerged."""

    interval: tuple[float, float] | None
    """90 % interval of the threshold over seeds; None with a single seed."""

    comparisons: list[Comparison]
    """The other studies."""

    def comparison(self, study: str) -> Comparison:
        """One of the other studies.

        Raises
        ------
        KeyError
            The study was not run.
        """
        by_name: dict[str, Comparison] = {found.study: found for found in self.comparisons}
        return by_name[study]

    @property
    def curve(self) -> list[CurveRow]:
        """The points, one row for each number of instructions."""
        sizes = sorted({point.instructions for point in self.points})
        return [CurveRow.of([p for p in self.points if p.instructions == n]) for n in sizes]

    def unseen(self, instructions: int) -> float:
        """Mean accuracy on unseen rules at a number of instructions.

        Raises
        ------
        KeyError
            There is no such point.
        """
        return {row.instructions: row.unseen.mean for row in self.curve}[instructions]

    def seen(self, instructions: int) -> float:
        """Mean accuracy on seen rules at a number of instructions.

        Raises
        ------
        KeyError
            There is no such point.
        """
        return {row.instructions: row.seen.mean for row in self.curve}[instructions]

    def sections(self) -> list[Section]:
        title = "The same number of records, more and more instructions"
        first = [Section(title, Table.of(self.curve), self._chart())] if self.points else []
        return [*first, *(one.section() for one in self.comparisons)]

    def _chart(self) -> Chart:
        rows = self.curve
        sizes = [row.instructions for row in rows]
        seen, unseen = [row.seen for row in rows], [row.unseen for row in rows]
        traces = [
            line(name, sizes, [one.mean for one in values], color) | {"hovertemplate": "%{y:.3f}"}
            for name, color, values in (("unseen", _UNSEEN, unseen), ("seen", _SEEN, seen))
        ]
        each = [round(point.unseen, 4) for point in self.points]
        of_each = [point.instructions for point in self.points]
        dots = _dots("each seed", of_each, each, {"color": _UNSEEN, "size": 7})
        traces.append(dots | {"hoverinfo": "skip"})
        if self.threshold is not None:
            half = f"half of the plateau, {self.threshold:,.0f}"
            at = line(half, [self.threshold] * 2, [0, 1], "var(--muted)", width=1, dash="dot")
            traces.append(at | {"hoverinfo": "skip"})
        axes = layout(
            {
                "title": {"text": "instructions"},
                "type": "log",
                "tickvals": sizes,
                "ticktext": [f"{size:,}" for size in sizes],
            },
            {"title": {"text": "accuracy"}, "range": [-0.02, 1.02]},
            hovermode="x",
        )
        says = (
            f"Accuracy on unseen rules with {sizes[0]:,} instructions {unseen[0]}, with "
            f"{sizes[-1]:,} {unseen[-1]}. On seen rules it is at least "
            f"{min(one.mean for one in seen):.2f}."
        )
        return Chart("emergence", says, {"data": traces, "layout": axes}, 400)


def _bars(name: str, color: str, values: Sequence[Spread | None]) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "y": list(range(len(values))),
        "x": [value and round(value.mean, 4) for value in values],
        "error_x": {
            "type": "data",
            "array": [round((value and value.sd) or 0, 4) for value in values],
            "color": "var(--muted)",
            "thickness": 1,
        },
        "marker": {"color": color},
        "hovertemplate": "%{x:.2f}",
    }


def _dots(
    name: str, x: Sequence[float], y: Sequence[float], marker: dict[str, Any]
) -> dict[str, Any]:
    kind = {"type": "scatter", "mode": "markers", "name": name}
    return kind | {"x": list(x), "y": list(y), "marker": marker}
