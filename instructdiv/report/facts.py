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
    """What speaks for doing something, or against."""

    says: str = Field(title="advice")
    """The advice, in words."""

    evidence: Annotated[list[str], Shown(", ".join)]
    """What it rests on, to be looked up with :func:`instructdiv.evidence`."""


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
    """Whether it was chosen; none where there is no selection, or it is not of the pool."""

    similarity: float | None = None
    """Similarity to what it stands beside: of a gap the nearest chosen record, of a group of
    near duplicates the first one."""


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
    """Records that size-matched random draws give: the 5th percentile."""

    random_high: Annotated[float | None, HIDDEN] = None
    """Records that size-matched random draws give: the 95th percentile."""


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
    """Start of the text of the record nearest to its middle; empty for vectors alone."""

    kept: int | None = None
    """Records that were chosen."""

    kept_share: Share | None = Field(None, title="share of selection")
    """Share of the selection."""

    kept_examples: list[Example]
    """Up to three chosen records, the first in the order of choice; of the pool, those
    nearest to the middle, where there is no selection."""

    dropped_examples: list[Example]
    """Up to three records that were not chosen, those with the least similar chosen record of
    the rows that were looked at: all, or of a large pool a random sample."""


class Heat(Facts):
    """How many records each known group has in each cluster."""

    groups: list[str]
    """The largest groups, the largest first; what they leave is the last, `(other)`."""

    clusters: list[int]
    """Numbers of the largest clusters; what they leave is the last, -1."""

    before: list[list[int]]
    """Records of the pool, for each group and cluster."""

    after: list[list[int]] | None = None
    """Records that were chosen, for each group and cluster."""


class Gap(Facts):
    """A region that lies far from every chosen record: what one more record would cover most."""

    of: str
    """Whose region it is: `pool`, `target`, or the name of a reference."""

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
    """What that adds to the sum of similarities over all records, beyond what the first
    examples of the gaps before would add."""

    examples: Annotated[list[Example], Shown(_first)] = Field(title="example")
    """The record that would cover it best, and up to two of the others."""

    nearest: Example | None = None
    """The chosen record nearest to the first example."""

    candidate: Example | None = None
    """Of a target's gap: the record of the pool, chosen or not, nearest to the first example.
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
    """Records that would go if each group kept one."""

    kept_superfluous: int | None = None
    """Chosen records that would go if each group kept one of those chosen."""

    largest: list[DuplicateGroup] = Field(title="near copies")
    """The largest groups."""


class Histogram(Facts):
    """How a number is spread over records, before and after."""

    of: str
    """What is counted: `characters` or `turns`."""

    edges: list[float]
    """Edges of the bins, whole numbers, one more than there are bins; a bin is from its edge
    up to, and without, the next."""

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
    """Coverage over budgets: mean similarity of the target to the nearest of so many records."""

    budgets: list[int]
    """Numbers of records, ascending."""

    random_low: list[float]
    """Of random draws of that size: the 5th percentile."""

    random_median: list[float]
    """Of random draws of that size: the median."""

    random_high: list[float]
    """Of random draws of that size: the 95th percentile."""

    selection: list[float | None] | None = None
    """Of the first records of the selection; none beyond its end."""

    measured_on: int
    """Rows of the target that were looked at."""

    pays_until: int
    """Random records that reach nine tenths of the way from one record to the whole pool."""

    random_worth: int | None = None
    """Random records, of those budgets, that cover as much as the whole selection does; None
    if even the largest do not."""

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
    """An inventory of what data could hold, domain by domain: what is expected and lacks."""

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
    """Which records: of the `pool` or the `target`."""

    to: str = Field(title="to the")
    """What is nearest: the `selection` or the `pool`."""

    distances: Annotated[FiveNumbers, INLINE]
    """Smallest, quartiles and largest."""

    measured_on: int
    """Records that were looked at: all, or a random sample."""


class Target(Facts):
    """What had to be covered, where it is not the pool itself."""

    name: str
    """Name of the target."""

    records: int
    """Records of the target."""

    leaked: int
    """Those of them that are in the pool too: the same text but for case, white space and
    punctuation, or a near copy."""

    leaking: int
    """Records of the pool that are in the target."""

    leaking_selected: int | None
    """Those of them that were chosen."""

    leaks: str
    """What leaks, in words."""


class Provenance(Facts):
    """What the report was made from and by, so that it can be made again."""

    version: str
    """Version of instructdiv."""

    inputs: list[dict[str, Any]]
    """Name, number of records and SHA-256 of each source, if records were read."""

    vectors: str
    """Fingerprint of the pool: a digest of its vectors, in their order."""

    cut_share: float | None = None
    """Share of the texts of which the embedder saw the beginning alone, since they are longer
    than it takes; none where that cannot be told."""

    view: str | None = None
    """What of a record was embedded, if records were."""

    embedder: dict[str, Any]
    """What embedded them."""

    selector: dict[str, Any]
    """What chose, with its parameters."""

    budget: str | None = None
    """What it was allowed to spend."""

    selection: str | None = None
    """Digest of the chosen rows, in their order."""

    n_draws: int
    """Random draws that the selection was compared with."""

    seed: int
    """Seed of everything that was drawn."""
