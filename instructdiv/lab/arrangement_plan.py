"""Arrangement plan: the ways to train that are compared: which records, in which order."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv import arrangers, selectors
from instructdiv.embedders import Embedder, Lexical
from instructdiv.lab.arrangement_results import RANDOM
from instructdiv.lab.transformer import Training
from instructdiv.pool import Pool
from instructdiv.results import Facts

Rows = NDArray[np.int64]


class ArrangementPlan(Facts):
    """Tasks, arms, model and number of seeds of a study."""

    seeds: int = Field(default=3, ge=1)
    """Number of seeds, from 0: of the records, the weights and every shuffle."""

    every_arm: bool = False
    """Also train the arms that differ little from others."""

    share: float = Field(default=0.3, gt=0, le=1)
    """Budget of the first setting, as a share of the pool."""

    records_per_task: int = Field(default=82, ge=1)
    """Largest number of records of each task of the pool."""

    targets_per_task: int = Field(default=16, ge=1)
    """Number of records of each held-out task."""

    held_out: tuple[str, ...] | None = None
    """Names of the held-out tasks; by default those of :data:`HELD_OUT`, or eight of the
    labelled tasks, drawn once for all seeds."""

    longest: int = Field(default=240, ge=10)
    """Largest number of characters of a labelled record; longer ones are left out."""

    embedder: Embedder = Lexical()
    """Embedding model of the prompts."""

    width: int = Field(default=64, ge=4, multiple_of=4)
    """Hidden size of the model."""

    layers: int = Field(default=2, ge=1)
    """Number of layers of the model; each has 4 heads."""

    pre_training_steps: int = Field(default=150, ge=0)
    """Steps of pre-training on inputs alone, without instructions, before any arm is trained."""

    learning_rate: float = Field(default=3e-3, gt=0)
    """Peak learning rate."""

    batch: int = Field(default=16, ge=1)
    """Batch size, in records."""

    measured_every: tuple[int, int] = (5, 15)
    """Steps between two measurements of the loss, under the budget and on the full pass."""

    threshold: float | None = None
    """Loss up to which steps are counted; by default the mean final loss of random."""


@dataclass(frozen=True)
class Arm:
    """One way to train: which records, in which order."""

    name: str
    """Name of the arm."""

    selector: selectors.Selector | None
    """Selector of the records; None trains on the whole pool."""

    arranger: arrangers.Arranger | None
    """Arranger of the records; None keeps the order of the selection, best first."""

    quick: bool = True
    """Whether the arm belongs to a quick study."""

    def rows(self, pool: Pool, target: Pool, n_records: int, seed: int) -> Rows:
        """Rows of a pool in training order, (n_records,) int64."""
        if self.selector is None:
            # Ties would otherwise keep the order of the file.
            rows = np.random.default_rng(seed).permutation(len(pool))
        else:
            aim = target if self.selector.covers_target else None
            rows = self.selector.seeded(seed).select(pool, n_records, target=aim).indices
        if self.arranger is None:
            return rows
        return self.arranger.seeded(seed).arrange(pool, rows, target).indices

    def to_mapping(self) -> dict[str, Any]:
        """Selector and arranger, as plain JSON values."""
        parts = {"selector": self.selector, "arranger": self.arranger}
        return {name: part and part.to_mapping() for name, part in parts.items()}


def _budget_arms() -> tuple[Arm, ...]:
    """Arms that train on part of the pool."""
    usual, shuffled = selectors.Random(), arrangers.Shuffled()
    near, far = selectors.TestCentric(), selectors.TestCentric(direction="far")
    nearest, weighted = selectors.NearestToAny(), selectors.WeightedSimilarity()
    far_first = arrangers.TestCentric(direction="far")
    return (
        Arm(RANDOM, usual, shuffled),
        Arm("round_robin", usual, arrangers.RoundRobin()),
        Arm("clustered", usual, arrangers.Clustered()),
        Arm("test_centric", near, arrangers.TestCentric()),
        Arm("test_centric_shuffled", near, shuffled),
        Arm("nearest_to_any", nearest, None),
        Arm("nearest_to_any_shuffled", nearest, shuffled, quick=False),
        Arm("weighted_similarity", weighted, None),
        Arm("weighted_similarity_shuffled", weighted, shuffled),
        Arm("farthest", far, far_first),
        Arm("farthest_shuffled", far, shuffled, quick=False),
    )


def _pass_arms() -> tuple[Arm, ...]:
    """Arms that train on the whole pool, in different orders.

    Near then far is the test-centric order of the whole pool, and far then near its reverse.
    The paper's orders take half of the pool from either end, target by target.
    """
    near_first, near_last = arrangers.TestCentric(), arrangers.FarThenNear(start_share=0)
    return (
        Arm(RANDOM, None, arrangers.Shuffled()),
        Arm("round_robin", None, arrangers.RoundRobin()),
        Arm("clustered", None, arrangers.Clustered()),
        Arm("near_then_far", None, near_first),
        Arm("far_then_near", None, near_last),
        Arm("near_half_then_far", None, arrangers.NearThenFar(), quick=False),
        Arm("far_half_then_near", None, arrangers.FarThenNear(), quick=False),
        Arm("near_with_replay", None, arrangers.Replay(share=0.3, replayed="last"), quick=False),
        Arm("weighted_similarity", None, arrangers.WeightedSimilarity(), quick=False),
        Arm("farthest", None, arrangers.TestCentric(direction="far"), quick=False),
    )


@dataclass(frozen=True)
class Setting:
    """Share of the pool that is trained on, and the learning rate."""

    name: Literal["budget", "full_pass"]
    """Name of the setting."""

    title: str
    """The setting in words."""

    share: float
    """Share of the pool that is trained on."""

    training: Training
    """Batch size and learning rate."""

    every: int
    """Steps between two measurements."""

    arms: tuple[Arm, ...]
    """Ways to train."""


def settings_of(plan: ArrangementPlan) -> tuple[Setting, Setting]:
    """The two settings of a plan: a budget, and a full pass over the pool.

    Under a budget the learning rate decays as a cosine, as is usual; on the full pass it is
    constant, so that late records count as much as early ones.
    """
    rates = {"learning_rate": plan.learning_rate, "batch": plan.batch}
    every, every_of_pass = plan.measured_every

    def wanted(arms: tuple[Arm, ...]) -> tuple[Arm, ...]:
        return tuple(arm for arm in arms if arm.quick or plan.every_arm)

    return (
        Setting(
            "budget",
            f"A budget of {plan.share:.0%} of the pool",
            plan.share,
            Training(**rates, schedule="cosine"),
            every,
            wanted(_budget_arms()),
        ),
        Setting(
            "full_pass",
            "A full pass over the pool",
            1.0,
            Training(**rates, schedule="constant"),
            every_of_pass,
            wanted(_pass_arms()),
        ),
    )
