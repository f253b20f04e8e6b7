"""Exchange: what leaves a core, what comes for it, and why."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from instructdiv.curation.mix import Mix, write_mix
from instructdiv.exporters import Exporter
from instructdiv.report.facts import Advice
from instructdiv.report.profile import InstructionProfile, instruction_profile
from instructdiv.results import Facts, Result, Table, count, share, three

if TYPE_CHECKING:
    from datasets import Dataset

Rows = NDArray[np.int64]

_SHOWN = 20


class DomainExchange(Facts):
    """What came from one domain, and how it is covered before and after."""

    domain: str
    """Its name; core is the core."""

    records: int
    """Its records."""

    beyond: int
    """Those farther than the radius from every record of the core; all, of the core itself."""

    chosen: int
    """Records of it in the mix."""

    covered_before: float
    """Share of its records with one of the core within the radius."""

    covered_after: float
    """Share of its records with one of the mix within the radius."""

    similarity_before: float
    """Mean similarity of its records to the nearest of the core."""

    similarity_after: float
    """Mean similarity of its records to the nearest of the mix."""


class Left(Facts):
    """A record of the core that is not in the mix, and why."""

    id: str
    """Its key in the core."""

    text: str
    """Start of its text."""

    like: str
    """Key of the record of the mix that is most like it."""

    similarity: float
    """Their similarity."""


class Came(Facts):
    """A record of another domain that is in the mix, and why."""

    domain: str
    """Its domain."""

    id: str
    """Its key in its data set."""

    text: str
    """Start of its text."""

    gain: float
    """What it added to the coverage of its domain, when it was chosen."""

    similarity: float
    """Similarity to the nearest record of the core: how little the core has of it."""


class Exchange(Result):
    """What leaves a core, what comes for it, and why."""

    title: ClassVar[str] = "Plan of an exchange"

    budget: int
    """Records of the mix."""

    beyond_share: float
    """Share of them that is beyond the core, as asked for."""

    radius: float
    """Distance within which a record counts as covered."""

    domains: list[DomainExchange]
    """The core, and the domains beyond it, those that gave most first."""

    left: list[Left]
    """Records of the core that leave, the most redundant first."""

    came: list[Came]
    """Records that come, best first."""

    notes: list[str]
    """What did not go as asked for, or should be known."""

    advice: list[Advice]
    """What the literature says of such a mix, what speaks against it too."""

    def tables(self) -> dict[str, Table]:
        """Everything that is a table, by its title; of what leaves and comes the first 20."""
        return {
            "Notes": Table(["note"], [[note] for note in self.notes]),
            "Domains": Table(
                [
                    "domain",
                    "records",
                    "beyond the core",
                    "in the mix",
                    "covered by the core",
                    "by the mix",
                    "similarity to the core",
                    "to the mix",
                ],
                [
                    [
                        row.domain,
                        count(row.records),
                        count(row.beyond),
                        count(row.chosen),
                        share(row.covered_before),
                        share(row.covered_after),
                        three(row.similarity_before),
                        three(row.similarity_after),
                    ]
                    for row in self.domains
                ],
            ),
            f"Leave: {len(self.left):,}": Table(
                ["record", "text", "stays", "similarity"],
                [[one.id, one.text, one.like, three(one.similarity)] for one in self.left[:_SHOWN]],
            ),
            f"Come: {len(self.came):,}": Table(
                ["domain", "record", "text", "gain", "similarity to the core"],
                [
                    [one.domain, one.id, one.text, three(one.gain), three(one.similarity)]
                    for one in self.came[:_SHOWN]
                ],
            ),
            "Advice": Table.of(self.advice),
        }


@dataclass(frozen=True, eq=False)
class Diversified:
    """A core with a part of it exchanged: what leaves, what comes and why, and the mix."""

    plan: Exchange
    """What leaves, what comes, and why: there before anything is written."""

    mix: Mix
    """The mix, ready to be written."""

    core: Rows
    """Rows of the core in the pool of the mix, (c,) int64."""

    @cached_property
    def before(self) -> InstructionProfile:
        """The instructions of the core."""
        return instruction_profile(self.mix.pool.take(self.core))

    @cached_property
    def after(self) -> InstructionProfile:
        """The instructions of the mix."""
        return instruction_profile(self.mix.pool.take(self.mix.order))

    @property
    def dataset(self) -> "Dataset":
        """The records, in order, as a ``datasets.Dataset``."""
        return self.mix.dataset

    def export(
        self, path: str | Path, exporter: Exporter | str | None = None, *, overwrite: bool = False
    ) -> list[Path]:
        """Write the mix into a new folder: :func:`instructdiv.write_mix`."""
        return write_mix(self.mix, exporter, path, overwrite=overwrite)

    def __str__(self) -> str:
        return self.plan.headline
