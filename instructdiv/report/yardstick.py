"""Yardstick: what choices of rows are measured by, beside random draws under the same budget."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from instructdiv.allowance import Allowance
from instructdiv.metrics import Assessment, Metric
from instructdiv.metrics.base import SAMPLE
from instructdiv.metrics.effective_clusters import effective_number
from instructdiv.pool import Pool
from instructdiv.report.summary import _number
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
        return _number(self.random.value) + words[self.verdict]


class Yardstick:
    """Metrics, and with labels how many of them are touched and how evenly.

    Above 20,000 rows the metrics look at a random sample of the target; labels are counted
    over all rows.

    Parameters
    ----------
    pool
        What is chosen from, and what has to be covered.
    metrics
        By the name each is shown with.
    labels
        (n,) label of each row, if any are known.
    draws, seed
        Number of random draws, and the seed of these and of the sample.
    """

    def __init__(
        self,
        pool: Pool,
        metrics: dict[str, Metric],
        labels: NDArray[np.str_] | None,
        draws: int,
        seed: int,
    ) -> None:
        target = pool.space
        if len(target) > SAMPLE:
            random = np.random.default_rng(seed)
            target = target.take(np.sort(random.choice(len(target), SAMPLE, replace=False)))
        self.measured_on = len(target)
        self.n_labels: int | None = None
        self._pool = pool
        self._seeds: list[int] = np.random.SeedSequence(seed).generate_state(draws).tolist()
        self._scores = [metric.against(target) for metric in metrics.values()]
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
        whole = len(rows) == len(self._pool)
        subset = self._pool.space if whole else self._pool.space.take(np.sort(rows))
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
            rows, _ = chooser.pick(self._blank, allowance, self._blank.space, _NONE)
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
        values = self.measure(rows)
        random, balanced = bands
        readings = []
        for i, name in enumerate(self._direction):
            beside = None if balanced is None else self._assess(i, name, values[i], balanced)
            readings.append(Reading.of(self._assess(i, name, values[i], random), beside))
        return readings

    def _assess(self, i: int, name: str, value: float, drawn: Numbers) -> Assessment:
        return Assessment.of(
            name,
            float(value),
            float(self._whole[i]),
            drawn[:, i],
            higher_is_better=self._direction[name],
            measured_on=self.measured_on if i < len(self._scores) else len(self._pool),
        )
