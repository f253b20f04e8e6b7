"""Study: what came of training in several ways, with several seeds."""

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from instructdiv.lab.study_report import COLORS, Findings, Section, Spread, layout
from instructdiv.report.rendering.charts import Chart
from instructdiv.results import Cell, Facts, Number, Table
from instructdiv.training import LossMonitor

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
    def key(self) -> tuple[str, str, int]:
        """What tells it from the other runs of a study."""
        return self.setting, self.arm, self.seed

    @property
    def monitor(self) -> LossMonitor:
        """The curve, to be read."""
        monitor = LossMonitor()
        for place, step in enumerate(self.steps):
            monitor.record(step, {task: losses[place] for task, losses in self.by_task.items()})
        return monitor


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
                "color": f"var(--c{place % COLORS})",
                "width": 2.5 if row.arm == RANDOM else 1.75,
                "dash": _DASHES[place // COLORS % len(_DASHES)],
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


class Study(Findings):
    """Training runs side by side: loss on held-out tasks under one setting or several."""

    title: ClassVar[str] = "Selection and arrangement of records"
    legend: ClassVar[str] = LEGEND

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

    def sections(self) -> list[Section]:
        return [Section(one.says, one.table(), one.chart()) for one in self.settings]


def _layout(threshold: float) -> dict[str, Any]:
    return layout(
        {"title": {"text": "steps"}, "rangemode": "tozero"},
        {"title": {"text": "loss on the held-out tasks"}},
        hovermode="x unified",
        shapes=[
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
    )


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
