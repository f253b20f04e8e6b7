"""Profile: how many different instructions a pool has, and how records are spread over them."""

from typing import Any, ClassVar, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from instructdiv.clusterers import Clusterer, KMeans
from instructdiv.core.space import Space
from instructdiv.core.wording import counted, start_of
from instructdiv.data.load import read
from instructdiv.data.normalize import normalize
from instructdiv.data.reading import Reading, ReadingOptions
from instructdiv.data.views import View
from instructdiv.embedders import Precomputed, Progress
from instructdiv.errors import ParameterError
from instructdiv.metrics.effective_clusters import effective_number
from instructdiv.pool import Pool
from instructdiv.pool_input import are_vectors, as_pool
from instructdiv.report.clusters_and_groups import by_size
from instructdiv.report.facts import Advice
from instructdiv.report.names import part_names
from instructdiv.report.notices import most_are_equal
from instructdiv.report.redundancy import near_copies
from instructdiv.results import Cell, Facts, Result, Share, Table, count, rounded, share

Rows = NDArray[np.int64]

_SHOWN = 20
_AT_LEAST = (1, 2, 5, 10, 100)
_FEW, _MANY = 300, 1000
_ROBUST = 10_000
CAVEAT = (
    "these are thresholds of a small model that learned string rewriting: an order of magnitude, "
    "no rule for a language model"
)


class Counts(Facts):
    """How records are spread over instructions, or over domains."""

    distinct: int
    """How many there are: the Hill number of order 0."""

    mean: float
    """Records of each, on average."""

    hill_1: float
    """Effective number: exponential of the Shannon entropy of the shares."""

    hill_2: float
    """Effective number that weighs frequent ones more: 1 over the sum of squared shares."""

    gini: float
    """Gini coefficient of the counts: 0 where all are alike, near 1 where one has nearly all."""

    largest_share: float
    """Share of the records that the largest has."""

    at_least: dict[int, int]
    """How many have at least 1, 2, 5, 10 and 100 records."""

    @classmethod
    def of(cls, counts: ArrayLike) -> "Counts":
        """Statistics of counts (c,), whole numbers above 0.

        Examples
        --------
        >>> found = Counts.of([8, 1, 1])
        >>> found.distinct, round(found.hill_1, 2), round(found.hill_2, 2), round(found.gini, 2)
        (3, 1.89, 1.52, 0.47)
        """
        found = np.sort(np.asarray(counts, np.int64))
        total, n = int(found.sum()), len(found)
        shares = found / total
        ranks = 2 * np.arange(1, n + 1) - n - 1
        return cls(
            distinct=n,
            mean=total / n,
            hill_1=effective_number(found),
            hill_2=float(1 / (shares**2).sum()),
            gini=float((ranks * shares).sum() / n),
            largest_share=float(shares[-1]),
            at_least={least: int((found >= least).sum()) for least in _AT_LEAST},
        )


class DomainRow(Facts):
    """One domain of a pool."""

    domain: str
    """Its name."""

    records: int
    """Its records."""

    share: Share
    """Share of the pool."""

    instructions: int
    """Different instructions in it, near copies merged."""

    largest_share: Share = Field(title="most frequent instruction")
    """Share of its records that have its most frequent instruction."""


class InstructionRow(Facts):
    """One instruction that many records have."""

    instruction: str
    """Start of one of its texts; empty for vectors alone."""

    records: int
    """Records that have it."""

    wordings: int
    """Different texts of it."""


class InstructionProfile(Result):
    """How many different instructions a pool has, and how records are spread over them."""

    title: ClassVar[str] = "Profile of the instructions"

    records: int
    """Records of the pool."""

    texts: Counts
    """Records over instructions that differ in more than case, white space and punctuation
    marks around words."""

    instructions: Counts
    """The same where near copies are one instruction."""

    similarity_threshold: float
    """Similarity from which two instructions are near copies."""

    domains_are: str
    """groups: the known groups of the pool; clusters: parts that a clusterer found, whose number
    is its own choice."""

    view: View | None
    """Part of each record that was embedded, to find clusters; None for vectors alone."""

    domains: Counts
    """Records over domains."""

    warnings: list[Advice]
    """Reasons against training on the pool as it is, with the evidence for each."""

    domain_rows: list[DomainRow] = Field(title="domains")
    """The domains, the largest first."""

    frequent: list[InstructionRow] = Field(title="frequent instructions")
    """The 20 most frequent instructions."""

    def tables(self) -> dict[str, Table]:
        """Everything that is a table, by its title."""
        kinds = {
            "texts of instructions": self.texts,
            "instructions": self.instructions,
            self.domains_are: self.domains,
        }
        counts = kinds.values()
        rows: list[list[Cell]] = [
            ["distinct", *(count(one.distinct) for one in counts)],
            ["records each", *(rounded(one.mean) for one in counts)],
            ["effective number (Hill 1)", *(rounded(one.hill_1) for one in counts)],
            ["effective number (Hill 2)", *(rounded(one.hill_2) for one in counts)],
            ["Gini coefficient", *(rounded(one.gini) for one in counts)],
            ["share of the largest", *(share(one.largest_share) for one in counts)],
        ]
        rows += [
            [
                f"with {least:,} records or more",
                *(count(one.at_least[least]) for one in counts),
            ]
            for least in _AT_LEAST[1:]
        ]
        return {"Counts": Table(["", *kinds], rows), **super().tables()}


