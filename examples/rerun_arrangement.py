"""Which records, and in which order: the arrangement experiment on a small model.

    python examples/rerun_arrangement.py [SEEDS]

Without SEEDS it takes seconds, and a model too small and too little trained to say anything:
it shows the call. With SEEDS it is the study of docs/explanation/arrangement.md: three take
some minutes, and its runs are kept in the folder "arrangement", so that it can be interrupted.
"""

import sys

from instructdiv.lab import ArrangementPlan, arrangement_study


def main(seeds: int) -> None:
    if seeds:
        study = arrangement_study(ArrangementPlan(seeds=seeds), output="arrangement")
    else:
        plan = ArrangementPlan(
            seeds=1,
            records_per_task=4,
            targets_per_task=2,
            pre_training_steps=5,
            width=16,
            layers=1,
        )
        study = arrangement_study(plan, workers=1)
    print(study)

    budget = study.setting("budget")
    usual, near = budget.row("random"), budget.row("test_centric")
    print(f"\nmean loss on the way: random {usual.area}, test-centric {near.area}")


# The processes that train import this file: what is run must stand behind this line.
if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
