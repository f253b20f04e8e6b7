"""Lab: published experiments, repeated on a small model in minutes."""

from instructdiv.lab.arrangement import arrangement_study
from instructdiv.lab.arrangement_plan import ArrangementPlan
from instructdiv.lab.arrangement_results import ArmRow, Run, SettingResult, Study
from instructdiv.lab.generalization import rewriting_study
from instructdiv.lab.rewriting import LETTERS, Rewrites, equal_counts, make_dataset, sample_rules
from instructdiv.lab.rewriting_plan import Condition, RewritingPlan
from instructdiv.lab.rewriting_results import (
    Comparison,
    ConditionRow,
    Point,
    RewritingRun,
    RewritingStudy,
)
from instructdiv.lab.rewriting_rules import Constraint, MarkovAlgorithm, Rule, apply_rule
from instructdiv.lab.study_report import Spread
from instructdiv.lab.tasks import HELD_OUT, Tasks, generated_tasks, labelled_tasks
from instructdiv.lab.transformer import Shape, Tokens, Training, Transformer

__all__ = [
    "HELD_OUT",
    "LETTERS",
    "ArmRow",
    "ArrangementPlan",
    "Comparison",
    "Condition",
    "ConditionRow",
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
    "sample_rules",
]
