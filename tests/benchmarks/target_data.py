"""What is chosen for a target on real labelled tasks: make bench-data.

``python tests/benchmarks/target_data.py DATA`` draws five records each of eight tasks as a target,
from the Super-NI file in DATA, and lets every selector choose among all others, by vectors of the
lexical embedder. Printed are the share of the chosen records that are of those tasks, how many of
the eight tasks have at least half of an equal quota, and the effective number of tasks among the
hits; means over five draws. The pool holds up to 195 more records of each task.
"""

import sys
from pathlib import Path

import numpy as np

from instructdiv import Pool
from instructdiv.metrics.effective_clusters import effective_number
from instructdiv.selectors import Selector
from tests.benchmarks.labelled_data import rows_of

FILE = "multitask/superni_dev.jsonl.gz"
N_TASKS, N_ASKED, BUDGETS, DRAWS = 8, 5, (80, 400, 1200), 5


def selectors() -> list[Selector]:
    needing = [s() for s in Selector.known().values() if s.needs_target]
    return [*needing, *map(Selector.of, ("facility_location", "random"))]


def show(folder: str, *, defined: bool) -> None:
    """One table: prompts with the task's definition before the input, or inputs alone."""
    rows_read = [
        {
            "instruction": row["definition"][0] if defined else row["input"],
            "input": row["input"] if defined else "",
            "output": row["output"][0],
            "task": row["task"],
        }
        for row in rows_of(Path(folder) / FILE)
        if row["input"].strip()
    ]
    pool = Pool.of(rows_read, embedder="lexical", group="task")
    assert pool.groups is not None
    tasks = np.unique(pool.groups)
    found: dict[tuple[str, int], list[tuple[float, float, float]]] = {}
    for draw in range(DRAWS):
        random = np.random.default_rng(draw)
        wanted = random.choice(tasks, N_TASKS, replace=False)
        rows = np.concatenate(
            [
                random.choice(np.flatnonzero(pool.groups == task), N_ASKED, replace=False)
                for task in wanted
            ]
        )
        rest = pool.take(np.setdiff1d(np.arange(len(pool)), rows))
        assert rest.groups is not None
        for selector in selectors():
            for budget in BUDGETS:
                aim = pool.take(rows) if selector.covers_target else None
                chosen = rest.groups[selector.select(rest, budget, target=aim).indices]
                counts = np.array([(chosen == task).sum() for task in wanted])
                served = (counts >= budget / N_TASKS / 2).mean() * N_TASKS
                effective = effective_number(counts) if counts.any() else 0.0
                found.setdefault((selector.name, budget), []).append(
                    (counts.sum() / budget, float(served), float(effective))
                )
    print("\nwith definitions\n" if defined else "\ninputs alone\n")
    print(f"| selector | {' | '.join(f'{b} records' for b in BUDGETS)} |")
    print(f"|---|{'---:|' * len(BUDGETS)}")
    for selector in selectors():
        cells = []
        for budget in BUDGETS:
            share, served, effective = np.mean(found[selector.name, budget], axis=0)
            cells.append(f"{share:.2f} / {served:.1f} / {effective:.1f}")
        print(f"| `{selector.name}` | {' | '.join(cells)} |")


if __name__ == "__main__":
    for defined in (True, False):
        show(sys.argv[1] if len(sys.argv) > 1 else "../shared/data", defined=defined)
