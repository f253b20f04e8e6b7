"""The public names. They are imported when they are first used."""

from . import (
    arrangers,
    clusterers,
    embedders,
    errors,
    experiments,
    exporters,
    metrics,
    report,
    schemas,
    selectors,
    training,
)
from .arrangement import Arrangement
from .budget import Budget
from .core.space import Space
from .curation.curate import curate, rebalance
from .curation.diversify import diversify
from .curation.mix import Mix, write_mix
from .curation.plan import plan
from .curation.push import push_to_hub
from .curation.recipe import Recipe
from .data.convert import convert
from .data.load import load
from .data.reading import Reading
from .data.records import Records
from .embedders import Lexical, Precomputed, SentenceTransformer
from .errors import InstructdivError
from .pool import Pool
from .published import evidence
from .report import (
    Comparison,
    Summary,
    advise,
    compare,
    coverage,
    diff,
    instruction_profile,
)
from .report.leakage import leak_check
from .schemas import recognize
from .selection import Selection
from .selectors import (
    DiverseCoverage,
    FacilityLocation,
    GroupBalanced,
    KCenter,
    Random,
    TestCentric,
    default_selector,
)

__version__: str

__all__ = [
    "Arrangement",
    "Budget",
    "Comparison",
    "DiverseCoverage",
    "FacilityLocation",
    "GroupBalanced",
    "InstructdivError",
    "KCenter",
    "Lexical",
    "Mix",
    "Pool",
    "Precomputed",
    "Random",
    "Reading",
    "Recipe",
    "Records",
    "Selection",
    "SentenceTransformer",
    "Space",
    "Summary",
    "TestCentric",
    "advise",
    "arrangers",
    "clusterers",
    "compare",
    "convert",
    "coverage",
    "curate",
    "default_selector",
    "diff",
    "diversify",
    "embedders",
    "errors",
    "evidence",
    "experiments",
    "exporters",
    "instruction_profile",
    "leak_check",
    "load",
    "metrics",
    "plan",
    "push_to_hub",
    "rebalance",
    "recognize",
    "report",
    "schemas",
    "selectors",
    "training",
    "write_mix",
]
