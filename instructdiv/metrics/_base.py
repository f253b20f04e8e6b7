"""Metric: one number for how well a subset covers a target."""

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar, Literal

from instructdiv.errors import InputError, ShapeError
from instructdiv.part import Part
from instructdiv.pool import Pool
from instructdiv.pool_input import Vectors, pool_or_vectors

Score = Callable[[Pool], float]


class Metric(Part):
    """Measures how well a subset covers a target; both are pools."""

    family = "metric"

    higher_is_better: ClassVar[bool] = True
    """Whether higher values are better."""

    looks_at: ClassVar[Literal["vectors", "groups", "texts"]] = "vectors"
    """What a pool must have to be measured."""

    @abstractmethod
    def against(self, target: Pool) -> Score:
        """Function from a subset to its score; work on the target alone is done once."""

    def standard_error(self, subset: Pool, target: Pool, n_target: int | None = None) -> float:
        """Standard error of a score that was measured on a sample of the target, else 0.

        Parameters
        ----------
        subset, target
            The pools that were measured.
        n_target
            Number of rows that `target` is a random sample of; its own if not given.
        """
        return 0.0

    def score(self, subset: "Vectors", target: "Vectors") -> float:
        """Value of the metric for one subset and target; most metrics take vectors alone, too.

        Raises
        ------
        ShapeError
            One is neither a pool nor vectors, the vectors of the two cannot be compared, or the
            metric needs groups and one has none.
        InputError
            The metric needs texts, and the subset has none.
        """
        subset, target = pool_or_vectors(subset), pool_or_vectors(target)
        self.check(subset, target)
        return self.against(target)(subset)

    def check(self, subset: Pool, target: Pool) -> None:
        """Raise what :meth:`score` raises, without measuring."""
        if self.looks_at == "groups":
            for called, pool in (("subset", subset), ("target", target)):
                if pool.groups is None:
                    raise ShapeError(
                        f"{self.name} looks at groups, and the {called} has none; "
                        "name their column with group="
                    )
        elif self.looks_at == "texts":
            if not subset.has_texts:
                raise InputError(
                    f"{self.name} looks at texts, and a pool of vectors alone has none; "
                    "build it with Pool.of"
                )
        else:
            target.check_comparable(subset)
