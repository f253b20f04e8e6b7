"""Selectors: which records to choose, one file each."""

from instructdiv.selectors.base import Selector
from instructdiv.selectors.cluster_balanced import ClusterBalanced
from instructdiv.selectors.concave_facility_location import ConcaveFacilityLocation
from instructdiv.selectors.facility_location import FacilityLocation
from instructdiv.selectors.group_balanced import GroupBalanced
from instructdiv.selectors.k_center import KCenter
from instructdiv.selectors.random import Random

__all__ = [
    "ClusterBalanced",
    "ConcaveFacilityLocation",
    "FacilityLocation",
    "GroupBalanced",
    "KCenter",
    "Random",
    "Selector",
    "default_selector",
]


def default_selector() -> Selector:
    """The selector that is used when none is named.

    Examples
    --------
    >>> default_selector().name
    'concave_facility_location'
    """
    return ConcaveFacilityLocation()
