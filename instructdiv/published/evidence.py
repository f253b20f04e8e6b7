"""Evidence: what a paper on instruction diversity printed, row by row, and what it says."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import overload

from instructdiv.errors import InputError

Numbers = Mapping[str, float]

_ONLY_IF = "arXiv:2410.04717"
_OSS, _ALPACA, _COT = "OSS-Instruct", "Alpaca", "CoT-Collection"
_UI, _ORCA = "UltraInteract", "OpenOrca"
_CODE = ("HumanEval", "HumanEval+", "MBPP", "MBPP+")
_GENERAL = ("overall", "instruction_following", "without_if", "without_math")


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
        if set(self.scores) != set(_CODE):
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
    if id is None:
        return tuple(_rows())
    if id in _FINDINGS:
        return _FINDINGS[id]
    if id not in _ROWS:
        first, *_, last = _ROWS
        raise InputError(
            f"no evidence has the id {id!r}; rows are {first} to {last}, findings "
            f"{', '.join(_FINDINGS)}"
        )
    return next(row for row in _rows() if row.id == id)


def findings() -> tuple[Finding, ...]:
    """Give what figures and whole tables say; the rows are those of :func:`evidence`.

    Examples
    --------
    >>> [finding.id for finding in findings()][:2]
    ['only-if-fig-2a', 'only-if-fig-2b']
    """
    return tuple(_FINDINGS.values())


def _row(id_: str) -> Evidence:
    return _ROWS[id_]


def _gain(score: float, control: float) -> float:
    return 100 * (score / control - 1)


def _rows() -> Iterable[Evidence]:
    yield from _table_1()
    yield from _table_2()
    yield from _table_3()


def _table_1() -> Iterable[Evidence]:
    # base OSS, added OSS, Alpaca, CoT; HE, HE+, MBPP, MBPP+; averages base, plus, all; gain
    table: list[tuple[float | None, ...]] = [
        (15, 5, 0, 0, 62.2, 56.7, 75.7, 62.4, 68.9, 59.5, 64.2, None),
        (15, 4, 1, 0, 67.1, 59.8, 75.7, 62.2, 71.4, 61.0, 66.2, 3.1),
        (15, 3, 2, 0, 68.3, 61.6, 75.4, 63.2, 71.9, 62.4, 67.1, 4.6),
        (15, 2, 3, 0, 64.6, 60.4, 76.4, 63.4, 70.5, 61.9, 66.2, 3.1),
        (15, 1, 4, 0, 65.2, 58.5, 76.7, 63.7, 71.0, 61.1, 66.0, 2.8),
        (15, 0, 5, 0, 64.6, 57.9, 73.9, 61.4, 69.3, 59.7, 64.5, 0.5),
        (60, 15, 0, 0, 66.5, 61.6, 75.4, 61.9, 71.0, 61.8, 66.4, None),
        (60, 0, 15, 0, 67.1, 59.8, 77.0, 64.8, 72.1, 62.3, 67.2, 1.2),
        (60, 0, 7.5, 7.5, 64.6, 59.1, 76.2, 63.8, 70.4, 61.5, 65.9, -0.6),
        (60, 7.5, 7.5, 0, 68.9, 61.6, 76.2, 63.8, 72.6, 62.7, 67.6, 1.9),
        (60, 7.5, 3.25, 3.25, 66.5, 62.2, 76.2, 64.3, 71.4, 63.3, 67.3, 1.4),
        (60, 12.5, 2.5, 0, 68.3, 61.0, 76.2, 64.3, 72.3, 62.7, 67.5, 1.6),
        (60, 12.5, 1.25, 1.25, 68.3, 62.2, 77.8, 65.1, 73.1, 63.7, 68.4, 3.0),
        (60, 14, 1, 0, 69.5, 62.2, 76.2, 64.3, 72.9, 63.3, 68.1, 2.5),
        (60, 14, 0.5, 0.5, 66.5, 61.0, 76.5, 63.2, 71.5, 62.1, 66.8, 0.7),
    ]
    notes = {
        7: "only code: by the caption a row of the Magicoder paper",
        11: "3.25 (sic): it sums to 74K, not 75K",
    }
    names = ("average_base", "average_plus", "average", "gain_same_total")
    for i, (base, *row) in enumerate(table, 1):
        small = base == 15
        control = 1 if small else 7
        yield Evidence(
            id=f"only-if-1.{i}",
            model="DeepSeek-Coder-6.7B",
            base=_known((_OSS,), [base]),
            added=_known((_OSS, _ALPACA, _COT), row[:3]),
            budget=20 if small else 75,
            scores=_known(_CODE, row[3:7]),
            printed=_known(names, row[7:]),
            controls={} if i == control else {"same_total": f"only-if-1.{control}"},
            note=notes.get(i, ""),
        )


def _table_2() -> Iterable[Evidence]:
    # base OSS, added OSS, Alpaca, CoT; HE, HE+, MBPP, MBPP+; average; gain against no other
    # source, and against one source fewer on the same base
    table: list[tuple[float | None, ...]] = [
        (19, 1, 0, 0, 65.9, 59.8, 73.7, 62.2, 65.4, None, None),
        (19, 0, 1, 0, 67.7, 61.6, 75.9, 63.4, 67.2, 2.8, 2.8),
        (18, 0, 2, 0, 69.5, 63.4, 76.4, 63.2, 68.1, 4.1, None),
        (18, 0, 1, 1, 68.9, 63.4, 77.4, 64.2, 68.5, 4.7, 0.6),
        (16, 0, 4, 0, 65.2, 58.5, 76.7, 63.7, 66.0, 0.9, None),
        (16, 0, 2, 2, 68.3, 61.6, 77.2, 63.7, 67.7, 3.5, 2.6),
    ]
    names = ("average", "gain_same_total", "gain_fewer_sources")
    for i, (base, *row) in enumerate(table, 1):
        controls = {"same_total": "only-if-2.1"} if i > 1 else {}
        fewer = {"fewer_sources": f"only-if-2.{i - 1}"} if i % 2 == 0 else {}
        yield Evidence(
            id=f"only-if-2.{i}",
            model="CodeQwen-7B",
            base=_known((_OSS,), [base]),
            added=_known((_OSS, _ALPACA, _COT), row[:3]),
            budget=20,
            scores=_known(_CODE, row[3:7]),
            printed=_known(names, row[7:]),
            controls=controls | fewer,
        )


def _table_3() -> Iterable[Evidence]:
    # base UI, added UI, OpenOrca, Alpaca; overall, IF, without IF, without math; gain against UI
    # alone with 20K fewer, and with the same total
    table: list[tuple[float | None, ...]] = [
        (10, 10, 0, 0, 39.07, 25.32, 47.27, 44.94, None, None),
        (10, 0, 10, 0, 44.93, 43.85, 49.03, 48.77, None, 15.00),
        (10, 0, 0, 10, 44.78, 36.43, 51.51, 50.05, None, 14.64),
        (20, 20, 0, 0, 41.01, 23.99, 50.27, 48.97, 4.97, None),
        (20, 0, 20, 0, 46.87, 46.25, 50.96, 49.38, 19.99, 14.31),
        (20, 0, 0, 20, 44.41, 37.13, 50.86, 49.21, 13.68, 8.31),
        (20, 10, 10, 0, 47.59, 46.58, 51.64, 50.44, 21.81, 16.05),
        (20, 10, 0, 10, 43.47, 30.84, 51.50, 49.51, 11.27, 6.01),
        (40, 20, 0, 0, 40.39, 22.01, 50.43, 46.34, -1.50, None),
        (40, 0, 20, 0, 45.64, 46.69, 49.75, 52.45, 11.31, 13.00),
        (40, 0, 0, 20, 40.64, 31.93, 47.86, 48.62, -0.90, 0.61),
        (40, 10, 10, 0, 45.79, 40.10, 51.89, 51.08, 11.66, 13.37),
        (40, 10, 0, 10, 42.73, 31.30, 50.63, 48.45, 4.21, 5.79),
        (60, 20, 0, 0, 41.71, 24.67, 51.62, 47.97, 3.27, None),
        (60, 0, 20, 0, 45.86, 42.34, 51.19, 50.50, 13.54, 9.95),
        (60, 0, 0, 20, 43.27, 33.02, 50.83, 48.39, 7.14, 3.75),
        (60, 10, 10, 0, 46.07, 40.82, 51.93, 51.17, 14.06, 10.45),
        (60, 10, 0, 10, 42.66, 30.58, 50.49, 47.36, 5.63, 2.29),
    ]
    alone = {20: 1, 40: 4, 60: 9, 80: 14}
    for i, (base, *row) in enumerate(table, 1):
        total = int((base or 0) + sum(n or 0 for n in row[:3]))
        same, smaller = alone[total], alone.get(total - 20)
        controls = {} if smaller is None else {"smaller_total": f"only-if-3.{smaller}"}
        controls |= {} if same == i else {"same_total": f"only-if-3.{same}"}
        yield Evidence(
            id=f"only-if-3.{i}",
            model="Mistral-7B-v0.3",
            base=_known((_UI,), [base]),
            added=_known((_UI, _ORCA, _ALPACA), row[:3]),
            budget=total,
            scores=_known(_GENERAL, row[3:7]),
            printed=_known(("gain_smaller_total", "gain_same_total"), row[7:]),
            controls=controls,
            note="overall is below both instruction following and what is without it, so they are "
            "no parts of one average"
            if i == 10
            else "",
        )


def _known(names: Iterable[str], values: Iterable[float | None]) -> dict[str, float]:
    return {name: v for name, v in zip(names, values, strict=True) if v is not None}


def _ids(table: int, *rows: int) -> tuple[str, ...]:
    return tuple(f"only-if-{table}.{row}" for row in rows)


_ROWS = {row.id: row for row in _rows()}  # what a caller gets are others, that he may change

_REWRITING = "a small model trained from scratch on string rewriting: an order of magnitude only"
_SINGLE = "single runs, no error bars"

_FINDINGS = {
    finding.id: finding
    for finding in (
        Finding(
            "only-if-fig-2a",
            "With a million examples in all, a model trained on fewer than 300 instructions never "
            "generalizes to unseen ones, however many examples each has; with more than 1,000 it "
            "always does, with as little as one example each. The rise is a step.",
            f"{_REWRITING}; the text names 300, 400 to 500, and 500 in different places",
        ),
        Finding(
            "only-if-fig-2b",
            "Where 10 to 50 % of the examples need no change, the step comes at about 400 "
            "instructions, whatever the share.",
            f"{_REWRITING}; score the cases that need a change on their own, since with few "
            "instructions only the others are solved",
        ),
        Finding(
            "only-if-fig-3",
            "With 10,000 instructions or more, very unequal numbers of examples do no harm; with "
            "1,000, accuracy drops sharply once most examples belong to few instructions.",
            f"{_REWRITING}; no single measure of evenness explains all of it",
        ),
        Finding(
            "only-if-fig-4",
            "Instructions from one restricted domain do not generalize beyond it, however many "
            "there are; those from several kinds of domain together do, given some thousands.",
            f"{_REWRITING}; at 500 instructions or fewer nothing did; the half on several kinds "
            "is known in part from quotations, and was not found again on a smaller model",
        ),
        Finding(
            "only-if-fig-6",
            "For a specialist, some records beyond the core in place of core records help, and "
            "more of them hurt again: best was 10 % of 20,000 records and 3 % of 75,000.",
            f"two code models; {_SINGLE}; one mix of 75,000 lost to the core alone",
            _ids(1, 1, 2, 3, 4, 5, 6, 9, 13),
        ),
        Finding(
            "only-if-table-1",
            "20,000 records with 10 % beyond the core (67.1) beat 75,000 of the core alone (66.4).",
            f"{_SINGLE}; half Alpaca and half CoT in place of a fifth of the core lost 0.6 %",
            _ids(1, 3, 7, 9),
        ),
        Finding(
            "only-if-table-2",
            "At an equal share beyond the core, two sources beat one in both pairs of this table.",
            f"{_SINGLE}; with table 1 it is 3 pairs of 6, so more sources are not better as such",
            _ids(2, *range(3, 7)) + _ids(1, *range(8, 16)),
        ),
        Finding(
            "only-if-table-3",
            "For a generalist, 20,000 records of two sources (44.9) beat 80,000 of one (41.7); "
            "half core and half OpenOrca was the best way to add 20,000 at every total.",
            f"{_SINGLE}; most of the gain is instruction following: without it 5 of 14 mixes with "
            "another source lose to the core alone; which source it is matters",
            _ids(3, *range(1, 19)),
        ),
        Finding(
            "unseen-tasks-table-1",
            "Varied inputs lower the number of instructions that is needed: at 500, accuracy was "
            "0.62 with varied inputs, at most 0.07 without.",
            f"{_REWRITING}; known from quotations; at 200 instructions nothing helped",
            source="arXiv:2402.10891",
        ),
    )
}
