"""Rewriting studies: the conditions of each study, and the rules and records of a condition."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from instructdiv.core.apportion import powerlaw_counts
from instructdiv.lab.rewriting import Rewrites, equal_counts, make_dataset, sample_rules
from instructdiv.lab.rewriting_plan import Condition, RewritingPlan, StudyName
from instructdiv.lab.rewriting_rules import Constraint, Pattern, Rule

_CLASSES: tuple[Pattern, ...] = get_args(Pattern)


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
