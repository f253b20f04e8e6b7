"""Guidance: what happens while a model learns from chosen records, and when that is enough."""

from instructdiv.guidance.attribution import Attribution, Contribution, attribute_drop
from instructdiv.guidance.effect import effect
from instructdiv.guidance.emergence import Emergence, emergence
from instructdiv.guidance.evidence import Evidence, Finding, evidence, findings
from instructdiv.guidance.instance_losses import instance_losses
from instructdiv.guidance.leakage import Leak, Leaks, leak_check
from instructdiv.guidance.loss_monitor import LossMonitor, LossPoint, Stop
from instructdiv.guidance.order import Order, compare_order
from instructdiv.guidance.order_audit import OrderAudit
from instructdiv.guidance.runs import RunComparison, RunGain, compare_runs
from instructdiv.guidance.similarity_tracker import SimilarityPoint, SimilarityTracker, track
from instructdiv.guidance.sweet_spot import SweetSpot, sweet_spot

__all__ = [
    "Attribution",
    "Contribution",
    "Emergence",
    "Evidence",
    "Finding",
    "Leak",
    "Leaks",
    "LossMonitor",
    "LossPoint",
    "Order",
    "OrderAudit",
    "RunComparison",
    "RunGain",
    "SimilarityPoint",
    "SimilarityTracker",
    "Stop",
    "SweetSpot",
    "attribute_drop",
    "compare_order",
    "compare_runs",
    "effect",
    "emergence",
    "evidence",
    "findings",
    "instance_losses",
    "leak_check",
    "sweet_spot",
    "track",
]
