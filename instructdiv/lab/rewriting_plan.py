"""Rewriting plan: which rules, texts and model are tried, in which studies."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

import numpy as np
from pydantic import Field, model_validator

from instructdiv.core.apportion import powerlaw_counts
from instructdiv.errors import ParameterError
from instructdiv.lab.rewriting import (
    LETTERS,
    Constraint,
    Pattern,
    Rewrites,
    Rule,
    equal_counts,
    make_dataset,
    sample_rules,
)
from instructdiv.lab.transformer import Shape, Training
from instructdiv.results import Facts

StudyName = Literal["emergence", "more_of_the_same", "restricted_domains", "long_tail", "no_op"]
STUDIES: tuple[StudyName, ...] = get_args(StudyName)
"""Names of the studies."""

_CLASSES: tuple[Pattern, ...] = get_args(Pattern)


class Condition(Facts):
    """What a model is trained on: the number and kind of rules, and of records."""

    instructions: int
    """Number of rules."""

    records: int
    """Number of records of all rules together."""

    steps: int
    """Number of training steps."""

    pattern: int
    """Length of a rule's string, and of its replacement."""

    length: int
    """Length of a text."""

    letters: int
    """Number of letters, the first of the alphabet, in the rules of the training."""

    constraints: tuple[Constraint, ...] = ()
    """Classes of the strings of the rules; any strings if empty."""

    alpha: float | None = None
    """Exponent of the power law of records over rules; None for equal counts."""

    no_op: float = 0.0
    """Share of records with nothing to replace."""

    distractors: bool = False
    """Whether the other letters of a text may be letters of the string."""

    @property
    def examples_per_instruction(self) -> int:
        """Mean number of records of a rule, rounded down."""
        return self.records // self.instructions


