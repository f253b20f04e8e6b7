"""What selectors cover of known labels in real data, beside 32 random draws: make bench-data.

Takes the folder of the data sets. A label that a selection touches counts as covered; the
effective number of labels is the exponential of the entropy of how the selection is spread
over them.
"""

import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import instructdiv as idv
from instructdiv.metrics import EffectiveClusters, MeanNearestSimilarity
from instructdiv.metrics.base import assess
from instructdiv.metrics.effective_clusters import effective_number
from instructdiv.selectors import Selector

DRAWS = 32
FILES = [
    ("general/alpaca_random_9229.json.gz", None),
    ("human/dolly_dev.jsonl.gz", "category"),
    ("mix/pool_dev.jsonl.gz", "domain"),
]
TASKS = "multitask/superni_dev.jsonl.gz"


def pools(folder: Path) -> Iterator[tuple[str, idv.Pool]]:
    for name, group in FILES:
        yield name, idv.Pool.of(folder / name, group=group)
    with gzip.open(folder / TASKS, "rt", encoding="utf-8", newline="\n") as file:
        rows = [json.loads(line) for line in file]
    records = [
        {
            "instruction": row["definition"][0],
            "input": row["input"],
            "output": row["output"][0],
            "task": row["task"],
        }
        for row in rows
    ]
    pool = idv.Pool.of(records, group="task")
    assert pool.groups is not None
    tasks, labels = np.unique(pool.groups, return_inverse=True)
    rank = np.random.default_rng(0).permutation(len(tasks)) + 1
    zipf = [np.flatnonzero(labels == t)[: max(1, 200 // rank[t])] for t in range(len(tasks))]
    equal = [np.flatnonzero(labels == t)[:100] for t in range(len(tasks))]
    yield f"{TASKS}, 100 records a task", pool.take(np.concatenate(equal))
    yield f"{TASKS}, Zipf sizes", pool.take(np.concatenate(zipf))


def counts(pool: idv.Pool, rows: np.ndarray) -> np.ndarray:
    assert pool.groups is not None
    return np.unique(pool.groups[rows], return_counts=True)[1]


def table(pool: idv.Pool) -> Iterator[str]:
    labels = 0 if pool.groups is None else len(np.unique(pool.groups))
    budgets = [labels, 2 * labels, 5 * labels] if labels > 20 else [50, 200, 1000]
    metrics = [MeanNearestSimilarity(), EffectiveClusters()]
    yield "| budget | selector | labels | effective labels | nearest similarity | clusters |"
    yield "|---:|---|---:|---:|---:|---:|"
    for budget in budgets:
        band = []
        for seed in range(DRAWS):
            rows = np.random.default_rng(seed).choice(len(pool), budget, replace=False)
            found = counts(pool, rows) if labels else np.ones(1)
            band.append((len(found), effective_number(found)))
        low, high = np.percentile(band, [5, 95], axis=0)
        for selector in Selector.known().values():
            if selector.name in ("random", "group_balanced"):
                continue
            selection = selector().select(pool, budget)
            near, spread = assess(metrics, selection, pool, draws=DRAWS)
            found = counts(pool, selection.indices) if labels else np.ones(1)
            shown = [f"{len(found)}", f"{effective_number(found):.1f}"] if labels else ["-", "-"]
            values = [*shown, f"{near.value:.3f}", f"{spread.value:.1f}"]
            yield f"| {budget} | {selector.name} | {' | '.join(values)} |"
        shown = [f"{low[i]:.1f}-{high[i]:.1f}" for i in (0, 1)] if labels else ["-", "-"]
        values = [
            *shown,
            f"{near.random_low:.3f}-{near.random_high:.3f}",
            f"{spread.random_low:.1f}-{spread.random_high:.1f}",
        ]
        yield f"| {budget} | random, 5-95 % of {DRAWS} | {' | '.join(values)} |"


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data")
    if not folder.is_dir():
        sys.exit(f"no data at {folder}; give the folder")
    for name, pool in pools(folder):
        n_labels = 0 if pool.groups is None else len(np.unique(pool.groups))
        print(f"\n### {name}: {len(pool):,} records, {n_labels} labels\n")
        for line in table(pool):
            print(line, flush=True)


if __name__ == "__main__":
    main()