def instruction_profile(
    pool: Any,
    *,
    similarity_threshold: float = 0.95,
    clusterer: Clusterer | None = None,
    reading: Reading | None = None,
    **options: Unpack[ReadingOptions],
) -> InstructionProfile:
    """Count the different instructions of a pool, and how records are spread over them.

    The instruction of a record is what is asked, without the input it is asked about where the
    layout tells them apart. Of vectors alone, each different vector is one. Where the pool
    shows more than the instruction, the different instructions are embedded, to find near
    copies; with vectors of a file, that of the first record that has it stands for each.

    Parameters
    ----------
    pool
        A pool, vectors, or data that are then read: without a view their instructions are
        embedded, or their prompts where most records have one instruction.
    similarity_threshold
        Similarity from which two instructions are one.
    clusterer
        What finds domains where the pool has no groups; k-means with the square root of n if
        not given.
    reading
        How data that are no pool yet are read and embedded.
    **options
        Parameters of :class:`instructdiv.Reading`, as keywords.

    Raises
    ------
    ParameterError
        The similarity is none.

    References
    ----------
    .. [1] D. Zhang, J. Wang, F. Charton, "Only-IF: Revealing the decisive effect of instruction
       diversity on generalization", arXiv 2410.04717, 2024. That these numbers are what tells
       the diversity of data is our choice: the paper counts instructions and data sets.

    Examples
    --------
    >>> rows = [{"instruction": "Add.", "input": f"{n} + 1", "output": "?"} for n in range(9)]
    >>> pool = Pool.of([*rows, {"instruction": "Sing!", "output": "La"}], embedder="lexical")
    >>> found = instruction_profile(pool)
    >>> found.instructions.distinct, found.instructions.largest_share
    (2, 0.9)
    """
    if not -1 <= similarity_threshold <= 1:
        raise ParameterError(f"similarity_threshold must lie in -1..1, got {similarity_threshold}")
    reading = Reading.of(reading, **options)
    pool, notice = _read(pool, reading)
    asked, merged = _instructions(pool, similarity_threshold, reading.progress)
    of_record = _renumbered(merged[asked])
    labels, names, kind = _domains(pool, clusterer)
    texts = Counts.of(np.bincount(asked))
    sizes = np.bincount(of_record)
    instructions = Counts.of(sizes)
    domains = Counts.of(np.bincount(labels))
    wordings = np.bincount(merged, minlength=len(sizes))[np.unique(merged)]
    rows = [
        _domain(name, of_record[labels == number], len(pool)) for number, name in enumerate(names)
    ]
    frequent = [int(i) for i in np.argsort(-sizes, kind="stable")[:_SHOWN] if sizes[i] > 1]
    return InstructionProfile(
        headline=_headline(len(pool), texts, instructions, domains, kind) + notice,
        records=len(pool),
        texts=texts,
        instructions=instructions,
        similarity_threshold=similarity_threshold,
        domains_are=kind,
        view=None if pool.records is None else pool.view,
        domains=domains,
        domain_rows=rows,
        frequent=[
            InstructionRow(
                instruction=_text(pool, int(np.flatnonzero(of_record == i)[0])),
                records=int(sizes[i]),
                wordings=int(wordings[i]),
            )
            for i in frequent
        ],
        warnings=_warnings(instructions, domains, kind),
    )


def _read(data: Any, reading: Reading) -> tuple[Pool, str]:
    """The data as a pool of the view that tells their domains apart, and what to say of it."""
    if isinstance(data, Pool) or are_vectors(data) or "view" in reading.model_fields_set:
        return as_pool(data, reading), ""
    data = read(data, strict=reading.strict, encoding=reading.encoding)
    pool = as_pool(data, reading.with_options(view="instruction"))
    if not most_are_equal(pool.instructions):
        return pool, ""
    notice = " Most records have one instruction: domains are told from prompts."
    return as_pool(data, reading.with_options(view="prompt")), notice


def instruction_numbers(
    pool: Pool, similarity_threshold: float = 0.95, progress: Progress | None = None
) -> Rows:
    """Number of the instruction of each record, (n,) int64, those of near copies the same."""
    asked, merged = _instructions(pool, similarity_threshold, progress)
    return _renumbered(merged[asked])


