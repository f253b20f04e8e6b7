"""Arrangement results: the loss curves of a study, summed up for each way to train."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from instructdiv.lab.study_report import COLORS, Section, Spread, StudyReport, layout, line
from instructdiv.report.rendering.chart import Chart
from instructdiv.results import Facts, Number, Shown, Table
from instructdiv.training import LossMonitor

RANDOM = "random"
"""Name of the arm that others are compared with."""

_DASHES = ("solid", "dash", "dot")
_STEPS = "steps to the threshold"

Loss = Annotated[Spread, Shown(Spread.shown)]


def _steps(steps: list[int | None]) -> Number:
    reached = [step for step in steps if step is not None]
    mean = float(np.mean(reached)) if len(reached) == len(steps) else float("inf")
    return Number(", ".join("-" if step is None else str(step) for step in steps), mean)


class Run(Facts):
    """One training run: the loss on the target over steps."""

    setting: str
    """Name of the setting."""

    arm: str
    """Name of the arm."""

    seed: int
    """Seed of the run."""

    records: int
    """Number of records trained on."""

    tasks: int
    """Number of tasks among them."""

    steps: list[int]
    """Steps after which the loss was measured, from 0."""

    losses: list[float]
    """Mean over the held-out tasks of the mean loss of each, in nats a token."""

    by_task: dict[str, list[float]]
    """The same for each held-out task."""

    exact: float
    """Share of the target answered word for word at the end."""

    seconds: float
    """Processor time, measuring included."""

    @property
    def key(self) -> tuple[str, str, int]:
        """Setting, arm and seed: unique in a study."""
        return self.setting, self.arm, self.seed

    @property
    def monitor(self) -> LossMonitor:
        """The curve as a loss monitor."""
        monitor = LossMonitor()
        for place, step in enumerate(self.steps):
            monitor.record(step, {task: losses[place] for task, losses in self.by_task.items()})
        return monitor


class ArmRow(Facts):
    """One way to train, over seeds."""

    arm: str
    """Name of the arm."""

    records: int
    """Number of records trained on."""

    tasks: Annotated[float, Shown(lambda n: Number(f"{n:.0f}", n))]
    """Mean number of tasks of the pool among them."""

    area: Loss = Field(title="area under the curve")
    """Area under the curve, divided by its steps: the mean loss over training."""

    against_random: Annotated[Spread | None, Shown(lambda one: one.shown("+.2f"))]
    """Area minus that of random with the same seed; None without a random arm."""

    final: Loss = Field(title="final loss")
    """Loss at the end."""

    lowest: Loss
    """Lowest loss during training."""

    stopped: Loss = Field(title="stopped by loss")
    """Loss where `LossMonitor.recommend_stop` would have stopped; the final loss if nowhere."""

    steps_to: Annotated[list[int | None], Shown(_steps)] = Field(title=_STEPS)
    """For each seed the first measured step with a loss of at most the threshold."""

    exact: Annotated[Spread, Shown(lambda one: Number(f"{one.mean:.0%}", one.mean))]
    """Share of the target answered word for word at the end."""

    @classmethod
    def of(cls, runs: list[Run], random: list[Run], threshold: float) -> "ArmRow":
        """Sum up the runs of an arm, beside those of random."""
        monitors = [run.monitor for run in runs]
        areas = {r.seed: m.area_under_curve() for r, m in zip(runs, monitors, strict=True)}
        of_random = {run.seed: run.monitor.area_under_curve() for run in random}
        differences = [area - of_random[seed] for seed, area in areas.items() if seed in of_random]
        stops = [monitor.recommend_stop() for monitor in monitors]
        stopped = [
            run.losses[-1 if stop is None else run.steps.index(stop.step)]
            for run, stop in zip(runs, stops, strict=True)
        ]
        arm = runs[0].arm
        return cls(
            arm=arm,
            records=runs[0].records,
            tasks=float(np.mean([run.tasks for run in runs])),
            area=Spread.of(list(areas.values())),
            against_random=Spread.of(differences) if differences and arm != RANDOM else None,
            final=Spread.of([run.losses[-1] for run in runs]),
            lowest=Spread.of([min(run.losses) for run in runs]),
            stopped=Spread.of(stopped),
            steps_to=[monitor.steps_to(threshold) for monitor in monitors],
            exact=Spread.of([run.exact for run in runs]),
        )


class SettingResult(Facts):
    """All ways to train under one setting."""

    setting: str
    """Name of the setting."""

    title: str
    """The setting in words."""

    threshold: float
    """Loss up to which steps are counted."""

    rows: list[ArmRow]
    """A row for each arm, in the order given."""

    runs: list[Run]
    """The runs, arm by arm and seed by seed."""

    @classmethod
    def of(
        cls,
        setting: str,
        title: str,
        arms: Iterable[str],
        runs: Iterable[Run],
        threshold: float | None = None,
    ) -> "SettingResult":
        """Sum up the runs of one setting.

        Without a threshold it is the mean final loss of random, or else of the first arm.
        """
        runs = sorted((run for run in runs if run.setting == setting), key=lambda run: run.seed)
        every = {arm: [run for run in runs if run.arm == arm] for arm in arms}
        by_arm = {arm: own for arm, own in every.items() if own}
        random = by_arm.get(RANDOM, [])
        if threshold is None:
            usual = random or next(iter(by_arm.values()))
            threshold = float(np.mean([run.losses[-1] for run in usual]))
        return cls(
            setting=setting,
            title=title,
            threshold=threshold,
            rows=[ArmRow.of(own, random, threshold) for own in by_arm.values()],
            runs=[run for own in by_arm.values() for run in own],
        )

    def row(self, arm: str) -> ArmRow:
        """The row of an arm.

        Raises
        ------
        KeyError
            No arm has that name.
        """
        return {row.arm: row for row in self.rows}[arm]

    def section(self) -> Section:
        """The arms as a table and a chart."""
        table = Table.of(self.rows)
        heads = [f"steps to {self.threshold:.2f}" if h == _STEPS else h for h in table.columns]
        return Section(self.title, replace(table, columns=heads), self._chart())

    def _chart(self) -> Chart:
        """The mean curve of each arm."""
        traces = []
        for place, row in enumerate(self.rows):
            runs = [run for run in self.runs if run.arm == row.arm]
            losses = np.mean([run.losses for run in runs], axis=0).tolist()
            look = {
                "width": 2.5 if row.arm == RANDOM else 1.75,
                "dash": _DASHES[place // COLORS % len(_DASHES)],
            }
            color = f"var(--c{place % COLORS})"
            drawn = line(row.arm, runs[0].steps, losses, color, **look)
            traces.append(drawn | {"hovertemplate": "%{y:.2f}"})
        threshold = {
            "type": "line",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "y0": self.threshold,
            "y1": self.threshold,
            "line": {"color": "var(--muted)", "width": 1, "dash": "dot"},
        }
        axes = layout(
            {"title": {"text": "steps"}, "rangemode": "tozero"},
            {"title": {"text": "loss on the held-out tasks"}},
            hovermode="x unified",
            shapes=[threshold],
        )
        best = min(self.rows, key=lambda row: row.area.mean)
        seeds = len({run.seed for run in self.runs})
        says = (
            f"Loss on the held-out tasks, mean over {seeds} seed{'s' * (seeds != 1)}. Lowest mean "
            f"loss over training: {best.arm}, {best.area.mean:.2f}. The dotted line is the "
            f"threshold of {self.threshold:.2f} up to which steps are counted."
        )
        return Chart(self.setting, says, {"data": traces, "layout": axes}, 440)


class Study(StudyReport):
    """Training runs side by side: loss on held-out tasks under one setting or several."""

    title: ClassVar[str] = "Selection and arrangement of records"
    legend: ClassVar[str] = (
        "Loss is cross-entropy in nats a token of the response, a mean over held-out tasks; ± is "
        "the standard deviation over seeds. Area under the curve is the mean loss over training. "
        "Against random: the area minus that of random with the same seed. Stopped by loss: the "
        "loss where LossMonitor.recommend_stop would have stopped. Steps are those of each seed; "
        "- is never. Exact: the share of the target answered word for word."
    )

    settings: list[SettingResult] = Field(min_length=1)
    """The results, setting by setting."""

    def setting(self, name: str) -> SettingResult:
        """The result of a setting.

        Raises
        ------
        KeyError
            No setting has that name.
        """
        return {found.setting: found for found in self.settings}[name]

    def sections(self) -> list[Section]:
        return [one.section() for one in self.settings]
