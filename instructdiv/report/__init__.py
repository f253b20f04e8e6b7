"""Report: what a pool covers, what a selection keeps of it, and how selectors compare."""

from instructdiv.report.comparison import Comparison, compare
from instructdiv.report.summary import ClusterRow, GroupRow, Summary, coverage

__all__ = ["ClusterRow", "Comparison", "GroupRow", "Summary", "compare", "coverage"]
