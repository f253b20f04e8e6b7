"""Advise: what to add next, by what it covers that is missing; long, as it says on what grounds."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Unpack

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.clusterers import KMeans
from instructdiv.core.allowance import Allowance
from instructdiv.core.apportion import largest_remainder
from instructdiv.core.greedy import maximize
from instructdiv.core.space import Space
from instructdiv.core.wording import counted
from instructdiv.data.normalize import normalize
from instructdiv.data.reading import Reading, ReadingOptions
from instructdiv.errors import ParameterError, ShapeError
from instructdiv.pool import Pool
from instructdiv.pool_input import as_target, read_together
from instructdiv.published import evidence
from instructdiv.report.clusters_and_groups import by_size
from instructdiv.report.curve import reached
from instructdiv.report.facts import Advice
from instructdiv.report.names import part_names
from instructdiv.report.profile import few_instructions
from instructdiv.results import HIDDEN, Facts, Result, Similarity, Table, count, three
from instructdiv.selectors.facility_location import Coverage

Rows = NDArray[np.int64]
Mode = Literal["specialist", "generalist"]

SAME = "more of the same"
"""Name of the source that stands for more records like those of the pool."""

_PROBED = 1000
_LOOKED_AT = 6000
_AT_LEAST = 200
_HELD_BACK = 5
_NEIGHBORS = 128
_MOST_CLUSTERS = 20
_ENOUGH = 0.9
_COPY = 0.95
_ROUNDING = 1e-6
_SAME_SHARE = 0.5
_BEYOND_SHARE = 0.1


class SourceGain(Facts):
    """Coverage that the records of one source add."""

    source: str
    """Name of the data set, or words of the cluster."""

    records: int
    """Records of the source."""

    known: int
    """Records that the pool has already, or near copies of (similarity of 0.95 or more); they
    are not added."""

    probed: int
    """Records that were chosen, best first, to measure the gain."""

    gain: Similarity
    """What the probed records add to the coverage."""

    per_thousand: Similarity = Field(title="gain per 1,000")
    """Gain for each thousand probed records."""

    enough: int | None
    """Records that reach nine tenths of that gain; None where there is no gain."""

    allocated: int | None
    """Records of the added budget that this source gets; None for a cluster."""


class AddedCurve(Facts):
    """Coverage as the best records of all candidates are added, one after another."""

    added: list[int]
    """Records added."""

    coverage: list[float]
    """Mean similarity of the target to the nearest record."""

    flattens_at: int | None
    """Records that reach nine tenths of the gain of the whole budget; None where there is no
    gain."""

    def tables(self) -> dict[str, Table]:
        columns = {
            "records added": [*map(count, self.added)],
            "coverage": [*map(three, self.coverage)],
        }
        return {"Coverage": Table.of_columns(columns)}


class AdditionAdvice(Result):
    """What to add next, and why."""

    title: ClassVar[str] = "What to add next"

    mode: Mode
    """Whether the model is a specialist or a generalist."""

    add: int
    """Records to add."""

    records: int
    """Records of the pool."""

    covered: str
    """What coverage is measured on: the target, or the pool with all candidates."""

    measured_on: int
    """Records that coverage was measured on."""

    coverage: float
    """Mean similarity of these to the nearest record of the pool."""

    same: Annotated[SourceGain, HIDDEN]
    """More records like those of the pool, measured on records that were held back."""

    sources: list[SourceGain]
    """The candidates, the one that adds most first."""

    clusters: list[SourceGain]
    """The same for clusters of all candidates together."""

    curve: AddedCurve
    """Coverage as the best of them all are added."""

    notes: list[str]
    """Notices: what could not be done as asked."""

    advice: list[Advice]
    """Recommendations and reasons against them, each with its evidence."""

    def tables(self) -> dict[str, Table]:
        return super().tables() | {"Sources": Table.of([self.same, *self.sources])}


def advise(
    pool: Any,
    candidates: Any,
    add: int = 10_000,
    mode: Mode = "generalist",
    target: Any = None,
    *,
    reading: Reading | None = None,
    **options: Unpack[ReadingOptions],
) -> AdditionAdvice:
    """Tell what to add next: what each source covers that is not covered yet.

    Coverage is the mean similarity of the target to the nearest record. Of each source the
    first thousand records that facility location takes, given what is there, tell what it adds.
    So do records of the pool itself that were held back, a fifth at most: they stand for more
    of the same. What is held back is missing for all sources alike. Without a target, coverage
    is of the pool and of every source, as many records of each as far as they have so many.

    The added budget is shared out by largest remainder. A specialist's goes to more of the
    same, but for as much as makes a tenth of all records beyond it; a generalist's by half to
    more of the same [1]_. The rest goes to the sources in proportion to what their best thousand
    add, as far as they have records that are not known.

    Parameters
    ----------
    pool
        What is there.
    candidates
        What may be added: pools by name, or one with groups, which are the sources.
    add
        Records to add.
    mode
        specialist: the model is for what the pool is of; generalist: it is for everything.
    target
        What should be covered; the pool and all candidates if not given.
    reading
        How data that are no pool yet are read and embedded.
    **options
        Parameters of :class:`instructdiv.Reading`, as keywords.

    Raises
    ------
    ParameterError
        The number of records or the mode is none.
    ShapeError
        There is no candidate, or pools cannot be compared.

    References
    ----------
    .. [1] D. Zhang, J. Wang, F. Charton, "Only-IF: Revealing the decisive effect of instruction
       diversity on generalization", arXiv 2410.04717, 2024, tables 1 to 3. That coverage tells
       what helps is our reading: the paper measured no coverage.

    Examples
    --------
    >>> pool = Pool.from_embeddings([[1.0, 0.0, 0.0], [1.0, 0.1, 0.0], [1.0, 0.2, 0.0]])
    >>> law = Pool.from_embeddings([[0.0, 1.0, 0.0], [0.0, 1.0, 0.1]])
    >>> found = advise(pool, {"law": law, "copies": pool}, add=2)
    >>> found.sources[0].source, [row.known for row in found.sources]
    ('law', [0, 3])
    """
    if not isinstance(add, int | np.integer) or isinstance(add, bool) or add < 1:
        raise ParameterError(f"at least 1 record is to be added, got {add!r}")
    if mode not in ("specialist", "generalist"):
        raise ParameterError(f"mode is specialist or generalist, got {mode!r}")
    reading = Reading.of(reading, **options)
    seed, progress = reading.seed, reading.progress or (lambda _stage, _done, _total: None)
    pool, candidates, target = read_together(reading, pool, candidate=candidates, target=target)
    named = _sources(candidates)
    for one in named.values():
        pool.check_comparable(one)
    random = np.random.default_rng(seed)
    aim = None if target is None else as_target(target)
    if aim is not None:
        pool.check_comparable(aim)
    looked_at = _looked_at([pool, *named.values()] if aim is None else [aim], random)
    held_back = _held_back(len(pool), add, random)
    there = pool.space.take(np.setdiff1d(np.arange(len(pool)), held_back))
    scene = _Scene(looked_at, there.nearest_similarity(looked_at), pool.space, min(add, _PROBED))
    space = Space(np.concatenate([one.space.vectors for one in named.values()]))
    labels = by_size(KMeans(n_clusters=_n_clusters(len(space))).seeded(seed).cluster(space))
    joined = Pool.joined(named)
    kinds = [(SAME, pool.space.take(held_back))]
    kinds += [(name, one.space) for name, one in named.items()]
    names = part_names(joined, labels)
    kinds += [(name, space.take(np.flatnonzero(labels == i))) for i, name in enumerate(names)]
    measured = []
    for number, (name, kind) in enumerate(kinds):
        progress("measure", number, len(kinds) + 1)
        measured.append(scene.gain(name, kind, all_new=not number))
    gains = [gain for gain, _ in measured]
    same, sources = gains[0], gains[1 : 1 + len(named)]
    best = int(np.argmax([one.gain for one in sources]))
    ahead = _ahead(measured[1 + best][1], measured[0][1])
    curve = scene.curve(space, add)
    progress("measure", len(kinds) + 1, len(kinds) + 1)
    same, sources, notes = _allocated(same, sources, len(pool), add, mode)
    sources = sorted(sources, key=lambda row: -row.gain)
    clusters = sorted(gains[1 + len(named) :], key=lambda row: -row.gain)
    return AdditionAdvice(
        headline=_headline(pool, scene, same, sources, curve, add),
        mode=mode,
        add=add,
        records=len(pool),
        covered="the pool and all candidates" if aim is None else "the target",
        measured_on=len(looked_at),
        coverage=scene.coverage,
        same=same,
        sources=sources,
        clusters=clusters,
        curve=curve,
        notes=notes,
        advice=_advice(pool, same, sources, curve, mode, ahead=ahead),
    )


class _Scene:
    """A target, and what covers it already."""

    def __init__(
        self, target: Space, covered: NDArray[np.float32], there: Space, probed: int
    ) -> None:
        self._target = target
        self._covered = np.maximum(covered, 0)
        self._there = there
        self._probed = probed
        self.coverage = float(self._covered.mean(dtype=np.float64))

    def gain(
        self, name: str, space: Space, *, all_new: bool = False
    ) -> tuple[SourceGain, NDArray[np.float64]]:
        """What the best records of a space add, that are not known unless all are new.

        Returns
        -------
        gain
            What they add.
        sums
            (probed,) what the first of them add, and the first two, and so on.
        """
        near = self._there.nearest_similarity(space) if len(space) and not all_new else None
        new = np.arange(len(space)) if near is None else np.flatnonzero(near < _COPY)
        n = min(self._probed, len(new))
        gains = self._gains(space.take(new), n) if n else np.zeros(0)
        total = float(gains.sum())
        sums = np.cumsum(gains)
        enough = None
        if total > 0:
            enough = 1 + int(np.searchsorted(sums, _ENOUGH * total * (1 - 1e-9)))
        gain = SourceGain(
            source=name,
            records=len(space),
            known=len(space) - len(new),
            probed=n,
            gain=total,
            per_thousand=1000 * total / n if n else 0.0,
            enough=enough,
            allocated=None,
        )
        return gain, sums

    def curve(self, space: Space, add: int) -> AddedCurve:
        """Coverage as the best records of a space are added."""
        n = min(add, len(space))
        values = self.coverage + np.concatenate([[0.0], np.cumsum(self._gains(space, n))])
        steps = {s * 10**p for p in range(9) for s in (1, 2, 5) if s * 10**p < n}
        added = [0, *sorted(steps), n]
        level = values[0] + _ENOUGH * (values[-1] - values[0])
        rises = values[-1] - values[0] > _ROUNDING
        every = list(range(1, n + 1))
        return AddedCurve(
            added=added,
            coverage=[float(values[i]) for i in added],
            flattens_at=reached(every, values[1:], float(level)) if rises else None,
        )

    def _gains(self, space: Space, n: int) -> NDArray[np.float64]:
        objective = Coverage(self._target, space, _NEIGHBORS, covered=self._covered)
        allowance = Allowance(np.ones(len(space), np.int64), n, np.arange(len(space)))
        return maximize(objective, allowance)[1] / len(self._target)


def _sources(candidates: Pool | Mapping[str, Pool]) -> dict[str, Pool]:
    """The candidates by name: pools as they were given, or the groups of one."""
    if isinstance(candidates, Pool):
        if candidates.groups is None:
            return {"candidates": candidates}
        groups = candidates.groups
        return {
            str(name): candidates.take(np.flatnonzero(groups == name)) for name in np.unique(groups)
        }
    given = candidates if isinstance(candidates, Mapping) else {}
    named = {str(name): one for name, one in given.items()}
    if len(named) < len(given):
        raise ShapeError(f"two have the same name: {', '.join(map(str, given))}")
    if SAME in named:
        raise ShapeError(f"{SAME!r} is the name of what is there; give the candidates another")
    if not named or any(not isinstance(one, Pool) or not len(one) for one in named.values()):
        raise ShapeError(
            "candidates are pools by name with a record each at least; embed them with the others, "
            "with Pool.together"
        )
    return named


def _looked_at(pools: list[Pool], random: np.random.Generator) -> Space:
    """As many records of each pool, as far as it has so many."""
    most = max(_AT_LEAST, _LOOKED_AT // len(pools))
    vectors = []
    for pool in pools:
        rows = np.arange(len(pool))
        if len(rows) > most:
            rows = np.sort(random.choice(len(pool), most, replace=False))
        vectors.append(pool.space.vectors[rows])
    return Space(np.concatenate(vectors))


def _held_back(n: int, add: int, random: np.random.Generator) -> Rows:
    """Rows of a pool that stand for more like them: as many as are probed, a fifth at most."""
    return np.sort(random.choice(n, min(n // _HELD_BACK, add, _PROBED), replace=False))


def _n_clusters(n: int) -> int:
    return int(np.clip(round(n**0.5 / 2), 1, min(_MOST_CLUSTERS, n)))


def _ahead(source: NDArray[np.float64], same: NDArray[np.float64]) -> bool:
    """Whether the first records of a source add more than as many of the same."""
    n = min(len(source), len(same))
    return bool(source[n - 1] > same[n - 1]) if n else bool(len(source) and source[-1] > 0)


def _allocated(
    same: SourceGain, sources: list[SourceGain], n_there: int, add: int, mode: Mode
) -> tuple[SourceGain, list[SourceGain], list[str]]:
    """The added budget, shared out."""
    notes = []
    beyond = round(_SAME_SHARE * add)
    if mode == "specialist":
        beyond = min(add, round(_BEYOND_SHARE * (n_there + add)))
    weights = np.array([row.gain for row in sources])
    room = np.array([row.records - row.known for row in sources])
    weights[room == 0] = 0
    held = int(room[weights > 0].sum())
    if held < beyond:
        notes.append(
            f"the sources have {held:,} records that are not known and add something, fewer than "
            f"the {beyond:,} that were theirs; more of the same gets the rest"
        )
    quotas = largest_remainder(min(beyond, held), weights, room).tolist()
    copies = [row.source for row in sources if row.known == row.records]
    if copies:
        notes.append(f"all records are there already, or nearly so, of: {', '.join(copies)}")
    told = [
        row.model_copy(update={"allocated": quota})
        for row, quota in zip(sources, quotas, strict=True)
    ]
    return same.model_copy(update={"allocated": add - sum(quotas)}), told, notes


def _headline(
    pool: Pool,
    scene: _Scene,
    same: SourceGain,
    sources: list[SourceGain],
    curve: AddedCurve,
    add: int,
) -> str:
    best = sources[0]
    told = f"{counted(len(pool), 'record')} with a coverage of {scene.coverage:.3f}. "
    told += f"The best {counted(best.probed, 'record')} of {best.source} would add {best.gain:.3f}"
    if same.probed:
        told += f", {same.probed:,} more of the same {same.gain:.3f}"
    told += "."
    if curve.flattens_at is not None:
        told += f" {curve.flattens_at:,} of {add:,} added records reach nine tenths of the gain."
    return told


def _advice(
    pool: Pool,
    same: SourceGain,
    sources: list[SourceGain],
    curve: AddedCurve,
    mode: Mode,
    *,
    ahead: bool,
) -> list[Advice]:
    rows = {row.id: row for row in evidence()}
    best = sources[0]
    told = []
    table = "only-if-table-3" if mode == "generalist" else "only-if-fig-6"
    if ahead:
        told.append(
            Advice(
                says=f"add {best.source}: its best {counted(best.probed, 'record')} add "
                f"{best.gain:.3f} to the coverage"
                + (f", {same.probed:,} more of the same {same.gain:.3f}" if same.probed else ""),
                evidence=[table],
            )
        )
    else:
        told.append(
            Advice(
                says="no source adds more to the coverage than more of the same; look for others",
                evidence=["only-if-fig-4"],
            )
        )
    if mode == "generalist":
        without_if = [id_ for id_, row in rows.items() if "without_if" in row.loses]
        others = [row for row in rows.values() if row.table == 3 and row.control is not None]
        told.append(
            Advice(
                says=("spend half of what you add on new domains, and " if ahead else "")
                + "score new domains apart from the rest: without instruction following "
                f"{len(without_if)} of {len(others)} published mixes with another source lost to "
                "the core alone",
                evidence=["only-if-table-3", *without_if],
            )
        )
    if mode == "specialist":
        lost = [i for i, row in rows.items() if row.table < 3 and "average" in row.loses]
        told.append(
            Advice(
                says="keep about a tenth of all records beyond the core, fewer where there are "
                "very many, and train the core alone beside it: too much hurts, and "
                f"{counted(len(lost), 'published run')} lost to the core alone",
                evidence=["only-if-fig-6", "only-if-1.6", *lost],
            )
        )
    if curve.flattens_at is not None and curve.flattens_at < curve.added[-1] // 2:
        told.append(
            Advice(
                says=f"coverage flattens after {curve.flattens_at:,} of {curve.added[-1]:,} "
                "records: a smaller budget does nearly as much; what scales is new domains",
                evidence=["only-if-table-3"],
            )
        )
    if pool.records is not None:
        told += few_instructions(len({normalize(text) for text in pool.instructions}))
    return told
