"""Metrics: how well a subset covers a target, one file each."""

from instructdiv.metrics._base import Metric
from instructdiv.metrics._nearest import Nearest
from instructdiv.metrics.assessment import Assessment
from instructdiv.metrics.cluster_entropy import ClusterEntropy
from instructdiv.metrics.compression_ratio import CompressionRatio
from instructdiv.metrics.coverage_at import CoverageAt
from instructdiv.metrics.coverage_radius import CoverageRadius
from instructdiv.metrics.distinct_n import DistinctN
from instructdiv.metrics.effective_clusters import EffectiveClusters
from instructdiv.metrics.facility_location import FacilityLocation
from instructdiv.metrics.group_balance import GroupBalance
from instructdiv.metrics.group_coverage import GroupCoverage
from instructdiv.metrics.log_determinant import LogDeterminant
from instructdiv.metrics.mean_nearest_similarity import MeanNearestSimilarity
from instructdiv.metrics.nearest_distance_summary import FiveNumbers, NearestDistanceSummary
from instructdiv.metrics.novel_sum import NovelSum
from instructdiv.metrics.random_baseline import RandomBaseline
from instructdiv.metrics.self_repetition import SelfRepetition
from instructdiv.metrics.vendi import Vendi

__all__ = [
    "Assessment",
    "ClusterEntropy",
    "CompressionRatio",
    "CoverageAt",
    "CoverageRadius",
    "DistinctN",
    "EffectiveClusters",
    "FacilityLocation",
    "FiveNumbers",
    "GroupBalance",
    "GroupCoverage",
    "LogDeterminant",
    "MeanNearestSimilarity",
    "Metric",
    "Nearest",
    "NearestDistanceSummary",
    "NovelSum",
    "RandomBaseline",
    "SelfRepetition",
    "Vendi",
]
