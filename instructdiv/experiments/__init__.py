"""Series of training runs: sweeps of mixes, and analysis of the scores of the trained models."""

from instructdiv.experiments.effect import effect
from instructdiv.experiments.emergence import Emergence, emergence
from instructdiv.experiments.runs import RunComparison, RunGain, compare_runs
from instructdiv.experiments.sweep import budget_curve, instructions_vs_examples, share_grid
from instructdiv.experiments.sweep_mixes import Sweep
from instructdiv.experiments.sweet_spot import SweetSpot, sweet_spot

__all__ = [
    "Emergence",
    "RunComparison",
    "RunGain",
    "Sweep",
    "SweetSpot",
    "budget_curve",
    "compare_runs",
    "effect",
    "emergence",
    "instructions_vs_examples",
    "share_grid",
    "sweet_spot",
]
