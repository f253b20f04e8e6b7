"""The public names. They are imported when they are first used."""

from . import clusterers, embedders, errors, exporters, metrics, schemas, selectors
from .budget import Budget, apportion
from .curate import Mix, curate, rebalance
from .embedders import Lexical, Precomputed, SentenceTransformer
from .errors import InstructdivError
from .plan import Plan, plan
from .pool import Pool
from .recipe import Recipe
from .records import Records, load
from .report import Comparison, Difference, Summary, compare, coverage, diff
from .schemas import recognize
from .selection import Selection
from .selectors import (
    ClusterBalanced,
    ConcaveFacilityLocation,
    DensityBalanced,
    DiverseCoverage,
    FacilityLocation,
    GraphCut,
    GroupBalanced,
    Herding,
    InformationGain,
    KCenter,
    LogDeterminant,
    NovelSelect,
    PairwiseDedup,
    Prototypes,
    QualityDiversity,
    Random,
    RepresentationFilter,
    SaturatedCoverage,
    SemanticDedup,
    dedupe_to,
    default_selector,
)
from .space import Space

__all__ = [
    "Budget",
    "ClusterBalanced",
    "Comparison",
    "ConcaveFacilityLocation",
    "DensityBalanced",
    "Difference",
    "DiverseCoverage",
    "FacilityLocation",
    "GraphCut",
    "GroupBalanced",
    "Herding",
    "InformationGain",
    "InstructdivError",
    "KCenter",
    "Lexical",
    "LogDeterminant",
    "Mix",
    "NovelSelect",
    "PairwiseDedup",
    "Plan",
    "Pool",
    "Precomputed",
    "Prototypes",
    "QualityDiversity",
    "Random",
    "Recipe",
    "Records",
    "RepresentationFilter",
    "SaturatedCoverage",
    "Selection",
    "SemanticDedup",
    "SentenceTransformer",
    "Space",
    "Summary",
    "apportion",
    "clusterers",
    "compare",
    "coverage",
    "curate",
    "dedupe_to",
    "default_selector",
    "diff",
    "embedders",
    "errors",
    "exporters",
    "load",
    "metrics",
    "plan",
    "rebalance",
    "recognize",
    "schemas",
    "selectors",
]
