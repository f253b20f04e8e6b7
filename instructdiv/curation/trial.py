"""Trial: a run on some of the records, to tell what the run on all of them will take."""

import tempfile
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path

import numpy as np

from instructdiv.budget import Budget
from instructdiv.curation import growth
from instructdiv.curation.growth import Costs, Traced, climbed, extrapolated, seconds_of
from instructdiv.curation.mix import Mix
from instructdiv.curation.recipe import Recipe
from instructdiv.errors import BudgetError
from instructdiv.pool import Pool
from instructdiv.selection import Selection

# Records of the trials that trace memory: the last two are larger than the blocks of rows that
# matrices are worked on in.
_TRACED = (1500, 4500, 9000)
# Records of the trial that loads libraries.
_FEW = 60


class Trial:
    """Choosing, ordering, measuring and writing, tried on some of the records.

    Parameters
    ----------
    pool
        All records of the run, or some like them.
    target
        What is to be covered, if not the pool.
    recipe
        What the run does.
    n_records
        Records of the run.
    """

    def __init__(self, pool: Pool, target: Pool | None, recipe: Recipe, n_records: int) -> None:
        self._pool, self._target, self._recipe = pool, target, recipe
        self._n_records = n_records
        self._order = np.random.default_rng(0).permutation(len(pool))
        arrange = () if recipe.arranger is None else ("arrange",)
        self.stages: tuple[str, ...] = ("select", *arrange, "measure", "write")
        """Names of the stages, in their order."""
        self.chosen_share = 0.0
        """Share of the records that the last trial chose."""

    def warm_up(self) -> float:
        """Seconds of a trial on very few records, which loads the libraries of all stages."""
        return sum(self._seconds(min(_FEW, len(self._pool)), self.stages).values())

    def seconds(self) -> dict[str, Costs]:
        """Seconds of each stage at two or more sizes, larger ones where it is quick."""
        return climbed(self._seconds, self.stages, len(self._pool))

    def peaks(self, seconds: dict[str, Costs]) -> dict[str, Costs]:
        """Bytes at the peak of each stage, beside records and vectors, at one or more sizes.

        Larger sizes are traced where the seconds tell that the stage is quick there.
        """
        found: dict[str, Costs] = {stage: {} for stage in self.stages}
        for n in sorted({min(n, len(self._pool)) for n in _TRACED}):

            def quick(stage: str, n: int = n) -> bool:
                return n <= _TRACED[0] or extrapolated(seconds[stage], n) <= growth.LONGEST / 2

            stages = list(takewhile(quick, self.stages))  # a stage needs those before it
            pool = self._sample(n)
            with Traced() as traced:
                for stage in self._run(pool, stages):
                    found[stage][n] = traced.peak()
        return found

    def _seconds(self, n: int, stages: Sequence[str]) -> dict[str, float]:
        until = self.stages[: self.stages.index(stages[-1]) + 1]
        costs: dict[str, float] = {}
        running = self._run(self._sample(n), until)
        for stage in until:
            with seconds_of(costs, stage):
                next(running)
        return costs

    def _sample(self, n: int) -> Pool:
        return self._pool.take(np.sort(self._order[:n]))

    def _run(self, pool: Pool, stages: Sequence[str]) -> Iterator[str]:
        """Run the first stages on a sample of the records; gives the name of each that is done."""
        recipe, target = self._recipe, self._target
        for stage in stages:
            if stage == "select":
                selection = self._select(pool)
                mix = Mix(recipe, pool, selection, target=target)
            elif stage == "arrange":
                assert recipe.arranger is not None  # noqa: S101
                arrangement = recipe.arranger.arrange(pool, selection, target)
                mix = Mix(recipe, pool, selection, target=target, arrangement=arrangement)
            elif stage == "measure":
                mix.summary  # noqa: B018
            else:
                with tempfile.TemporaryDirectory() as folder:
                    _write(mix, Path(folder) / "mix")
            yield stage

    def _select(self, pool: Pool) -> Selection:
        """Select the same share of the records; without floors and caps if they cannot be met."""
        recipe = self._recipe
        target = self._target if recipe.selector.covers_target else None
        budget = self._budget(pool)
        try:
            selection = recipe.selector.select(pool, budget, target=target)
        except BudgetError:
            if not budget.constrained:
                raise
            unbound = budget.model_copy(update={"floors": None, "caps": None, "group_by": None})
            selection = recipe.selector.select(pool, unbound, target=target)
        self.chosen_share = len(selection) / len(pool)
        return selection

    def _budget(self, pool: Pool) -> Budget:
        whole, share = self._recipe.budget, len(pool) / self._n_records
        if whole.tokens is not None:
            longest = int(pool.costs_under(whole).max())
            return whole.model_copy(update={"tokens": max(longest, round(share * whole.tokens))})
        if whole.records is not None:
            return whole.model_copy(update={"records": max(1, round(share * whole.records))})
        return whole


def _write(mix: Mix, folder: Path) -> None:
    """Write the mix; of vectors alone, which have no records to write, the report."""
    if mix.pool.records is not None:
        mix.export(folder)
        return
    for end in ("json", "md", *(["html"] if mix.recipe.page else [])):
        mix.summary.save(folder.with_name(f"summary.{end}"))
