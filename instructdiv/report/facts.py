"""Facts: what a coverage report says, as data."""

from itertools import pairwise
from typing import Annotated, Any

from pydantic import Field

from instructdiv.core.wording import printable
from instructdiv.metrics import FiveNumbers
from instructdiv.results import (
    BLANK,
    HIDDEN,
    INLINE,
    Facts,
    Number,
    Share,
    Shown,
    Similarity,
    Table,
    count,
    three,
)


class Advice(Facts):
    """A recommendation, and the published evidence for it."""

    says: str = Field(title="advice")
    """The advice, in words."""

    evidence: Annotated[list[str], Shown(", ".join)]
    """Ids of the published results behind it: see :func:`instructdiv.evidence`."""


class Example(Facts):
    """One record, shown."""

    row: int
    """Its row, in the pool or the target that it is an example of."""

    id: str
    """Its key: the id of the record where every record has one of its own, else the row."""

    text: str
    """Start of its text on one line, with nothing that does not print; empty for vectors
    alone."""

    group: str | None = None
    """Its known group, if any."""

    kept: bool | None = None
    """Whether it was chosen; None without a selection, or if the record is not of the pool."""

    similarity: float | None = None
    """Similarity to the nearest chosen record (examples of a gap), or to the first record of the
    group (near duplicates)."""


def _first(examples: list[Example]) -> str:
    """The first of some examples."""
    return (examples[0].text or f"row {examples[0].row}") if examples else ""


def _rows(examples: list[Example]) -> str:
    """The rows of some examples, and the text of the first."""
    return f"{', '.join(str(one.row) for one in examples)}: {examples[0].text}".rstrip(": ")


class GroupRow(Facts):
    """One known group, before and after."""

    group: str
    """Name of the group."""

    records: int
    """Records of the pool in it."""

    share: Share = Field(title="share of pool")
    """Share of the pool."""

    kept: int | None = None
    """Records that were chosen."""

    kept_share: Share | None = Field(None, title="share of selection")
    """Share of the selection."""

    random_low: Annotated[float | None, Shown(count, up_to="random_high")] = Field(
        None, title="random 5-95 %"
    )
    """5th percentile of the records that size-matched random draws choose."""

    random_high: Annotated[float | None, HIDDEN] = None
    """95th percentile of the records that size-matched random draws choose."""


class ClusterRow(Facts):
    """One cluster of the pool, before and after."""

    cluster: int
    """Number of the cluster, the largest first."""

    name: str
    """Words that tell it from the other clusters; `cluster 3` where there are none."""

    records: int
    """Records of the pool in it."""

    share: Share = Field(title="share of pool")
    """Share of the pool."""

    example: str
    """Start of the text of the record nearest to its center; empty for vectors alone."""

    kept: int | None = None
    """Records that were chosen."""

    kept_share: Share | None = Field(None, title="share of selection")
    """Share of the selection."""

    kept_examples: list[Example]
    """Up to three chosen records, in the order of choice; without a selection, the records
    nearest to the center."""

    dropped_examples: list[Example]
    """Up to three records that were not chosen, farthest from any chosen record; of a large
    pool, within a random sample."""


class Heat(Facts):
    """How many records each known group has in each cluster."""

    groups: list[str]
    """The largest groups, the largest first; all others are the last, `(other)`."""

    clusters: list[int]
    """Numbers of the largest clusters; all others are the last, -1."""

    before: list[list[int]]
    """Records of the pool, for each group and cluster."""

    after: list[list[int]] | None = None
    """Records that were chosen, for each group and cluster."""


class Gap(Facts):
    """A region far from every chosen record, where one more record adds most coverage."""

    of: str
    """Where its records are from: `pool`, `target`, or the name of a reference."""

    name: str = Field(title="gap")
    """Words that tell its records from the others; empty for vectors alone."""

    records: int
    """Records to which the first example is more similar, by 0.05 at least, than any chosen one
    and the first examples of the gaps before; of a sample, their estimated number."""

    similarity: Similarity
    """Mean similarity of these records to the nearest chosen one."""

    similarity_then: Similarity = Field(title="with its example")
    """Mean similarity after adding the first example."""

    gain: float
    """What the first example adds to the sum of similarities over all records, on top of the
    first examples of the gaps before."""

    examples: Annotated[list[Example], Shown(_first)] = Field(title="example")
    """The record that covers the region best, and up to two others."""

    nearest: Example | None = None
    """The chosen record nearest to the first example."""

    candidate: Example | None = None
    """For a gap of a target: the record of the pool, chosen or not, nearest to the first example.
    Where it is similar, the pool can fill the gap; where it is not, other data must."""


class DuplicateGroup(Facts):
    """Records that are near copies of each other."""

    records: int
    """How many there are."""

    kept: int | None = None
    """How many of them were chosen."""

    similarity_threshold: Similarity = Field(title="similarity")
    """Similarity of the weakest link: at a threshold just above it the group falls apart."""

    examples: Annotated[list[Example], Shown(_rows)] = Field(title="rows and first text")
    """Up to five of them, each with its similarity to the first."""


class Redundancy(Facts):
    """Near copies among the records of the pool."""

    similarity_threshold: float
    """Pairs at least so similar are near copies."""

    exact_copies: int
    """Records whose vector an earlier record has too."""

    groups: int
    """Groups of near copies: linked by pairs that are similar enough."""

    records: int
    """Records in these groups."""

    superfluous: int
    """Records that are removed when one of each group is kept."""

    kept_superfluous: int | None = None
    """Chosen records that are removed when one chosen record of each group is kept."""

    largest: list[DuplicateGroup] = Field(title="near copies")
    """The largest groups."""


