"""What happens while a model learns from chosen records, and when that is enough."""

from instructdiv.training.attribution import Attribution, Contribution, attribute_drop
from instructdiv.training.instance_losses import instance_losses
from instructdiv.training.loss_monitor import LossMonitor, LossPoint, Stop
from instructdiv.training.order import OrderComparison, compare_order
from instructdiv.training.order_audit import OrderAudit
from instructdiv.training.similarity_tracker import SimilarityPoint, SimilarityTracker, track

__all__ = [
    "Attribution",
    "Contribution",
    "LossMonitor",
    "LossPoint",
    "OrderAudit",
    "OrderComparison",
    "SimilarityPoint",
    "SimilarityTracker",
    "Stop",
    "attribute_drop",
    "compare_order",
    "instance_losses",
    "track",
]