class RewritingPlan(Facts):
    """Studies, rules, texts and model of a study.

    The defaults are those of :meth:`quick`.
    """

    studies: tuple[StudyName, ...] = STUDIES[:3]
    """Names of the studies to run."""

    seeds: int = Field(default=1, ge=1)
    """Number of seeds, from 0: of rules, texts, weights and the order of training."""

    seeds_on_slope: int = Field(default=2, ge=1)
    """Number of seeds, if more, of the emergence study on its slope."""

    slope: tuple[int, int] = (500, 1000)
    """Numbers of instructions between which seeds differ most."""

    every_condition: bool = False
    """Also run the conditions that differ little from others."""

    records: int = Field(default=20_000, ge=1)
    """Number of records of a training run."""

    instructions: tuple[int, ...] = Field(default=(100, 300, 500, 1000, 3000, 10_000), min_length=3)
    """Numbers of rules of the emergence study, each with the same number of records."""

    few: int = Field(default=300, ge=1)
    """Number of rules that get three times as many records."""

    many: int = Field(default=1000, ge=1)
    """Number of rules that these are compared with, at the usual number of records."""

    restricted: int = Field(default=2000, ge=1)
    """Number of rules of a restricted domain."""

    restricted_letters: tuple[int, ...] = (9, 18)
    """Numbers of letters in the rules of a restricted domain."""

    class_pattern: int = Field(default=4, ge=2, multiple_of=2)
    """Length of the strings of a class, which repeat half of the letters."""

    long_tail: tuple[int, ...] = (1000, 3000, 10_000)
    """Numbers of rules with a long tail."""

    alphas: tuple[float, ...] = (0.5, 0.2)
    """Exponents of the power laws: the lower, the more records the first rules get."""

    no_op: tuple[int, ...] = (300, 1000, 3000)
    """Numbers of rules with records that have nothing to replace."""

    no_op_shares: tuple[float, ...] = (0.3,)
    """Shares of such records."""

    letters: int = Field(default=26, ge=2, le=26)
    """Size of the alphabet."""

    pattern: int = Field(default=3, ge=1)
    """Length of a rule's string, and of its replacement."""

    length: int = Field(default=9, ge=1)
    """Length of a text."""

    test_rules: int = Field(default=200, ge=1)
    """Number of rules, seen and unseen each, that accuracy is measured on."""

    test_records: int = Field(default=600, ge=1)
    """Number of records that accuracy is measured on, with texts not trained on."""

    width: int = Field(default=64, ge=4, multiple_of=4)
    """Hidden size of the model."""

    layers: int = Field(default=2, ge=1)
    """Number of layers of the model; each has 4 heads."""

    spread: float = Field(default=0.072, gt=0)
    """Standard deviation of the initial weights of the layers. With GPT-2's own, 0.02, some
    seeds of so narrow a model learn nothing in so few steps."""

    steps: int = Field(default=1500, ge=1)
    """Number of training steps."""

    batch: int = Field(default=64, ge=1)
    """Batch size, in records."""

    learning_rate: float = Field(default=2e-3, gt=0)
    """Peak learning rate; it decays linearly."""

    warm_up: int = Field(default=100, ge=0)
    """Number of warm-up steps."""

    last_share: float = Field(default=0.02, ge=0, le=1)
    """Learning rate at the end, as a share of the peak."""

    device: Literal["cpu", "cuda"] = "cpu"
    """Device of the training."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.length < self.pattern:
            raise ValueError(f"a text of {self.length} letters cannot hold {self.pattern}")
        return self

    @classmethod
    def quick(cls, **changes: Any) -> Self:
        """A plan for two cores and some minutes: the defaults, with changes."""
        return cls(**changes)

    @classmethod
    def full(cls, **changes: Any) -> Self:
        """All studies, with every condition and three seeds."""
        return cls(**({"studies": STUDIES, "seeds": 3, "every_condition": True} | changes))

    @classmethod
    def paper(cls, **changes: Any) -> Self:
        """All studies with the sizes of the paper, as far as it states them, on a GPU.

        It does not state the batch size (256 here), the length of a replacement (that of the
        string) and the alphabet (26 letters). A single run takes hours.
        """
        sizes = {
            "studies": STUDIES,
            "every_condition": True,
            "records": 1_000_000,
            "instructions": (10, 100, 200, 300, 400, 500, 600, 1000, 2000, 10_000, 100_000,
                             1_000_000),
            "slope": (300, 600),
            "restricted": 5000,
            "class_pattern": 20,
            "long_tail": (1000, 10_000, 100_000),
            "alphas": (0.5, 0.2, 0.1, 0.03),
            "no_op": (100, 300, 400, 500, 1000, 10_000),
            "no_op_shares": (0.1, 0.3, 0.5),
            "pattern": 20,
            "length": 50,
            "test_rules": 10_000,
            "test_records": 100_000,
            "width": 256,
            "layers": 6,
            "spread": 0.02,
            "steps": 50 * 1_000_000 // 256,
            "batch": 256,
            "learning_rate": 1e-3,
            "warm_up": 0,
            "last_share": 0.0,
            "device": "cuda",
        }  # fmt: skip
        return cls(**(sizes | changes))

    def asking(
        self, *, studies: Sequence[str] | None = None, seeds: int | None = None
    ) -> "RewritingPlan":
        """The same plan with these studies and this number of seeds, where given.

        Raises
        ------
        ParameterError
            No study has such a name.
        """
        unknown = [name for name in studies or () if name not in STUDIES]
        if unknown:
            raise ParameterError(f"no study is named {unknown[0]!r}; known: {', '.join(STUDIES)}")
        changes: dict[str, Any] = {}
        if studies:
            changes["studies"] = tuple(dict.fromkeys(studies))
        if seeds is not None:
            changes |= {"seeds": seeds, "seeds_on_slope": seeds}
        return self.model_copy(update=changes)

    @property
    def alphabet(self) -> str:
        """The letters of the alphabet."""
        return LETTERS[: self.letters]

    @property
    def training(self) -> Training:
        """Batch size and learning rate."""
        return Training(
            learning_rate=self.learning_rate,
            schedule="linear",
            last_share=self.last_share,
            warm_up=self.warm_up,
            batch=self.batch,
            betas=(0.9, 0.98),
        )

    def condition(self, instructions: int, **changes: Any) -> Condition:
        """The usual condition with a number of rules, and changes."""
        usual = {
            "records": self.records,
            "steps": self.steps,
            "pattern": self.pattern,
            "length": self.length,
            "letters": self.letters,
        }
        return Condition(instructions=instructions, **(usual | changes))

    def shape(self, condition: Condition) -> Shape:
        """Size of the model of a condition."""
        return Shape(
            vocabulary=self.letters,
            length=2 * (condition.pattern + condition.length),
            width=self.width,
            layers=self.layers,
            spread=self.spread,
            activation="gelu",
        )


@dataclass(frozen=True)
class StudyConditions:
    """A study, and the conditions that it compares."""

    name: StudyName
    """Name of the study."""

    title: str
    """The study in words."""

    conditions: dict[str, Condition]
    """The conditions by name."""

    seeds: dict[Condition, int]
    """Number of seeds of each."""


def studies_of(plan: RewritingPlan) -> list[StudyConditions]:
    """The studies of a plan, in the order of :data:`STUDIES`."""
    found: dict[StudyName, tuple[str, dict[str, Condition]]] = {
        "emergence": (
            f"{plan.records:,} records of more and more instructions",
            {f"{n:,} instructions": plan.condition(n) for n in plan.instructions},
        ),
        "more_of_the_same": ("More records of the same instructions", _more_of_the_same(plan)),
        "restricted_domains": (
            f"{plan.restricted:,} instructions of a restricted domain",
            _restricted_domains(plan),
        ),
        "long_tail": (
            "A long tail: few instructions have most records",
            {
                f"{n:,} instructions, {'equal' if alpha is None else f'alpha {alpha:g}'}": (
                    plan.condition(n, alpha=alpha)
                )
                for n in plan.long_tail
                for alpha in (None, *plan.alphas)
            },
        ),
        "no_op": (
            "Records with nothing to replace",
            {
                f"{n:,} instructions, {share:.0%} no-ops": (
                    plan.condition(n, no_op=share, distractors=True)
                )
                for n in plan.no_op
                for share in (0.0, *plan.no_op_shares)
            },
        ),
    }
    low, high = plan.slope

    def seeds(name: StudyName, condition: Condition) -> int:
        on_slope = name == "emergence" and low <= condition.instructions <= high
        return max(plan.seeds, plan.seeds_on_slope) if on_slope else plan.seeds

    return [
        StudyConditions(name, title, conditions, {c: seeds(name, c) for c in conditions.values()})
        for name, (title, conditions) in found.items()
        if name in plan.studies
    ]


def _more_of_the_same(plan: RewritingPlan) -> dict[str, Condition]:
    few, many = f"{plan.few:,} instructions", f"{plan.many:,} instructions"
    more = 3 * plan.records
    found = {
        f"{few}, {plan.records:,} records": plan.condition(plan.few),
        f"{few}, {more:,} records": plan.condition(plan.few, records=more),
    }
    if plan.every_condition:
        found[f"{few}, {more:,} records, 3 times the steps"] = plan.condition(
            plan.few, records=more, steps=3 * plan.steps
        )
    return found | {f"{many}, {plan.records:,} records": plan.condition(plan.many)}


def _restricted_domains(plan: RewritingPlan) -> dict[str, Condition]:
    n = plan.restricted
    shown = plan.restricted_letters if plan.every_condition else plan.restricted_letters[:1]
    found = {f"{some} of {plan.letters} letters": plan.condition(n, letters=some) for some in shown}
    if not plan.every_condition:
        return found
    classes = tuple(Constraint(kind, 2) for kind in _CLASSES)
    groups = {str(one): (one,) for one in classes} | {"all three": classes, "any": ()}
    sizes = {"pattern": plan.class_pattern, "length": max(plan.length, 3 * plan.class_pattern)}
    return (
        found
        | {f"all {plan.letters} letters": plan.condition(n)}
        | {
            f"strings of {plan.class_pattern}, {name}": plan.condition(n, constraints=some, **sizes)
            for name, some in groups.items()
        }
    )


def rules_of(
    plan: RewritingPlan, condition: Condition, seed: int
) -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
    """Rules to train on, and rules of a test that share no string with them.

    Test rules use all letters and any class, and are the same for every condition with strings
    of that length.

    Raises
    ------
    ParameterError
        There are too few different rules.
    """
    seeds = _seeds(seed)
    test = sample_rules(
        plan.test_rules,
        alphabet=plan.alphabet,
        search=condition.pattern,
        replacement=condition.pattern,
        seed=next(seeds),
    )
    train = sample_rules(
        condition.instructions,
        alphabet=plan.alphabet[: condition.letters],
        search=condition.pattern,
        replacement=condition.pattern,
        constraints=condition.constraints,
        forbidden=test,
        seed=next(seeds),
    )
    return train, test


def datasets_of(
    plan: RewritingPlan, condition: Condition, seed: int
) -> tuple[Rewrites, Rewrites, Rewrites]:
    """Records to train on, test records of seen rules, and test records of unseen rules.

    Seen rules are drawn uniformly from those with a record to train on.

    Raises
    ------
    ParameterError
        As :func:`rules_of` and :func:`instructdiv.lab.make_dataset`.
    """
    train_rules, test_rules = rules_of(plan, condition, seed)
    *_, counted, trained, chosen, seen, unseen = _seeds(seed)
    n_rules = len(train_rules)
    counts = (
        equal_counts(n_rules, condition.records)
        if condition.alpha is None
        else powerlaw_counts(n_rules, condition.records, condition.alpha, counted)
    )
    known = np.random.default_rng(chosen).permutation(counts.nonzero()[0])[: plan.test_rules]
    seen_rules = [train_rules[i] for i in known.tolist()]

    def drawn(rules: tuple[Rule, ...] | list[Rule], n: Any, seed: int) -> Rewrites:
        return make_dataset(
            rules,
            n,
            length=condition.length,
            no_op=condition.no_op,
            distractors=condition.distractors,
            alphabet=plan.alphabet,
            seed=seed,
        )

    return (
        drawn(train_rules, counts, trained),
        drawn(seen_rules, equal_counts(len(seen_rules), plan.test_records), seen),
        drawn(test_rules, equal_counts(len(test_rules), plan.test_records), unseen),
    )


def _seeds(seed: int) -> Iterator[int]:
    """A seed for each draw, so that none depends on the number of others."""
    return iter(np.random.SeedSequence(seed).generate_state(7).tolist())


def check_device(plan: RewritingPlan) -> None:
    """Raise unless the device of a plan is there.

    Raises
    ------
    ParameterError
        The plan needs a GPU, and torch finds none.
    """
    if plan.device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise ParameterError(
                "these sizes need a graphics card (GPU), and torch finds none here; "
                "the quick and the full study run on a CPU"
            )
