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

_CLASSES = ("repeated", "periodic", "mirrored")


class Condition(Facts):
    """What a model is trained on: how many rules of which kind, and how many records."""

    instructions: int
    """Rules."""

    records: int
    """Records of all rules together."""

    steps: int
    """Training steps."""

    pattern: int
    """Letters of a rule's string, and of what replaces it."""

    length: int
    """Letters of a text."""

    letters: int
    """The rules of the training are made of so many first letters of the alphabet."""

    constraints: tuple[Constraint, ...] = ()
    """Classes of the strings of its rules; any strings if there are none."""

    alpha: float | None = None
    """Shape of the power law by which records fall to rules; as equal as can be if none."""

    no_op: float = 0.0
    """Share of records in which nothing is to be replaced."""

    distractors: bool = False
    """Whether other letters of a text may be those of the string."""

    @property
    def examples_per_instruction(self) -> int:
        """Records of a rule, rounded down; of a power law the mean."""
        return self.records // self.instructions


class RewritingPlan(Facts):
    """What is run: which studies, and which rules, texts and model.

    The defaults are those of :meth:`quick`.
    """

    studies: tuple[StudyName, ...] = STUDIES[:3]
    """Which studies."""

    seeds: int = Field(default=1, ge=1)
    """Seeds, from 0: of rules, texts, weights and the order of training."""

    seeds_on_slope: int = Field(default=2, ge=1)
    """Seeds, if more, of the emergence at numbers of instructions on its slope."""

    slope: tuple[int, int] = (500, 1000)
    """From where to where seeds differ most."""

    every_condition: bool = False
    """Also the conditions that say little more than others do."""

    records: int = Field(default=20_000, ge=1)
    """Records of a training."""

    instructions: tuple[int, ...] = Field(default=(100, 300, 500, 1000, 3000, 10_000), min_length=3)
    """Numbers of rules at which the same number of records is trained on."""

    few: int = Field(default=300, ge=1)
    """Rules to which three times as many records are given."""

    many: int = Field(default=1000, ge=1)
    """Rules that they are compared with, at the usual number of records."""

    restricted: int = Field(default=2000, ge=1)
    """Rules of a restricted domain."""

    restricted_letters: tuple[int, ...] = (9, 18)
    """Numbers of letters that rules of a restricted domain are made of."""

    class_pattern: int = Field(default=4, ge=2, multiple_of=2)
    """Letters of the strings of rules of a class, which repeat half of them."""

    long_tail: tuple[int, ...] = (1000, 3000, 10_000)
    """Numbers of rules with a long tail."""

    alphas: tuple[float, ...] = (0.5, 0.2)
    """Shapes of the power laws: the lower, the more records fall to the first rules."""

    no_op: tuple[int, ...] = (300, 1000, 3000)
    """Numbers of rules with records in which nothing is to be replaced."""

    no_op_shares: tuple[float, ...] = (0.3,)
    """Shares of such records."""

    letters: int = Field(default=26, ge=2, le=26)
    """Letters of the alphabet."""

    pattern: int = Field(default=3, ge=1)
    """Letters of a rule's string, and of what replaces it."""

    length: int = Field(default=9, ge=1)
    """Letters of a text."""

    test_rules: int = Field(default=200, ge=1)
    """Rules that accuracy is measured on, unseen or seen."""

    test_records: int = Field(default=600, ge=1)
    """Records that accuracy is measured on, with texts that were not trained on."""

    width: int = Field(default=64, ge=4, multiple_of=4)
    """Components of the state of a token."""

    layers: int = Field(default=2, ge=1)
    """Layers of the model; each has 4 heads."""

    spread: float = Field(default=0.072, gt=0)
    """Standard deviation of the weights of the layers at the start. With GPT-2's own, 0.02,
    it depends on the seed whether so narrow a model learns anything in so few steps."""

    steps: int = Field(default=1500, ge=1)
    """Training steps."""

    batch: int = Field(default=64, ge=1)
    """Records of a step."""

    learning_rate: float = Field(default=2e-3, gt=0)
    """Highest learning rate; it falls in a straight line."""

    warm_up: int = Field(default=100, ge=0)
    """Steps over which it rises."""

    last_share: float = Field(default=0.02, ge=0, le=1)
    """Learning rate at the end, as a share of the highest."""

    device: Literal["cpu", "cuda"] = "cpu"
    """What trains."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.length < self.pattern:
            raise ValueError(f"a text of {self.length} letters cannot hold {self.pattern}")
        return self

    @classmethod
    def quick(cls, **changes: Any) -> Self:
        """The plan that fits two cores and some minutes: the defaults, with changes."""
        return cls(**changes)

    @classmethod
    def full(cls, **changes: Any) -> Self:
        """All studies, with every condition and three seeds."""
        return cls(**({"studies": STUDIES, "seeds": 3, "every_condition": True} | changes))

    @classmethod
    def paper(cls, **changes: Any) -> Self:
        """All studies with the sizes of the paper, as far as it tells them, on a graphics card.

        It does not tell the size of a batch, the length of a replacement, nor the alphabet:
        256, that of the string, and 26 letters. A single run is hours.
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
        """The same plan with these studies, or so many seeds of each condition, where given.

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
        """The letters."""
        return LETTERS[: self.letters]

    @property
    def training(self) -> Training:
        """Batches and learning rates."""
        return Training(
            learning_rate=self.learning_rate,
            schedule="linear",
            last_share=self.last_share,
            warm_up=self.warm_up,
            batch=self.batch,
            betas=(0.9, 0.98),
        )

    def condition(self, instructions: int, **changes: Any) -> Condition:
        """The usual condition with so many rules, and changes."""
        usual = {
            "records": self.records,
            "steps": self.steps,
            "pattern": self.pattern,
            "length": self.length,
            "letters": self.letters,
        }
        return Condition(instructions=instructions, **(usual | changes))

    def shape(self, condition: Condition) -> Shape:
        """How large the model of a condition is."""
        return Shape(
            vocabulary=self.letters,
            length=2 * (condition.pattern + condition.length),
            width=self.width,
            layers=self.layers,
            spread=self.spread,
            activation="gelu",
        )


@dataclass(frozen=True)
class Asked:
    """A study, and the conditions that it compares."""

    name: StudyName
    """Its name."""

    says: str
    """What it is, in words."""

    conditions: dict[str, Condition]
    """The conditions by what tells them apart."""

    seeds: dict[Condition, int]
    """Seeds of each."""


def asked(plan: RewritingPlan) -> list[Asked]:
    """The studies of a plan, in the order of :data:`STUDIES`."""
    found = []
    for name, (says, conditions) in {
        "emergence": (
            f"{plan.records:,} records of more and more instructions",
            _emergence(plan),
        ),
        "more_of_the_same": ("More records of the same instructions", _more_of_the_same(plan)),
        "restricted_domains": (
            f"{plan.restricted:,} instructions of a restricted domain",
            _restricted_domains(plan),
        ),
        "long_tail": ("A long tail: few instructions have most records", _long_tail(plan)),
        "no_op": ("Records in which nothing is to be done", _no_op(plan)),
    }.items():
        if name in plan.studies:
            low, high = plan.slope
            seeds = {
                one: max(plan.seeds, plan.seeds_on_slope)
                if name == "emergence" and low <= one.instructions <= high
                else plan.seeds
                for one in conditions.values()
            }
            found.append(Asked(name, says, conditions, seeds))
    return found


def _emergence(plan: RewritingPlan) -> dict[str, Condition]:
    return {f"{n:,} instructions": plan.condition(n) for n in plan.instructions}


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
    found = {
        f"{letters} of {plan.letters} letters": plan.condition(n, letters=letters)
        for letters in shown
    }
    if not plan.every_condition:
        return found
    found[f"all {plan.letters} letters"] = plan.condition(n)
    sizes = {
        "pattern": plan.class_pattern,
        "length": max(plan.length, 3 * plan.class_pattern),
    }
    classes = [Constraint(kind, 2) for kind in _CLASSES]  # type: ignore[arg-type]
    for one in classes:
        found[f"strings of {plan.class_pattern}, {one}"] = plan.condition(
            n, constraints=(one,), **sizes
        )
    found[f"strings of {plan.class_pattern}, all three"] = plan.condition(
        n, constraints=tuple(classes), **sizes
    )
    found[f"strings of {plan.class_pattern}, any"] = plan.condition(n, **sizes)
    return found


def _long_tail(plan: RewritingPlan) -> dict[str, Condition]:
    return {
        f"{n:,} instructions, {'equal' if alpha is None else f'alpha {alpha:g}'}": plan.condition(
            n, alpha=alpha
        )
        for n in plan.long_tail
        for alpha in (None, *plan.alphas)
    }


def _no_op(plan: RewritingPlan) -> dict[str, Condition]:
    return {
        f"{n:,} instructions, {share:.0%} no-ops": plan.condition(n, no_op=share, distractors=True)
        for n in plan.no_op
        for share in (0.0, *plan.no_op_shares)
    }


def rules_of(
    plan: RewritingPlan, condition: Condition, seed: int
) -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
    """Rules to train on, and rules of a test, which share no string with them.

    Rules of a test are of all letters and any class, and the same for every condition with
    strings of that length.

    Raises
    ------
    ParameterError
        There are not so many.
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
    """Records to train on, and those of a test with seen and with unseen rules.

    Seen rules are drawn from those with a record to train on, each as likely as any other.

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
    """Seeds of each thing that is drawn: so that none depends on how many others are."""
    return iter(np.random.SeedSequence(seed).generate_state(7).tolist())


def check_device(plan: RewritingPlan) -> None:
    """Raise if what should train is not there.

    Raises
    ------
    ParameterError
        A graphics card is asked for, and torch sees none.
    """
    if plan.device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise ParameterError(
                "these sizes need a graphics card, and torch sees none here; "
                "the quick and the full study run on a CPU"
            )
