"""Evidence: published training runs and findings on instruction diversity, read from CSV."""

import csv
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, overload

from pydantic import SerializerFunctionWrapHandler, model_serializer

from instructdiv.errors import InputError
from instructdiv.results import HIDDEN, Result

Numbers = Mapping[str, float]

_ONLY_IF = "arXiv:2410.04717"
_TABLES = ("only_if_table_1.csv", "only_if_table_2.csv", "only_if_table_3.csv")
_CODE = {"HumanEval", "HumanEval+", "MBPP", "MBPP+"}


class Evidence(Result):
    """One row of a table: a model, the records it was trained on, and its scores.

    Single runs: no row has an error bar.
    """

    title: ClassVar[str] = "Evidence"

    id: str
    """Table and row, as in `only-if-1.3`."""

    model: str
    """Model that was trained."""

    base: Numbers
    """Thousands of records by source before the addition."""

    added: Numbers
    """Thousands of records by source that were added."""

    budget: float
    """Nominal number of records, in thousands."""

    scores: Numbers
    """Scores as printed, in percent."""

    printed: Numbers
    """Averages (in percent) and gains (in percent of the score of another row), as printed."""

    controls: Mapping[str, str]
    """Ids of the rows that gains are against: `same_total`, `smaller_total`, `fewer_sources`."""

    source: str = _ONLY_IF
    """Paper the row is from."""

    note: str = ""
    """Remark on the row; usually empty."""

    @property
    def table(self) -> int:
        """Number of the table."""
        return int(self.id.rpartition("-")[2].partition(".")[0])

    @property
    def mix(self) -> dict[str, float]:
        """Thousands of records by source, those of the core first."""
        sources = dict.fromkeys([*self.base, *self.added])
        return {name: self.base.get(name, 0) + self.added.get(name, 0) for name in sources}

    @property
    def total(self) -> float:
        """Thousands of records in all; one row differs from its budget."""
        return sum(self.mix.values())

    @property
    def beyond_core(self) -> float:
        """Share of the records from another source than the core."""
        core, *_ = self.mix
        return 1 - self.mix[core] / self.total

    @property
    def control(self) -> str | None:
        """Id of the row with the same total and the core alone; None of such a row itself."""
        return self.controls.get("same_total")

    @property
    def averages(self) -> dict[str, float]:
        """Averages computed from the scores; empty where the benchmarks were not printed."""
        if set(self.scores) != _CODE:
            return {}
        base = (self.scores["HumanEval"] + self.scores["MBPP"]) / 2
        plus = (self.scores["HumanEval+"] + self.scores["MBPP+"]) / 2
        return {"average_base": base, "average_plus": plus, "average": (base + plus) / 2}

    @property
    def overall(self) -> float:
        """The average over all benchmarks."""
        return self.averages.get("average", self.scores.get("overall", 0.0))

    @property
    def derived(self) -> dict[str, float]:
        """Everything in `printed`, computed from the scores."""
        gains = {
            f"gain_{name}": _gain(self.overall, _row(id_).overall)
            for name, id_ in self.controls.items()
        }
        return {name: (self.averages | gains)[name] for name in self.printed}

    @property
    def gains(self) -> dict[str, float]:
        """Gain of each score and average in percent of that of the control, computed anew.

        Empty for a row that is a control itself. Some gains are below 0.
        """
        if self.control is None:
            return {}
        control = _row(self.control)
        mine, theirs = {**self.scores, **self.averages}, {**control.scores, **control.averages}
        return {name: _gain(mine[name], theirs[name]) for name in mine}

    @property
    def loses(self) -> tuple[str, ...]:
        """Scores and averages below those of the control."""
        return tuple(name for name, gain in self.gains.items() if gain < 0)

    def _said(self) -> str:
        mix = ", ".join(f"{n:g}K {source}" for source, n in self.mix.items() if n)
        overall = self.printed.get("average", self.overall)
        text = f"{self.id}: {self.model} on {mix}: {overall:.1f} overall"
        if self.control is not None:
            text += f", {self.printed['gain_same_total']:+.1f} % against "
            text += f"{_row(self.control).total:g}K of the core alone ({self.control})"
            if "without_if" in self.gains:
                text += f"; {self.gains['without_if']:+.1f} % without instruction following"
        return text + (f" ({self.note})" if self.note else "")

    @model_serializer(mode="wrap")
    def _with_derived(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        names = ("mix", "total", "derived", "gains", "loses")
        found: dict[str, Any] = write(self)
        return found | {name: getattr(self, name) for name in names}


class Finding(Result):
    """The finding of a figure or a whole table, and its limits."""

    title: ClassVar[str] = "Finding"

    id: str
    """Figure or table, as in `only-if-fig-2a`."""

    says: str
    """The finding."""

    caveat: str
    """Limits of the finding."""

    rows: Annotated[tuple[str, ...], HIDDEN] = ()
    """Ids of the rows that show the finding, if any."""

    source: str = _ONLY_IF
    """Paper it is from."""


@overload
def evidence(id: None = None) -> tuple[Evidence, ...]: ...
@overload
def evidence(id: str) -> Evidence | Finding: ...
def evidence(id: str | None = None) -> tuple[Evidence, ...] | Evidence | Finding:  # noqa: A002
    """Look up the published training runs behind the advice, with those that speak against it.

    The 39 rows are those of tables 1 to 3 of a paper on instruction diversity [1]_: a code model
    with general instructions in place of some code (1 and 2), a general model with other sources
    in place of some reasoning (3). Each row names its control, so that gains can be computed.
    Some rows lose to it: see `loses`.

    Parameters
    ----------
    id
        Id of a row, or of a finding as advice cites it; all rows if not given.

    Returns
    -------
    tuple of Evidence, Evidence or Finding
        All rows in their order; or the row or finding with the id.

    Raises
    ------
    InputError
        No row and no finding has the id.

    References
    ----------
    .. [1] D. Zhang, J. Wang, F. Charton, "Only-IF: Revealing the Decisive Effect of Instruction
       Diversity on Generalization", 2024, arXiv:2410.04717.

    Examples
    --------
    >>> len(evidence())
    39
    >>> print(evidence("only-if-1.3"))
    only-if-1.3: DeepSeek-Coder-6.7B on 18K OSS-Instruct, 2K Alpaca: 67.1 overall, +4.6 % against
    20K of the core alone (only-if-1.1)
    >>> [row.id for row in evidence() if row.gains.get("without_if", 0) < 0]
    ['only-if-3.10', 'only-if-3.11', 'only-if-3.15', 'only-if-3.16', 'only-if-3.18']
    """
    rows, named = _rows(), _findings()
    if id is None:
        return tuple(rows.values())
    if id in named:
        return named[id]
    if id not in rows:
        first, *_, last = rows
        raise InputError(
            f"no evidence has the id {id!r}; rows are {first} to {last}, findings "
            f"{', '.join(named)}"
        )
    return rows[id]


def findings() -> tuple[Finding, ...]:
    """Look up the findings of figures and whole tables; rows are those of :func:`evidence`.

    Examples
    --------
    >>> [finding.id for finding in findings()][:2]
    ['only-if-fig-2a', 'only-if-fig-2b']
    """
    return tuple(_findings().values())


def _row(id_: str) -> Evidence:
    return _table_rows()[id_]


def _gain(score: float, control: float) -> float:
    return 100 * (score / control - 1)


def _read(name: str) -> list[dict[str, str]]:
    with Path(__file__).with_name(name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def _table_rows() -> dict[str, Evidence]:
    """Every row of the tables by id, without its headline, which needs the other rows."""
    rows = [_evidence(row) for table in _TABLES for row in _read(table)]
    return {row.id: row for row in rows}


def _rows() -> dict[str, Evidence]:
    """Copies of every row: a caller may change their mappings."""
    return {
        id_: row.model_copy(update={"headline": row._said()}, deep=True)
        for id_, row in _table_rows().items()
    }


def _evidence(row: Mapping[str, str]) -> Evidence:
    """A row of a table; a column is named by the kind of its values and their name."""

    def cells(kind: str) -> dict[str, str]:
        columns = [name for name in row if name.startswith(f"{kind} ")]
        return {name.removeprefix(f"{kind} "): row[name] for name in columns if row[name]}

    def numbers(kind: str) -> dict[str, float]:
        return {name: float(cell) for name, cell in cells(kind).items()}

    return Evidence(
        headline="",
        id=row["id"],
        model=row["model"],
        base=numbers("base"),
        added=numbers("added"),
        budget=float(row["budget"]),
        scores=numbers("score"),
        printed=numbers("printed"),
        controls=cells("control"),
        note=row["note"],
    )


@cache
def _findings() -> dict[str, Finding]:
    found = {}
    for row in _read("findings.csv"):
        headline = f"{row['id']}: {row['says']} ({row['caveat']}; {row['source']})"
        rows = tuple(row["rows"].split())
        found[row["id"]] = Finding.model_validate(row | {"headline": headline, "rows": rows})
    return found
