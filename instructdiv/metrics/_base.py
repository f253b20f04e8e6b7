"""Metric: one number for how well a subset covers a target."""

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Literal

from numpy.typing import ArrayLike

from instructdiv.core.space import Space
from instructdiv.errors import InputError, ShapeError
from instructdiv.part import Part
from instructdiv.pool import Pool, as_pool

if TYPE_CHECKING:
    pass

Score = Callable[[Pool], float]


class Metric(Part):
    """How well a subset covers a target; both are pools."""

    family = "metric"

    higher_is_better: ClassVar[bool] = True
    """Direction of the metric."""

    looks_at: ClassVar[Literal["vectors", "groups", "texts"]] = "vectors"
    """What a pool must have to be measured."""

    @abstractmethod
    def against(self, target: Pool) -> Score:
        """A function from a subset to its score, with all that depends on the target done."""

    def standard_error(self, subset: Pool, target: Pool, n_target: int | None = None) -> float:
        """How far the score may be off, as it was measured on a sample; 0 if it was not.

        Parameters
        ----------
        subset, target
            What was measured.
        n_target
            Rows that the target is a random sample of; none but its own if not given.
        """
        return 0.0

    def score(self, subset: Pool | Space | ArrayLike, target: Pool | Space | ArrayLike) -> float:
        """The metric of one subset against a target; vectors alone do for most metrics.

        Raises
        ------
        ShapeError
            The vectors of the two cannot be compared, or groups that are looked at are missing.
        InputError
            The texts that are looked at are missing.
        """
        subset, target = as_pool(subset), as_pool(target)
        self.check(subset, target)
        return self.against(target)(subset)

    def check(self, subset: Pool, target: Pool) -> None:
        """Raise what :meth:`score` raises, without measuring."""
        if self.looks_at == "groups":
            for called, pool in (("subset", subset), ("target", target)):
                if pool.groups is None:
                    raise ShapeError(
                        f"{self.name} looks at groups, and the {called} has none; "
                        "give the pool the group of each row"
                    )
        elif self.looks_at == "texts":
            if not subset.has_texts:
                raise InputError(
                    f"{self.name} looks at texts, and a pool of vectors alone has none; "
                    "build it with Pool.of"
                )
        else:
            target.check_comparable(subset)
