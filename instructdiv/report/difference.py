"""Difference: what one data set covers that another lacks."""

from typing import Annotated, Any, ClassVar, Unpack

import numpy as np
from pydantic import Field

from instructdiv.core.wording import printable
from instructdiv.data.reading import Reading, ReadingOptions
from instructdiv.errors import GateFailed, ParameterError
from instructdiv.pool import Pool
from instructdiv.pool_input import as_pools
from instructdiv.report.facts import Gap
from instructdiv.report.gaps import Nearness, gaps
from instructdiv.report.names import Names
from instructdiv.results import HIDDEN, Facts, Result, Share, Similarity, Table

_PARTS = 8


class Side(Facts):
    """One of two data sets, seen from the other."""

    name: str = Field(title="data set")
    """Name of the data set."""

    records: int
    """Its records."""

    shared: int
    """Those whose vector a record of the other has too."""

    similarity: Similarity = Field(title="similarity to the other")
    """Mean similarity of its records to the nearest record of the other."""

    covered: Share = Field(title="within the radius")
    """Share of its records with one of the other within the radius."""

    measured_on: int
    """Its records that were held against the other: all, or a random sample."""

    lacking: list[Gap]
    """What it covers that the other lacks: its regions far from every record of the other,
    the largest loss first."""


class DifferenceRow(Facts):
    """One known group in both data sets."""

    group: str
    """Name of the group."""

    a: int = Field(title="first")
    """Records of the first in it."""

    b: int = Field(title="second")
    """Records of the second in it."""

    a_share: Share = Field(title="share of first")
    """Share of the first."""

    b_share: Share = Field(title="share of second")
    """Share of the second."""


class Difference(Result):
    """Two data sets side by side in one space."""

    title: ClassVar[str] = "Difference of two data sets"

    radius: float
    """Distance within which a record counts as covered."""

    a: Annotated[Side, HIDDEN]
    """The first, and what of it the second lacks."""

    b: Annotated[Side, HIDDEN]
    """The second, and what of it the first lacks."""

    groups: list[DifferenceRow]
    """Known groups of either, if both have groups; the largest difference of shares first."""

    def tables(self) -> dict[str, Table]:
        """Everything that is a table, by its title."""
        return {
            "Coverage of each other": Table.of([self.a, self.b]),
            "What the second lacks of the first": Table.of(self.a.lacking),
            "What the first lacks of the second": Table.of(self.b.lacking),
            **super().tables(),
        }

    def check(self, min_coverage: float | None) -> None:
        """Raise if the second covers the first less than is demanded.

        Raises
        ------
        GateFailed
            The mean similarity of a record of the first to the nearest of the second is
            below `min_coverage`.
        """
        if min_coverage is not None and self.a.similarity < min_coverage:
            raise GateFailed(
                f"coverage {self.a.similarity:.4f} is below the least allowed, {min_coverage:g}"
            )


def diff(
    a: Any,
    b: Any,
    names: tuple[str, str] = ("first", "second"),
    *,
    radius: float = 0.3,
    reading: Reading | None = None,
    **options: Unpack[ReadingOptions],
) -> Difference:
    """Set two data sets side by side: what each covers that the other lacks.

    Parameters
    ----------
    a, b
        The data sets, embedded alike: see :meth:`Pool.together`.
    names
        What they are called.
    radius
        Distance within which a record counts as covered.
    reading
        How data that are no pool yet are read and embedded.
    **options
        Parameters of :class:`instructdiv.Reading`, as keywords.

    Raises
    ------
    ShapeError
        The two do not lie in one space.
    ParameterError
        The radius lies outside 0..2.

    Examples
    --------
    >>> a = Pool.from_embeddings([[1.0, 0.0], [0.0, 1.0]])
    >>> b = Pool.from_embeddings([[1.0, 0.0], [1.0, 0.0], [0.9, 0.1]])
    >>> found = diff(a, b)
    >>> found.a.covered, found.b.covered
    (0.5, 1.0)
    >>> found.a.lacking[0].examples[0].row
    1
    """
    if not 0 <= radius <= 2:
        raise ParameterError(f"radius must lie in 0..2, got {radius}")
    reading = Reading.of(reading, **options)
    seed = reading.seed
    a, b = as_pools({"first": a, "second": b}, reading).values()
    a.check_comparable(b)
    first, second = _side(names[0], a, b, radius, seed), _side(names[1], b, a, radius, seed)
    return Difference(
        headline=_headline(first, second, radius),
        radius=radius,
        a=first,
        b=second,
        groups=_groups(a, b),
    )


def _side(name: str, pool: Pool, other: Pool, radius: float, seed: int) -> Side:
    near = Nearness.of(pool.space, other.space, seed)
    words = None if pool.records is None else Names(pool.texts, _PARTS)
    return Side(
        name=name,
        records=len(pool),
        shared=int(np.isin(pool.space.digests, other.space.digests).sum()),
        similarity=float(near.similarity.mean(dtype=np.float64)),
        covered=float((near.similarity >= 1 - radius).mean()),
        measured_on=len(near.rows),
        lacking=gaps(name, pool, near, other, None, words, seed),
    )


def _groups(a: Pool, b: Pool) -> list[DifferenceRow]:
    if a.groups is None or b.groups is None:
        return []
    names, labels = np.unique(np.concatenate([a.groups, b.groups]), return_inverse=True)
    counts = [
        np.bincount(part, minlength=len(names)) for part in (labels[: len(a)], labels[len(a) :])
    ]
    rows = [
        DifferenceRow(group=str(name), a=n, b=m, a_share=n / len(a), b_share=m / len(b))
        for name, n, m in zip(names, *counts, strict=True)
    ]
    return sorted(rows, key=lambda row: (-abs(row.a_share - row.b_share), row.group))


def _headline(a: Side, b: Side, radius: float) -> str:
    one, other = printable(a.name), printable(b.name)
    return (
        f"{one} ({a.records:,} records) covers {b.covered:.1%} of {other} ({b.records:,} "
        f"records) within a distance of {radius:g}; {other} covers {a.covered:.1%} of {one}. "
        f"Mean similarity to the nearest record of the other: {a.similarity:.3f} from {one}, "
        f"{b.similarity:.3f} from {other}."
    )
