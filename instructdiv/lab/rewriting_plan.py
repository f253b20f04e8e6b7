"""Rewriting plan: which rules, texts and model are tried, in which studies."""

from collections.abc import Sequence
from typing import Any, Literal, Self, get_args

from pydantic import Field, model_validator

from instructdiv.errors import ParameterError
from instructdiv.lab.rewriting import LETTERS
from instructdiv.lab.rewriting_rules import Constraint
from instructdiv.lab.transformer import Shape, Training
from instructdiv.results import Facts

StudyName = Literal["emergence", "more_of_the_same", "restricted_domains", "long_tail", "no_op"]
STUDIES: tuple[StudyName, ...] = get_args(StudyName)
"""Names of the studies."""


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
