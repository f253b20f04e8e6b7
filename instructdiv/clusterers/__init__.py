"""Clusterers: divide a space into clusters, one file each."""

from instructdiv.clusterers._base import Clusterer
from instructdiv.clusterers.by_label import ByLabel
from instructdiv.clusterers.k_means import KMeans

__all__ = ["ByLabel", "Clusterer", "KMeans"]
