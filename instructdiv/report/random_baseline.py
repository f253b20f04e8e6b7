"""Yardstick: what choices of rows are measured by, beside random draws under the same budget."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from instructdiv.core.allowance import Allowance
from instructdiv.core.wording import number
from instructdiv.metrics import Assessment, Metric
from instructdiv.metrics.draws import SAMPLE, sampled
from instructdiv.metrics.effective_clusters import effective_number
from instructdiv.pool import Pool
from instructdiv.selectors import GroupBalanced, Random, Selector

Rows = NDArray[np.int64]
Numbers = NDArray[np.float64]

_NONE = np.empty(0, np.int64)


class Reading(BaseModel):
    """One number of a choice, beside what random draws under the same budget give."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    random: Assessment
    """Beside draws from the whole pool."""

    balanced: Assessment | None
    """Beside draws that give every label the same quota, where labels are known; its low,
    median and high are those of these draws."""

    verdict: str
    """The place of the number in the band of random draws, in words."""

    balanced_verdict: str | None
    """Its place in the band of balanced draws."""

    @classmethod
    def of(cls, random: Assessment, balanced: Assessment | None) -> "Reading":
        """Both, and what they say."""
        said = None if balanced is None else balanced.verdict.replace("random", "balanced random")
        return cls(random=random, balanced=balanced, verdict=random.verdict, balanced_verdict=said)

    def __str__(self) -> str:
        # The band of balanced draws stands above it in a table; its verdict would crowd the cell.
        words = {
            "better than random": "",
            "like random": " like random",
            "worse than random": " below random"
            if self.random.higher_is_better
            else " worse than random",
        }
        return number(self.random.value) + words[self.verdict]


class Yardstick:
    """Metrics, and with labels how many of them are touched and how evenly.

    Above 20,000 rows the metrics of vectors look at a random sample of the target; groups,
    texts and labels are those of all rows.

    Parameters
    ----------
    pool
        What is chosen from.
    metrics
        By the name each is shown with.
    labels
        (n,) label of each row, if any are known.
    n_draws, seed
        Number of random draws, and the seed of these and of the sample.
    target
        What has to be covered; the pool itself if not given.
    """

    def __init__(
        self,
        pool: Pool,
        metrics: dict[str, Metric],
        labels: NDArray[np.str_] | None,
        n_draws: int,
        seed: int,
        target: Pool | None = None,
    ) -> None:
        self.has_target = target is not None
        target = pool if target is None else target
        self.n_target = len(target)
        sample = sampled(target, SAMPLE, seed)
        self.measured_on = len(sample)
        self.n_labels: int | None = None
        self._pool = pool
        self._seeds: list[int] = np.random.SeedSequence(seed).generate_state(n_draws).tolist()
        self._metrics = list(metrics.values())
        for metric in self._metrics:
            metric.check(pool, target)
        self._targets = [sample if m.looks_at == "vectors" else target for m in self._metrics]
        self._scores = [
            metric.against(target)
            for metric, target in zip(self._metrics, self._targets, strict=True)
        ]
        self._direction = {name: m.higher_is_better for name, m in metrics.items()}
        # Draws look at rows and labels alone: vectors of one number save copying the real ones.
        self._blank = Pool.from_embeddings(np.ones((len(pool), 1), np.float32), labels)
        if labels is not None:
            names, self._numbers = np.unique(labels, return_inverse=True)
            self.n_labels = len(names)
            self._direction |= {"coverage": True, "evenness": True}
        self._whole = self.measure(np.arange(len(pool)))

    def measure(self, rows: Rows) -> Numbers:
        """Every number of these rows (m,): (numbers,) float64."""
        return self._numbers_of(self._subset(rows), rows)

    def _subset(self, rows: Rows) -> Pool:
        whole = len(rows) == len(self._pool)
        return self._pool if whole else self._pool.take(np.sort(rows))

    def _numbers_of(self, subset: Pool, rows: Rows) -> Numbers:
        found = [score(subset) for score in self._scores]
        if self.n_labels is not None:
            counts = np.bincount(self._numbers[rows], minlength=self.n_labels)
            found += [np.count_nonzero(counts) / self.n_labels]
            found += [effective_number(counts) / self.n_labels]
        return np.array(found, np.float64)

    def bands(
        self, allowance: Allowance, drawn: Callable[[], None]
    ) -> tuple[Numbers, Numbers | None]:
        """Numbers of random draws and of balanced ones, (draws, numbers) each.

        `drawn` is called after each draw that has been measured.
        """

        def numbers_of(chooser: Selector) -> Numbers:
            rows, _ = chooser.pick(self._blank, allowance, self._blank, _NONE)
            found = self.measure(rows)
            drawn()
            return found

        random = [numbers_of(Random(seed=seed)) for seed in self._seeds]
        if self.n_labels is None:
            return np.array(random), None
        balanced = [numbers_of(GroupBalanced(within=Random(seed=seed))) for seed in self._seeds]
        return np.array(random), np.array(balanced)

    def read(self, rows: Rows, bands: tuple[Numbers, Numbers | None]) -> list[Reading]:
        """The numbers of these rows (m,), each in its place among the draws."""
        subset = self._subset(rows)
        values = self._numbers_of(subset, rows)
        errors = np.zeros(len(values))
        for i, (metric, target) in enumerate(zip(self._metrics, self._targets, strict=True)):
            errors[i] = metric.standard_error(subset, target, len(self._pool))
        random, balanced = bands
        readings = []
        for i, name in enumerate(self._direction):
            found = float(values[i]), float(errors[i])
            beside = None if balanced is None else self._assess(i, name, *found, balanced)
            readings.append(Reading.of(self._assess(i, name, *found, random), beside))
        return readings

    def _assess(self, i: int, name: str, value: float, error: float, drawn: Numbers) -> Assessment:
        return Assessment.of(
            name,
            value,
            float(self._whole[i]),
            drawn[:, i],
            higher_is_better=self._direction[name],
            measured_on=len(self._targets[i]) if i < len(self._targets) else len(self._pool),
            standard_error=error,
        )
