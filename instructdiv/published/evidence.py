"""Evidence: published training runs and findings on instruction diversity, read from CSV."""

import csv
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import overload

from instructdiv.errors import InputError

Numbers = Mapping[str, float]

_ONLY_IF = "arXiv:2410.04717"
_TABLES = ("only_if_table_1.csv", "only_if_table_2.csv", "only_if_table_3.csv")
_CODE = {"HumanEval", "HumanEval+", "MBPP", "MBPP+"}


@dataclass(frozen=True)
class Evidence:
    """One row of a table: a model, what it was trained on, and how it scored.

    Single runs: no row has an error bar.
    """

    id: str
    """Table and row, as in `only-if-1.3`."""

    model: str
    """Model that was trained."""

    base: Numbers
    """Thousands of records by source that the row begins with."""

    added: Numbers
    """Thousands of records by source that were added."""

    budget: float
    """Thousands of records that the row is meant to have."""

    scores: Numbers
    """Scores as printed, in percent."""

    printed: Numbers
    """What the paper worked out from scores, as printed: averages in percent, gains in percent
    of the score of another row."""

    controls: Mapping[str, str]
    """Which rows the gains are against, by id: `same_total`, `smaller_total`, `fewer_sources`."""

    source: str = _ONLY_IF
    """Paper the row is from."""

    note: str = ""
    """What is odd about it."""

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
        """Thousands of records in all; in one row not those of its budget."""
        return sum(self.mix.values())

    @property
    def beyond_core(self) -> float:
        """Share of the records that are from another source than the core."""
        core, *_ = self.mix
        return 1 - self.mix[core] / self.total

    @property
    def control(self) -> str | None:
        """Id of the row with the same total and the core alone; None of such a row itself."""
        return self.controls.get("same_total")

    @property
    def averages(self) -> dict[str, float]:
        """Averages of scores, worked out anew; none where the benchmarks were not printed."""
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
        """Everything in `printed`, worked out anew from the scores."""
        gains = {
            f"gain_{name}": _gain(self.overall, _row(id_).overall)
            for name, id_ in self.controls.items()
        }
        return {name: (self.averages | gains)[name] for name in self.printed}

    @property
    def gains(self) -> dict[str, float]:
        """Gain of each score and average in percent of that of the control, worked out anew.

        Empty for a row that is a control itself. Some are below 0.
        """
        if self.control is None:
            return {}
        control = _row(self.control)
        mine, theirs = {**self.scores, **self.averages}, {**control.scores, **control.averages}
        return {name: _gain(mine[name], theirs[name]) for name in mine}

    @property
    def loses(self) -> tuple[str, ...]:
        """Scores and averages that are lower than those of the control."""
        return tuple(name for name, gain in self.gains.items() if gain < 0)

    def __str__(self) -> str:
        mix = ", ".join(f"{n:g}K {source}" for source, n in self.mix.items() if n)
        overall = self.printed.get("average", self.overall)
        text = f"{self.id}: {self.model} on {mix}: {overall:.1f} overall"
        if self.control is not None:
            text += f", {self.printed['gain_same_total']:+.1f} % against "
            text += f"{_row(self.control).total:g}K of the core alone ({self.control})"
            if "without_if" in self.gains:
                text += f"; {self.gains['without_if']:+.1f} % without instruction following"
        return text + (f" ({self.note})" if self.note else "")

    def to_json(self) -> str:
        """All of it as a JSON object, with what was worked out anew."""
        more = {"mix": self.mix, "total": self.total, "derived": self.derived, "gains": self.gains}
        return json.dumps(asdict(self) | more | {"loses": self.loses})


@dataclass(frozen=True)
class Finding:
    """What a figure or a whole table says, and what it does not."""

    id: str
    """Figure or table, as in `only-if-fig-2a`."""

    says: str
    """What was found."""

    caveat: str
    """What limits it."""

    rows: tuple[str, ...] = field(default=())
    """Ids of the rows that show it, where there are any."""

    source: str = _ONLY_IF
    """Paper it is from."""

    def __str__(self) -> str:
        return f"{self.id}: {self.says} ({self.caveat}; {self.source})"

    def to_json(self) -> str:
        """All of it as a JSON object."""
        return json.dumps(asdict(self))


@overload
def evidence(id: None = None) -> tuple[Evidence, ...]: ...
@overload
def evidence(id: str) -> Evidence | Finding: ...
def evidence(id: str | None = None) -> tuple[Evidence, ...] | Evidence | Finding:  # noqa: A002
    """Give the rows that advice rests on, those that speak against it too.

    The 39 rows are those of tables 1 to 3 of a paper on instruction diversity [1]_: a code model
    with general instructions in place of some code (1 and 2), a general model with other sources
    in place of some reasoning (3). Each knows its control, so that its gains can be worked out
    again. Not all gain: see `loses`.

    Parameters
    ----------
    id
        Of one row, or of a finding as advice cites it; all rows if not given.

    Returns
    -------
    tuple of Evidence, Evidence or Finding
        All rows in their order; or what has the id.

    Raises
    ------
    InputError
        Nothing has the id.

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
    """Give what figures and whole tables say; the rows are those of :func:`evidence`.

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


def _rows() -> dict[str, Evidence]:
    """Every row of the tables by id, read anew: a caller may change the mappings of his."""
    rows = [_evidence(row) for table in _TABLES for row in _read(table)]
    return {row.id: row for row in rows}


_table_rows = cache(_rows)  # shared, for what is worked out from other rows


def _evidence(row: Mapping[str, str]) -> Evidence:
    """A row of a table; its columns are named by the kind of a value and its name."""

    def cells(kind: str) -> dict[str, str]:
        return {
            name.removeprefix(kind): cell
            for name, cell in row.items()
            if name.startswith(kind) and cell
        }

    def numbers(kind: str) -> dict[str, float]:
        return {name: float(cell) for name, cell in cells(kind).items()}

    return Evidence(
        id=row["id"],
        model=row["model"],
        base=numbers("base "),
        added=numbers("added "),
        budget=float(row["budget"]),
        scores=numbers("score "),
        printed=numbers("printed "),
        controls=cells("control "),
        note=row["note"],
    )


@cache
def _findings() -> dict[str, Finding]:
    found = [
        Finding(row["id"], row["says"], row["caveat"], tuple(row["rows"].split()), row["source"])
        for row in _read("findings.csv")
    ]
    return {finding.id: finding for finding in found}
