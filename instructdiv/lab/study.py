"""Study: what came of training in several ways, with several seeds."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from instructdiv.guidance import LossMonitor
from instructdiv.lab.page import page
from instructdiv.report.charts import Chart
from instructdiv.report.document import Document
from instructdiv.report.facts import Facts
from instructdiv.report.tables import Cell, Number, Table
from instructdiv.report.wording import escaped

RANDOM = "random"
"""Name of the arm that others are compared with."""

LEGEND = (
    "Loss is cross-entropy in nats a token of the response, a mean over held-out tasks; ± is the "
    "standard deviation over seeds. Area under the curve is the mean loss on the way. "
    "Against random: that less random's with the same seed. Stopped by loss: the loss where "
    "LossMonitor.recommend_stop would have stopped. Steps are those of each seed; - is never. "
    "Exact: the share of the target answered word for word."
)

_NEVER = 1e9
_COLORS = 10
_DASHES = ("solid", "dash", "dot")


class Run(Facts):
    """One training run: how the loss on the target went."""

    setting: str
    """Under which setting."""

    arm: str
    """In which way."""

    seed: int
    """With which seed."""

    records: int
    """Records trained on."""

    tasks: int
    """Tasks they are of."""

    steps: list[int]
    """Steps after which the loss was measured, from 0."""

    losses: list[float]
    """Mean over the held-out tasks of the mean loss of each, in nats a token."""

    by_task: dict[str, list[float]]
    """The same for each held-out task."""

    exact: float
    """Share of the target that is answered word for word at the end."""

    seconds: float
    """Processor time it took, measuring included."""

    @property
    def monitor(self) -> LossMonitor:
        """The curve, to be read."""
        monitor = LossMonitor()
        for place, step in enumerate(self.steps):
            monitor.record(step, {task: losses[place] for task, losses in self.by_task.items()})
        return monitor


class Spread(Facts):
    """A number over seeds."""

    mean: float
    """Mean over the seeds."""

    sd: float | None
    """Standard deviation over the seeds; none of a single one."""

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """The spread of these values, of which there is one at least."""
        sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
        return cls(mean=float(np.mean(values)), sd=sd)

    def __str__(self) -> str:
        return f"{self}"

    def __format__(self, sign: str) -> str:
        return f"{self.mean:{sign}.2f}" + ("" if self.sd is None else f" ± {self.sd:.2f}")


class ArmRow(Facts):
    """One way to train, over seeds."""

    arm: str
    """Its name."""

    records: int
    """Records trained on."""

    tasks: float
    """Tasks of the pool they are of, on average."""

    area: Spread
    """Area under the curve, divided by its steps: the mean loss on the way."""

    final: Spread
    """Loss at the end."""

    lowest: Spread
    """Lowest loss on the way."""

    stopped: Spread
    """Loss where `LossMonitor.recommend_stop` would have stopped; that at the end if nowhere."""

    steps_to: list[int | None]
    """For each seed the first measured step with a loss of at most the threshold."""

    against_random: Spread | None
    """Area less that of random with the same seed; none without a random arm."""

    exact: Spread
    """Share of the target that is answered word for word at the end."""


class SettingResult(Facts):
    """All ways to train under one setting."""

    setting: str
    """Its name."""

    says: str
    """What it is, in words."""

    threshold: float
    """Loss that steps are counted to."""

    rows: list[ArmRow]
    """A row for each arm, as they were given."""

    runs: list[Run]
    """The runs, arm by arm and seed by seed."""

    @classmethod
    def of(
        cls,
        setting: str,
        says: str,
        arms: Iterable[str],
        runs: Iterable[Run],
        threshold: float | None = None,
    ) -> "SettingResult":
        """Sum up the runs of one setting.

        Without a threshold it is the mean loss at which random ends, or else the first arm.
        """
        by_arm = {
            arm: sorted((r for r in runs if r.arm == arm), key=lambda r: r.seed)
            for runs in [[run for run in runs if run.setting == setting]]
            for arm in arms
        }
        by_arm = {arm: own for arm, own in by_arm.items() if own}
        usual = by_arm.get(RANDOM) or next(iter(by_arm.values()))
        if threshold is None:
            threshold = float(np.mean([run.losses[-1] for run in usual]))
        return cls(
            setting=setting,
            says=says,
            threshold=threshold,
            rows=[_row(arm, own, by_arm.get(RANDOM, []), threshold) for arm, own in by_arm.items()],
            runs=[run for own in by_arm.values() for run in own],
        )

    def row(self, arm: str) -> ArmRow:
        """The row of an arm.

        Raises
        ------
        KeyError
            There is none.
        """
        for row in self.rows:
            if row.arm == arm:
                return row
        raise KeyError(arm)

    def table(self) -> Table:
        """The rows, as they are shown."""
        columns = [
            "arm",
            "records",
            "tasks",
            "area under the curve",
            "against random",
            "final loss",
            "lowest",
            "stopped by loss",
            f"steps to {self.threshold:.2f}",
            "exact",
        ]
        return Table(columns, [_cells(row) for row in self.rows])

    def chart(self) -> Chart:
        """The mean curve of each arm."""
        traces = []
        for place, row in enumerate(self.rows):
            runs = [run for run in self.runs if run.arm == row.arm]
            steps = runs[0].steps
            line = {
                "color": f"var(--c{place % _COLORS})",
                "width": 2.5 if row.arm == RANDOM else 1.75,
                "dash": _DASHES[place // _COLORS % len(_DASHES)],
            }
            losses = np.mean([run.losses for run in runs], axis=0)
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "name": row.arm,
                    "x": steps,
                    "y": [round(loss, 4) for loss in losses.tolist()],
                    "line": line,
                    "hovertemplate": "%{y:.2f}",
                }
            )
        best = min(self.rows, key=lambda row: row.area.mean)
        seeds = len({run.seed for run in self.runs})
        says = (
            f"Loss on the held-out tasks, mean over {seeds} seed{'s' * (seeds != 1)}. Lowest on "
            f"the way: {best.arm}, {best.area.mean:.2f} on average. The dotted line is the loss "
            f"of {self.threshold:.2f} that steps are counted to."
        )
        return Chart(self.setting, says, {"data": traces, "layout": _layout(self.threshold)}, 440)


class Study(Document):
    """Training runs side by side: loss on held-out tasks under one setting or several."""

    called: ClassVar[str] = "study"

    title: str
    """What was studied."""

    headline: str
    """The result in a few sentences."""

    made_from: dict[str, str]
    """What it was made from and by, name by name, in words."""

    settings: list[SettingResult] = Field(min_length=1)
    """The results, setting by setting."""

    def setting(self, name: str) -> SettingResult:
        """The result of a setting.

        Raises
        ------
        KeyError
            There is none.
        """
        for found in self.settings:
            if found.setting == name:
                return found
        raise KeyError(name)

    @property
    def legend(self) -> str:
        """What the columns of the tables say."""
        return LEGEND

    def tables(self) -> dict[str, Table]:
        """A table for each setting, by what it is."""
        return {result.says: result.table() for result in self.settings}

    def to_markdown(self) -> str:
        blocks = [f"# {self.title}", escaped(self.headline)]
        for title, table in self.tables().items():
            blocks += [f"## {escaped(title)}", table.to_markdown()]
        blocks.append(self.legend)
        blocks.append("\n".join(f"- {k}: {escaped(v)}" for k, v in self.made_from.items()))
        return "\n\n".join(blocks) + "\n"

    def to_html(self) -> str:
        """A page with the curves and the tables, which needs no other file and no network."""
        return page(self)

    def save(self, path: str | Path) -> Path:
        """Write it; the ending of the name says how: .json, .md or .html.

        Raises
        ------
        InputError
            The ending is another.
        OutputError
            The file cannot be written.
        """
        forms = {".json": self.to_json, ".md": self.to_markdown, ".html": self.to_html}
        return self._write(path, forms)

    def __str__(self) -> str:
        lines = [self.headline]
        for title, table in self.tables().items():
            cells = [table.columns, *table.texts]
            widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
            lines += ["", title]
            for line in cells:
                padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
                lines.append("  ".join(padded).rstrip())
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

    def _repr_markdown_(self) -> str:
        return self.to_markdown()


def _layout(threshold: float) -> dict[str, Any]:
    axis = {
        "gridcolor": "var(--line)",
        "linecolor": "var(--line)",
        "zeroline": False,
        "fixedrange": True,
        "tickfont": {"color": "var(--muted)"},
    }
    return {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": "var(--ink)", "size": 12},
        "hoverlabel": {
            "bgcolor": "var(--panel)",
            "bordercolor": "var(--line)",
            "font": {"color": "var(--ink)", "size": 12},
        },
        "dragmode": False,
        "hovermode": "x unified",
        "margin": {"l": 56, "r": 16, "t": 28, "b": 56},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "xaxis": axis | {"title": {"text": "steps"}, "rangemode": "tozero"},
        "yaxis": axis | {"title": {"text": "loss on the held-out tasks"}},
        "shapes": [
            {
                "type": "line",
                "xref": "paper",
                "x0": 0,
                "x1": 1,
                "y0": threshold,
                "y1": threshold,
                "line": {"color": "var(--muted)", "width": 1, "dash": "dot"},
            }
        ],
    }


def _row(arm: str, runs: list[Run], usual: list[Run], threshold: float) -> ArmRow:
    monitors = [run.monitor for run in runs]
    areas = {r.seed: m.area_under_curve() for r, m in zip(runs, monitors, strict=True)}
    of_random = {run.seed: run.monitor.area_under_curve() for run in usual}
    differences = [area - of_random[seed] for seed, area in areas.items() if seed in of_random]
    stops = [monitor.recommend_stop() for monitor in monitors]
    return ArmRow(
        arm=arm,
        records=runs[0].records,
        tasks=float(np.mean([run.tasks for run in runs])),
        area=Spread.of(list(areas.values())),
        final=Spread.of([run.losses[-1] for run in runs]),
        lowest=Spread.of([min(run.losses) for run in runs]),
        stopped=Spread.of(
            [
                run.losses[-1 if stop is None else run.steps.index(stop.step)]
                for run, stop in zip(runs, stops, strict=True)
            ]
        ),
        steps_to=[monitor.steps_to(threshold) for monitor in monitors],
        against_random=Spread.of(differences) if differences and arm != RANDOM else None,
        exact=Spread.of([run.exact for run in runs]),
    )


def _cells(row: ArmRow) -> list[Cell]:
    def spread(value: Spread) -> Number:
        return Number(str(value), value.mean)

    reached = [step for step in row.steps_to if step is not None]
    return [
        row.arm,
        Number(f"{row.records:,}", row.records),
        Number(f"{row.tasks:.0f}", row.tasks),
        spread(row.area),
        Number(f"{row.against_random:+}", row.against_random.mean)
        if row.against_random
        else Number("-", 0.0),
        spread(row.final),
        spread(row.lowest),
        spread(row.stopped),
        Number(
            ", ".join("-" if step is None else str(step) for step in row.steps_to),
            float(np.mean(reached)) if len(reached) == len(row.steps_to) else _NEVER,
        ),
        Number(f"{row.exact.mean:.0%}", row.exact.mean),
    ]
