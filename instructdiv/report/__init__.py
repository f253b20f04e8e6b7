"""Report: what a pool covers, what a selection keeps of it, and how selectors compare."""

from instructdiv.report.advice import AdditionAdvice, advise
from instructdiv.report.compare import compare
from instructdiv.report.comparison import Comparison
from instructdiv.report.coverage import coverage
from instructdiv.report.difference import Difference, diff
from instructdiv.report.facts import ClusterRow, GroupRow
from instructdiv.report.profile import InstructionProfile, instruction_profile
from instructdiv.report.summary import Summary

__all__ = [
    "AdditionAdvice",
    "ClusterRow",
    "Comparison",
    "Difference",
    "GroupRow",
    "InstructionProfile",
    "Summary",
    "advise",
    "compare",
    "coverage",
    "diff",
    "instruction_profile",
]
