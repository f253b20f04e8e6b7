"""Metrics: how well a subset covers a target, one file each."""

from instructdiv.metrics.base import Assessment, Metric
from instructdiv.metrics.coverage_radius import CoverageRadius
from instructdiv.metrics.effective_clusters import EffectiveClusters
from instructdiv.metrics.facility_location import FacilityLocation
from instructdiv.metrics.mean_nearest_similarity import MeanNearestSimilarity
from instructdiv.metrics.vendi import Vendi

__all__ = [
    "Assessment",
    "CoverageRadius",
    "EffectiveClusters",
    "FacilityLocation",
    "MeanNearestSimilarity",
    "Metric",
    "Vendi",
]
