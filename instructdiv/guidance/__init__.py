"""Guidance: what happens while a model learns from chosen records, and when that is enough."""

from instructdiv.guidance.attribution import Attribution, Contribution, attribute_drop
from instructdiv.guidance.instance_losses import instance_losses
from instructdiv.guidance.leakage import Leak, Leaks, leak_check
from instructdiv.guidance.loss_monitor import LossMonitor, LossPoint, Stop
from instructdiv.guidance.order import Order, compare_order
from instructdiv.guidance.order_audit import OrderAudit
from instructdiv.guidance.similarity_tracker import SimilarityPoint, SimilarityTracker, track

__all__ = [
    "Attribution",
    "Contribution",
    "Leak",
    "Leaks",
    "LossMonitor",
    "LossPoint",
    "Order",
    "OrderAudit",
    "SimilarityPoint",
    "SimilarityTracker",
    "Stop",
    "attribute_drop",
    "compare_order",
    "instance_losses",
    "leak_check",
    "track",
]
