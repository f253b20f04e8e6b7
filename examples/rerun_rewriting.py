"""How many instructions a model must see to follow new ones: the rewriting experiment.

    python examples/rerun_rewriting.py [quick | full]

Without an argument it takes seconds, and a model far too small to say anything: it shows the
calls. With one it is the study of docs/explanation/rewriting.md: its runs are kept in the folder
"rewriting", so that it can be interrupted.
"""

import sys

from instructdiv.lab import (
    RewritingPlan,
    equal_counts,
    make_dataset,
    rewriting_study,
    sample_rules,
)


def main(size: str) -> None:
    test = sample_rules(2, seed=1)
    rules = sample_rules(3, forbidden=test, seed=2)
    rewrites = make_dataset(rules, equal_counts(3, 4))
    for rule, text, result in zip(rewrites.rule, rewrites.inputs, rewrites.outputs, strict=True):
        print(f"{rules[rule]}: {text} becomes {result}")

    if size:
        plan = RewritingPlan.full() if size == "full" else RewritingPlan.quick()
        study = rewriting_study(plan, output="rewriting")
    else:
        plan = RewritingPlan(
            studies=("emergence",),
            instructions=(5, 10, 20),
            records=40,
            steps=5,
            batch=8,
            width=16,
            layers=1,
            test_rules=5,
            test_records=20,
        )
        study = rewriting_study(plan, workers=1)
    print(f"\n{study}")


# The processes that train import this file: what is run must stand behind this line.
if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