def _renumbered(labels: Rows) -> Rows:
    return np.unique(labels, return_inverse=True)[1].ravel().astype(np.int64)


def _instructions(
    pool: Pool, similarity_threshold: float, progress: Progress | None
) -> tuple[Rows, Rows]:
    """Number of the text of each record's instruction, and of each text its group of copies."""
    asked, space = _different(pool, progress)
    return asked, near_copies(space, similarity_threshold)[1]


def _different(pool: Pool, progress: Progress | None) -> tuple[Rows, Space]:
    """Number of the instruction of each record, (n,) int64, and the vectors of the instructions."""
    if pool.records is None:
        firsts, asked = np.unique(pool.space.first_copies, return_inverse=True)
        return asked.ravel(), pool.space.take(firsts)
    texts = pool.instructions
    numbers: dict[str, int] = {}
    asked = np.array([numbers.setdefault(normalize(t), len(numbers)) for t in texts], np.int64)
    firsts = np.unique(asked, return_index=True)[1]
    shown = [texts[row] for row in firsts.tolist()]
    as_embedded = all(pool.text(row) == text for row, text in zip(firsts, shown, strict=True))
    if as_embedded or pool.embedder is None or isinstance(pool.embedder, Precomputed):
        return asked, pool.space.take(firsts)
    return asked, Space.of(pool.embedder.embed(shown, progress))


def _domains(pool: Pool, clusterer: Clusterer | None) -> tuple[Rows, list[str], str]:
    """Domain of each record, 0 the largest, their names, and what they are."""
    if pool.groups is not None and clusterer is None:
        known, numbers = np.unique(pool.groups, return_inverse=True)
        labels = by_size(numbers.ravel())
        names = [str(known[numbers[np.flatnonzero(labels == i)[0]]]) for i in range(len(known))]
        return labels, names, "groups"
    labels = by_size((clusterer or KMeans()).cluster(pool.space, pool.groups))
    return labels, part_names(pool, labels), "clusters"


def _domain(name: str, instructions: Rows, n_records: int) -> DomainRow:
    sizes = np.unique(instructions, return_counts=True)[1]
    return DomainRow(
        domain=name,
        records=len(instructions),
        share=len(instructions) / n_records,
        instructions=len(sizes),
        largest_share=float(sizes.max() / len(instructions)),
    )


def _text(pool: Pool, row: int) -> str:
    return "" if pool.records is None else start_of(pool.instruction(row))


def _headline(n: int, texts: Counts, instructions: Counts, domains: Counts, kind: str) -> str:
    return (
        f"{counted(n, 'record')}, {counted(instructions.distinct, 'distinct instruction')} "
        f"({texts.distinct:,} before near copies are merged); effective number "
        f"{instructions.hill_1:,.0f} (Hill number of order 1). {instructions.mean:.1f} records per "
        f"instruction; the most frequent one has {instructions.largest_share:.1%} of the records. "
        f"{counted(domains.distinct, kind.removesuffix('s'))}."
    )


def few_instructions(n: int) -> list[Advice]:
    """What to do with so many different instructions, if they may be too few."""
    if n < _FEW:
        return [
            Advice(
                says=f"{counted(n, 'instruction')}: more records of them will not help, more "
                f"instructions will ({_FEW} to {_MANY:,} were the band; {CAVEAT})",
                evidence=["only-if-fig-2a"],
            )
        ]
    if n < _MANY:
        return [
            Advice(
                says=f"{n:,} instructions lie in the band from {_FEW} to {_MANY:,} where it is "
                "open whether unseen ones are followed: measure it, with 3 seeds or more "
                f"({CAVEAT})",
                evidence=["only-if-fig-2a"],
            )
        ]
    return []


def _warnings(instructions: Counts, domains: Counts, kind: str) -> list[Advice]:
    n = instructions.distinct
    found = []
    if n == 1:
        found.append(
            Advice(
                says="all records have one instruction: whatever differs stands in their inputs, "
                "so view them as prompts; varied inputs cannot stand in for instructions "
                f"({CAVEAT})",
                evidence=["unseen-tasks-table-1"],
            )
        )
    found += few_instructions(n)
    # What is nearly even is no case of a few that have most.
    if _FEW <= n < _ROBUST and instructions.hill_1 < min(_FEW, n / 2):
        found.append(
            Advice(
                says=f"a few instructions have most records: the effective number of {n:,} is "
                f"{instructions.hill_1:,.0f}; even them out, as with balance "
                f"({CAVEAT})",
                evidence=["only-if-fig-3"],
            )
        )
    if kind == "groups" and domains.distinct == 1:
        found.append(
            Advice(
                says="all records are of one domain: variety within it has not carried over to "
                "others, so add domains",
                evidence=["only-if-fig-4"],
            )
        )
    return found