class Histogram(Facts):
    """Distribution of a number over records, before and after."""

    of: str
    """What is counted: `characters` or `turns`."""

    edges: list[float]
    """Edges of the bins, whole numbers, one more than there are bins; each bin excludes its
    upper edge."""

    before: list[int]
    """Records of the pool in each bin."""

    after: list[int] | None = None
    """Records that were chosen in each bin."""

    median_before: float
    """Median over the pool."""

    median_after: float | None = None
    """Median over the chosen records."""

    @property
    def bins(self) -> list[str]:
        """What each bin holds, in words."""
        # They are whole numbers, and a bin ends before the next begins.
        ends = ((low, high - 1) for low, high in pairwise(self.edges))
        return [f"{a:,.0f}" if a == b else f"{a:,.0f} - {b:,.0f}" for a, b in ends]

    @property
    def title(self) -> str:
        """The heading of its table."""
        return f"{self.of.capitalize()} of a conversation"

    def tables(self) -> dict[str, Table]:
        bins = [Number(name, low) for name, low in zip(self.bins, self.edges, strict=False)]
        columns = {self.of: bins, "pool": [*map(count, self.before)]}
        if self.after is not None:
            columns["selection"] = [*map(count, self.after)]
        return {self.title: Table.of_columns(columns)}


class Curve(Facts):
    """Coverage by number of records: of random draws, and of the selection."""

    budgets: list[int]
    """Numbers of records, ascending."""

    random_low: list[float]
    """5th percentile of the coverage of random draws of each size."""

    random_median: list[float]
    """Median coverage of random draws of each size."""

    random_high: list[float]
    """95th percentile of the coverage of random draws of each size."""

    selection: list[float | None] | None = None
    """Coverage of the first records of the selection; None beyond its end."""

    measured_on: int
    """Rows of the target that coverage was measured on."""

    flattens_at: int
    """Random records that reach nine tenths of the gain in coverage from one record to the whole
    pool."""

    random_equivalent: int | None = None
    """Random records needed for the same coverage as the whole selection; None if more than the
    largest budget."""

    def tables(self) -> dict[str, Table]:
        columns = {"records": [*map(count, self.budgets)]}
        if self.selection is not None:
            columns["selection"] = [BLANK if s is None else three(s) for s in self.selection]
        bands = zip(self.random_low, self.random_high, strict=True)
        columns["random 5-95 %"] = [Number(f"{a:.3f} - {b:.3f}", a) for a, b in bands]
        columns["random median"] = [*map(three, self.random_median)]
        return {"Coverage over budgets": Table.of_columns(columns)}


class ReferenceRow(Facts):
    """One domain of a reference, and how far the data covers it."""

    domain: str
    """Its group in the reference, or the words of its cluster."""

    records: int
    """Records of the reference in it."""

    covered: Share
    """Share of them with a record of the pool within the radius."""

    similarity: Similarity
    """Their mean similarity to the nearest record of the pool."""

    kept_covered: Share | None = Field(None, title="covered by the selection")
    """Share of them with a chosen record within the radius."""

    kept_similarity: Similarity | None = Field(None, title="similarity to the selection")
    """Their mean similarity to the nearest chosen record."""

    missing: Annotated[list[Example], Shown(_first)] = Field(title="farthest from the data")
    """Up to three of them that are farthest from anything in the data."""


class Reference(Facts):
    """A reference data set, domain by domain, and how far the data covers it."""

    name: str
    """Name of the reference."""

    records: int
    """Records of the reference."""

    radius: float
    """Distance within which a record counts as covered."""

    domains: list[ReferenceRow]
    """Its domains, the least covered first."""

    @property
    def title(self) -> str:
        """The heading of its table."""
        return f"Reference: {printable(self.name)}"


class Distances(Facts):
    """How far records are from the nearest chosen one, or from the nearest of the pool."""

    of: str = Field(title="from the")
    """Data set of the records: `pool` or `target`."""

    to: str = Field(title="to the")
    """Data set of the nearest record: `selection` or `pool`."""

    distances: Annotated[FiveNumbers, INLINE]
    """Smallest, quartiles and largest."""

    measured_on: int
    """Records that were measured: all, or a random sample."""


class Target(Facts):
    """The target, where it is not the pool itself."""

    name: str
    """Name of the target."""

    records: int
    """Records of the target."""

    leaked: int
    """Records of the target that are in the pool too (contamination): the same text but for
    case, white space and punctuation, or a near copy."""

    leaking: int
    """Records of the pool that are in the target."""

    leaking_selected: int | None
    """Records of the pool that are in the target and were chosen; None without a selection."""

    leaks: str
    """The contamination, in words."""


class Provenance(Facts):
    """Inputs, parts and seeds of a report, to reproduce it."""

    version: str
    """Version of instructdiv."""

    inputs: list[dict[str, Any]]
    """Name, number of records and SHA-256 of each source, if records were read."""

    vectors: str
    """Fingerprint of the pool: a digest of its vectors, in their order."""

    cut_share: float | None = None
    """Share of the texts that the embedding model truncated; None where it does not report
    that."""

    view: str | None = None
    """Part of each record that was embedded (view); None for vectors alone."""

    embedder: dict[str, Any]
    """The embedder, with its parameters."""

    selector: dict[str, Any]
    """The selector, with its parameters."""

    budget: str | None = None
    """The budget of the selection."""

    selection: str | None = None
    """Digest of the chosen rows, in their order."""

    n_draws: int
    """Number of random draws that the selection was compared with."""

    seed: int
    """Seed of all random draws."""
