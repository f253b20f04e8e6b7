"""Lab: findings of the literature, run again on a small model in minutes."""

from instructdiv.lab.arrangement import ArrangementPlan, arrangement_study
from instructdiv.lab.generalization import (
    ConditionRow,
    ConditionRows,
    Point,
    RewritingRun,
    RewritingStudy,
    rewriting_study,
    run_emergence,
    run_long_tail,
    run_more_of_the_same,
    run_noop,
    run_restricted_domains,
)
from instructdiv.lab.rewriting import (
    LETTERS,
    Constraint,
    MarkovAlgorithm,
    Rewrites,
    Rule,
    apply_rule,
    equal_counts,
    make_dataset,
    sample_rules,
)
from instructdiv.lab.rewriting_plan import Condition, RewritingPlan
from instructdiv.lab.study import ArmRow, Run, SettingResult, Study
from instructdiv.lab.study_report import Spread
from instructdiv.lab.tasks import HELD_OUT, Tasks, generated_tasks, labelled_tasks
from instructdiv.lab.transformer import Shape, Tokens, Training, Transformer

__all__ = [
    "HELD_OUT",
    "LETTERS",
    "ArmRow",
    "ArrangementPlan",
    "Condition",
    "ConditionRow",
    "ConditionRows",
    "Constraint",
    "MarkovAlgorithm",
    "Point",
    "Rewrites",
    "RewritingPlan",
    "RewritingRun",
    "RewritingStudy",
    "Rule",
    "Run",
    "SettingResult",
    "Shape",
    "Spread",
    "Study",
    "Tasks",
    "Tokens",
    "Training",
    "Transformer",
    "apply_rule",
    "arrangement_study",
    "equal_counts",
    "generated_tasks",
    "labelled_tasks",
    "make_dataset",
    "rewriting_study",
    "run_emergence",
    "run_long_tail",
    "run_more_of_the_same",
    "run_noop",
    "run_restricted_domains",
    "sample_rules",
]
