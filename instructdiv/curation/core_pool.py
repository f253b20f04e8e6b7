"""Core pool: a core and the records that may replace some of it, as one pool of domains."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instructdiv.budget import Budget
from instructdiv.core.apportion import apportion
from instructdiv.core.wording import counted, start_of
from instructdiv.curation.exchange import Came, Diversified, DomainExchange, Exchange, Left
from instructdiv.curation.mix import Mix, stage
from instructdiv.curation.recipe import Recipe
from instructdiv.data.columns import LONGEST_NAME
from instructdiv.data.reading import Reading
from instructdiv.errors import BudgetError, ShapeError
from instructdiv.pool import Pool
from instructdiv.pool_input import as_pools
from instructdiv.published import evidence
from instructdiv.report.facts import Advice
from instructdiv.report.names import part_names
from instructdiv.selection import Selection
from instructdiv.selectors import Selector, Specialist

Rows = NDArray[np.int64]

CORE = "core"
"""Name of the core among the groups of a diversified mix."""

_SHOWN = 20
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class CorePool:
    """A core and the records that may replace some of it, as one pool whose groups are domains."""

    pool: Pool
    """The records: those of the core first."""

    sizes: Mapping[str, int]
    """Records of the core and of each data set, in the order of the pool."""

    reading: Reading
    """How they were read."""

    @classmethod
    def of(cls, core: Any, pools: Any, reading: Reading) -> "CorePool":
        """Read and embed what is not yet a pool; parameters are those of :func:`diversify`."""
        named = {CORE: core} | _named(pools)
        if len(named) == 1:
            raise ShapeError("there is nothing that may come; give pools by name")
        found = as_pools(named, reading, each={CORE: {"group": None}})
        labels = [
            _domains(name, one, alone=not isinstance(pools, Mapping)) for name, one in found.items()
        ]
        if any(CORE in one for one in labels[1:]):
            raise ShapeError(f"{CORE!r} is the name of the core; give the domain another")
        pool = Pool.joined(found)
        groups = np.concatenate([np.asarray(one, np.str_) for one in labels])
        groups.flags.writeable = False
        sizes = {name: len(one) for name, one in found.items()}
        return cls(replace(pool, groups=groups), sizes, reading)

    @property
    def n_core(self) -> int:
        """Records of the core."""
        return self.sizes[CORE]

    @cached_property
    def near(self) -> NDArray[np.float32]:
        """(n,) similarity of each record to the nearest of the core; 1 of those of the core."""
        space, n = self.pool.space, self.n_core
        others = space.take(np.arange(n, len(space)))
        near = space.take(np.arange(n)).nearest_similarity(others)
        return np.concatenate([np.ones(n, np.float32), near])

    def exchange(self, budget: int | None, selector: Specialist) -> Diversified:
        """Choose the mix of so many records, as many as the core has if not given.

        Raises
        ------
        BudgetError
            The core has too few records, or there are too few beyond it.
        """
        spent = Budget.of(self.n_core if budget is None else budget)
        self._check(spent, selector)
        seconds: dict[str, float] = {}
        with stage("select", seconds, self.reading.progress):
            selection = selector.select(self.pool, spent)
        recipe = recipe_of(self.pool, spent, selector, self.reading)
        mix = Mix(recipe, self.pool, selection, seconds)
        return Diversified(self._plan(selector, selection), mix, np.arange(self.n_core))

    def _check(self, budget: Budget, selector: Specialist) -> None:
        if budget.records is None:
            raise BudgetError(
                f"an exchange keeps the number of records: give records, not {budget}"
            )
        n, asked = budget.records, selector.beyond_share
        n_beyond = _n_beyond(n, asked)
        n_open = int((1 - self.near > selector.radius).sum())
        if n - n_beyond > self.n_core:
            raise BudgetError(
                f"{n:,} records with {asked:g} beyond the core take {n - n_beyond:,} of the core, "
                f"which has {self.n_core:,}; take a smaller budget, or a larger share beyond it"
            )
        if n_beyond > n_open:
            others = len(self.pool) - self.n_core
            most = math.floor(1000 * n_open / n) / 1000
            if not n_open:
                raise BudgetError(
                    f"nothing lies beyond the core: all {others:,} records that may come are "
                    f"within {selector.radius:g} of one of it; give other domains, or a smaller "
                    "radius"
                )
            raise BudgetError(
                f"{asked:g} of {n:,} records beyond the core are {n_beyond:,}, but {n_open:,} of "
                f"{others:,} are farther than {selector.radius:g} from every record of it; take a "
                f"share of at most {most:g}, a smaller radius, or other domains"
            )

    def _plan(self, selector: Specialist, selection: Selection) -> Exchange:
        pool, chosen = self.pool, selection.indices
        assert pool.groups is not None  # noqa: S101
        is_core = np.arange(len(pool)) < self.n_core
        kept = np.zeros(len(pool), np.bool_)
        kept[chosen] = True
        left = self._left(np.flatnonzero(is_core & ~kept), chosen)
        beyond = ~is_core[chosen]
        came = self._came(chosen[beyond], selection.gains[beyond])
        domains = self._exchanged(kept, selector.radius)
        n = len(chosen)
        gone = sum(1 - one.similarity > selector.radius for one in left)
        gave = [row.domain for row in domains[1:] if row.chosen]
        headline = (
            f"{counted(n, 'record')}: {n - len(came):,} of the core of {self.n_core:,}, and "
            f"{len(came):,} of {counted(len(gave), 'domain')} beyond it. {len(left):,} leave"
        )
        if left:
            headline += f"; {len(left) - gone:,} of them have one like them that stays"
        reached = [row for row in domains[1:] if row.beyond]
        if reached:
            before = np.mean([row.covered_before for row in reached])
            after = np.mean([row.covered_after for row in reached])
            headline += (
                f". Of a domain beyond the core, on average {before:.1%} was covered, and "
                f"{after:.1%} is"
            )
        return Exchange(
            headline=f"{headline}.",
            budget=n,
            beyond_share=selector.beyond_share,
            radius=selector.radius,
            domains=domains,
            left=left,
            came=came,
            notes=self._notes(selector, domains, len(came), len(left), gone),
            advice=_advice(selector.beyond_share),
        )

    def _left(self, rows: Rows, chosen: Rows) -> list[Left]:
        if not len(rows):
            return []
        stays = np.sort(chosen)
        space = self.pool.space
        similarity, nearest = space.take(stays).nearest(space.take(rows), 1)
        order = np.argsort(-similarity[:, 0], kind="stable")
        return [
            Left(
                id=self._key(int(rows[i])),
                text=self._text(int(rows[i])),
                like=self._key(int(stays[nearest[i, 0]])),
                similarity=float(similarity[i, 0]),
            )
            for i in order.tolist()
        ]

    def _came(self, rows: Rows, gains: NDArray[np.float64]) -> list[Came]:
        assert self.pool.groups is not None  # noqa: S101
        return [
            Came(
                domain=str(self.pool.groups[row]),
                id=self._key(row),
                text=self._text(row),
                gain=gain,
                similarity=float(similarity),
            )
            for row, gain, similarity in zip(
                rows.tolist(), gains.tolist(), self.near[rows], strict=True
            )
        ]

    def _exchanged(self, kept: NDArray[np.bool_], radius: float) -> list[DomainExchange]:
        groups, space = self.pool.groups, self.pool.space
        assert groups is not None  # noqa: S101
        near = space.take(np.flatnonzero(kept)).nearest_similarity(space)
        found = []
        for domain in np.unique(groups).tolist():
            rows = np.flatnonzero(groups == domain)
            before, after = self.near[rows], near[rows]
            beyond = 1 - before > radius
            found.append(
                DomainExchange(
                    domain=domain,
                    records=len(rows),
                    beyond=len(rows) if domain == CORE else int(beyond.sum()),
                    chosen=int(kept[rows].sum()),
                    covered_before=float(1 - beyond.mean()),
                    covered_after=float((1 - after <= radius).mean()),
                    similarity_before=float(before.mean(dtype=np.float64)),
                    similarity_after=float(after.mean(dtype=np.float64)),
                )
            )
        return sorted(found, key=lambda row: (row.domain != CORE, -row.chosen, row.domain))

    def _notes(
        self,
        selector: Specialist,
        domains: Sequence[DomainExchange],
        n_came: int,
        n_left: int,
        gone: int,
    ) -> list[str]:
        notes = []
        if selector.beyond_share and not n_came:
            notes.append(
                f"{selector.beyond_share:g} of the budget comes to no whole record: the mix is of "
                "the core alone"
            )
        without = [row.domain for row in domains[1:] if row.beyond and not row.chosen]
        if n_came and without:
            notes.append(
                f"{counted(n_came, 'record')} beyond the core do not reach every domain; none of: "
                f"{', '.join(without[:_SHOWN])}"
            )
        inside = [row.domain for row in domains[1:] if not row.beyond]
        if inside:
            notes.append(
                f"the core covers all of: {', '.join(inside[:_SHOWN])}; nothing comes from there"
            )
        if gone:
            notes.append(
                f"the core has little to spare: {gone:,} of the {n_left:,} records that leave have "
                f"none like them (within {selector.radius:g}) in the mix"
            )
        if len(layouts := sorted({schema.name for schema in self.pool.schemas})) > 1:
            notes.append(
                f"records have {len(layouts)} layouts ({', '.join(layouts)}); most trainers read "
                "one"
            )
        return notes

    def _key(self, row: int) -> str:
        """The id of a record if it has one, else its row and data set."""
        records = self.pool.records
        own = None if records is None else records.rows[row].get("id")
        if own is not None:
            return str(own)
        ends = np.cumsum(list(self.sizes.values()))
        place = int(np.searchsorted(ends, row, side="right"))
        name, size = list(self.sizes.items())[place]
        return f"row {row - int(ends[place]) + size} of {name}"

    def _text(self, row: int) -> str:
        return start_of(self.pool.text(row)) if self.pool.has_texts else ""


def recipe_of(pool: Pool, budget: Budget, selector: Selector, reading: Reading) -> Recipe:
    """What decided a mix of a pool that is at hand."""
    fields = {name: getattr(reading, name) for name in ("seed", "strict", "progress")}
    fields |= {"budget": budget, "selector": selector, "view": pool.view}
    if pool.embedder is not None:
        fields["embedder"] = pool.embedder
    return Recipe.model_validate(fields)


def _named(pools: Any) -> dict[str, Any]:
    if not isinstance(pools, Mapping):
        return {"beyond": pools}
    named = by_name(pools)
    if CORE in named:
        raise ShapeError(f"{CORE!r} is the name of the core; give what may come another")
    return named


def by_name(given: Mapping[Any, Any]) -> dict[str, Any]:
    """What was given by name, each name as text.

    Raises
    ------
    ShapeError
        Two have one name, or one is too long.
    """
    named = {str(name): one for name, one in given.items()}
    if len(named) < len(given):
        raise ShapeError(f"two have the same name: {', '.join(map(str, given))}")
    if too_long := [name for name in named if len(name) > LONGEST_NAME]:
        raise ShapeError(
            f"a name has at most {LONGEST_NAME} characters, but {too_long[0][:40]!r}... has "
            f"{len(too_long[0])}"
        )
    return named


def _domains(name: str, pool: Pool, *, alone: bool) -> list[str]:
    """The domain of each record of one data set."""
    if name == CORE:
        return [CORE] * len(pool)
    if pool.groups is not None:
        return [str(one) for one in pool.groups]
    if not alone:
        return [name] * len(pool)
    if pool.records is not None and len(pool.records.sources) > 1:
        return [str(one) for one in pool.records.column("source")]
    names = part_names(pool, pool.clusters)
    return [names[i] for i in pool.clusters.tolist()]


def _n_beyond(budget: int, beyond_share: float) -> int:
    """Whole number of records beyond the core, as :class:`Specialist` shares out."""
    return int(apportion(budget, [1 - beyond_share, beyond_share])[1])


def _advice(beyond_share: float) -> list[Advice]:
    rows = {row.id: row for row in evidence()}
    gains = {id_: row.gains.get("average") for id_, row in rows.items()}
    gain = {id_: f"{found:+.1f} %" for id_, found in gains.items() if found is not None}
    lost = [id_ for id_ in gain if "average" in rows[id_].loses]
    told = [
        Advice(
            says="train the core alone too, with as many records and several seeds: of the "
            f"published mixes for a specialist {len(lost)} lost to it "
            f"({', '.join(gain[id_] for id_ in lost)})",
            evidence=["only-if-fig-6", *lost],
        )
    ]
    tenth, quarter = "only-if-1.3", "only-if-1.6"
    if beyond_share > rows[tenth].beyond_core + _ROUNDING:
        told.append(
            Advice(
                says="more beyond the core gained less: a tenth of 20,000 records "
                f"{gain[tenth]}, a quarter {gain[quarter]}",
                evidence=["only-if-fig-6", tenth, quarter],
            )
        )
    return told
