"""Lab: findings of the literature, run again on a small model in minutes."""

from instructdiv.lab.arrangement import ArrangementPlan, arrangement_study
from instructdiv.lab.study import ArmRow, Run, SettingResult, Spread, Study
from instructdiv.lab.tasks import HELD_OUT, Tasks, generated_tasks, labelled_tasks
from instructdiv.lab.transformer import Shape, Tokens, Training, Transformer

__all__ = [
    "HELD_OUT",
    "ArmRow",
    "ArrangementPlan",
    "Run",
    "SettingResult",
    "Shape",
    "Spread",
    "Study",
    "Tasks",
    "Tokens",
    "Training",
    "Transformer",
    "arrangement_study",
    "generated_tasks",
    "labelled_tasks",
]
