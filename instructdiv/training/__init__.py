"""Watch a training: loss on a target, similarity to it, order of the examples, early stopping."""

from instructdiv.training.attribution import Attribution, Contribution, attribute_drop
from instructdiv.training.instance_losses import instance_losses
from instructdiv.training.loss_curve import LossPoint, Stop
from instructdiv.training.loss_monitor import LossMonitor
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
