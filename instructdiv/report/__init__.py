"""Report: what a pool covers, what a selection keeps of it, and how selectors compare."""

from instructdiv.report.comparison import Comparison, compare
from instructdiv.report.difference import Difference, diff
from instructdiv.report.facts import ClusterRow, GroupRow
from instructdiv.report.summarize import coverage
from instructdiv.report.summary import Summary

__all__ = [
    "ClusterRow",
    "Comparison",
    "Difference",
    "GroupRow",
    "Summary",
    "compare",
    "coverage",
    "diff",
]
