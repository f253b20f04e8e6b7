"""Report: what a pool covers and what a selection keeps of it."""

from instructdiv.report.summary import ClusterRow, GroupRow, Summary, coverage

__all__ = ["ClusterRow", "GroupRow", "Summary", "coverage"]
