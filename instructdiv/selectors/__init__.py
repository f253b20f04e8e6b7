"""Selectors: which records to choose, one file each."""

from instructdiv.selectors._base import Selector
from instructdiv.selectors._maximizer import Maximizer
from instructdiv.selectors.cluster_balanced import ClusterBalanced
from instructdiv.selectors.concave_facility_location import ConcaveFacilityLocation
from instructdiv.selectors.density_balanced import DensityBalanced
from instructdiv.selectors.diverse_coverage import DiverseCoverage
from instructdiv.selectors.facility_location import FacilityLocation
from instructdiv.selectors.graph_cut import GraphCut
from instructdiv.selectors.group_balanced import GroupBalanced
from instructdiv.selectors.herding import Herding
from instructdiv.selectors.importance_resampling import ImportanceResampling
from instructdiv.selectors.information_gain import InformationGain
from instructdiv.selectors.k_center import KCenter
from instructdiv.selectors.knn_kde import KnnKde
from instructdiv.selectors.knn_uniform import KnnUniform
from instructdiv.selectors.log_determinant import LogDeterminant
from instructdiv.selectors.nearest_to_any import NearestToAny
from instructdiv.selectors.novel_select import NovelSelect
from instructdiv.selectors.pairwise_dedup import PairwiseDedup, dedupe_to
from instructdiv.selectors.prototypes import Prototypes
from instructdiv.selectors.quality_diversity import QualityDiversity
from instructdiv.selectors.random import Random
from instructdiv.selectors.representation_filter import RepresentationFilter
from instructdiv.selectors.round_robin import RoundRobin
from instructdiv.selectors.round_robin_by_rank import RoundRobinByRank
from instructdiv.selectors.saturated_coverage import SaturatedCoverage
from instructdiv.selectors.semantic_dedup import SemanticDedup
from instructdiv.selectors.specialist import Specialist
from instructdiv.selectors.target_balanced import TargetBalanced
from instructdiv.selectors.test_centric import TestCentric
from instructdiv.selectors.unbalanced_transport import UnbalancedTransport
from instructdiv.selectors.weighted_similarity import WeightedSimilarity

__all__ = [
    "ClusterBalanced",
    "ConcaveFacilityLocation",
    "DensityBalanced",
    "DiverseCoverage",
    "FacilityLocation",
    "GraphCut",
    "GroupBalanced",
    "Herding",
    "ImportanceResampling",
    "InformationGain",
    "KCenter",
    "KnnKde",
    "KnnUniform",
    "LogDeterminant",
    "Maximizer",
    "NearestToAny",
    "NovelSelect",
    "PairwiseDedup",
    "Prototypes",
    "QualityDiversity",
    "Random",
    "RepresentationFilter",
    "RoundRobin",
    "RoundRobinByRank",
    "SaturatedCoverage",
    "Selector",
    "SemanticDedup",
    "Specialist",
    "TargetBalanced",
    "TestCentric",
    "UnbalancedTransport",
    "WeightedSimilarity",
    "dedupe_to",
    "default_selector",
]


def default_selector() -> Selector:
    """Give the selector that is used when none is named.

    Examples
    --------
    >>> default_selector().name
    'diverse_coverage'
    """
    return DiverseCoverage()
