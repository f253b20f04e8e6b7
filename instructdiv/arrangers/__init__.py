"""Arrangers: orders in which chosen records are trained on, one file each."""

from instructdiv.arrangers._base import Arranger
from instructdiv.arrangers.by_cost import ByCost
from instructdiv.arrangers.clustered import Clustered
from instructdiv.arrangers.coverage_first import CoverageFirst
from instructdiv.arrangers.far_then_near import FarThenNear
from instructdiv.arrangers.near_then_far import NearThenFar
from instructdiv.arrangers.replay import Replay
from instructdiv.arrangers.round_robin import RoundRobin
from instructdiv.arrangers.shuffled import Shuffled
from instructdiv.arrangers.test_centric import TestCentric
from instructdiv.arrangers.weighted_similarity import WeightedSimilarity

__all__ = [
    "Arranger",
    "ByCost",
    "Clustered",
    "CoverageFirst",
    "FarThenNear",
    "NearThenFar",
    "Replay",
    "RoundRobin",
    "Shuffled",
    "TestCentric",
    "WeightedSimilarity",
]
