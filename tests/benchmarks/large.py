"""Large pools, one process each: time of search and choice, and peak memory: make bench-large.

``python tests/benchmarks/large.py SELECTOR N BUDGET`` prints one line of JSON.
"""

import json
import sys
import time

import numpy as np

from instructdiv import Pool, Space
from instructdiv.selectors import Selector
from tests.benchmarks.measuring import Watch, vectors

RUNS = [
    ('{"name": "facility_location"}', 10_000, 1000),
    ('{"name": "facility_location"}', 50_000, 1000),
    ('{"name": "facility_location"}', 200_000, 2000),
    ('{"name": "diverse_coverage"}', 200_000, 2000),
    ('{"name": "k_center", "ignored_share": 0}', 10_000, 1000),
    ('{"name": "k_center", "ignored_share": 0}', 50_000, 1000),
    ('{"name": "k_center", "ignored_share": 0}', 200_000, 1000),
    ('{"name": "k_center", "ignored_share": 0}', 200_000, 2000),
    ("six lines of numpy", 200_000, 2000),
    ('{"name": "log_determinant", "typicality_power": 0}', 10_000, 1000),
    ('{"name": "log_determinant", "typicality_power": 0}', 50_000, 1000),
    ('{"name": "log_determinant", "typicality_power": 0}', 200_000, 1000),
    ('{"name": "herding"}', 10_000, 500),
    ('{"name": "herding"}', 200_000, 500),
]


def measured(selector: str, n: int, budget: int) -> dict[str, float | int | str]:
    Selector.of("facility_location").select(Pool.from_embeddings(vectors(3000)), 10)
    space = Space(vectors(n))
    graph, search = None, 0.0
    part = None if selector.startswith("six") else Selector.of(json.loads(selector))
    n_neighbors = getattr(part, "n_neighbors", None)
    with Watch() as memory:
        if n_neighbors:
            start = time.perf_counter()
            graph = space.neighbors(n_neighbors)
            search = time.perf_counter() - start
        start = time.perf_counter()
        chosen = (
            six_lines(space.vectors, budget)[:0]
            if part is None
            else part.select(Pool.from_embeddings(space), budget).indices
        )
        choice = time.perf_counter() - start
    bound = 2 * space.vectors.nbytes + (0 if graph is None else 8 * graph.nnz)
    return {
        "selector": selector,
        "n": n,
        "budget": budget,
        "search_s": round(search, 2),
        "choice_s": round(choice, 2),
        "peak_over_bound": round((memory.peak - memory.before + space.vectors.nbytes) / bound, 2),
        "chosen": len(chosen),
    }


def six_lines(rows: np.ndarray, budget: int) -> list[int]:
    picks = [int((rows @ rows.mean(axis=0)).argmax())]
    distance = 1 - rows @ rows[picks[0]]
    while len(picks) < budget:
        picks.append(int(distance.argmax()))
        distance = np.minimum(distance, 1 - rows @ rows[picks[-1]])
    return picks


def main() -> None:
    if len(sys.argv) == 4:
        print(json.dumps(measured(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))), flush=True)
        return
    import subprocess

    for selector, n, budget in RUNS:
        subprocess.run([sys.executable, __file__, selector, str(n), str(budget)], check=True)


if __name__ == "__main__":
    main()
