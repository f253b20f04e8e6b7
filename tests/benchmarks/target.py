"""Choosing and ordering for a target, one process each: make bench-target.

``python tests/benchmarks/target.py WHAT N TARGETS BUDGET KIND`` prints one line of JSON. KIND is
``spread``, targets from all over the pool, or ``narrow``, all of them from one of its clusters.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from instructdiv import Pool, Space
from instructdiv.arrangers import Arranger
from instructdiv.selectors import Selector
from tests.benchmarks.measuring import Watch, by_the_paper, pool_and_target

RUNS = [
    *(
        (what, 200_000, 500, 10_000, kind)
        for kind in ("spread", "narrow")
        for what in (
            "by the paper",
            "test_centric",
            "arrange the choice",
            "arrange all",
            "round_robin",
            "round_robin_by_rank",
            "nearest_to_any",
            "weighted_similarity",
            "knn_uniform",
            "knn_kde",
        )
    ),
    ("test_centric", 1_000_000, 1000, 10_000, "spread"),
    ("test_centric", 1_000_000, 1000, 10_000, "narrow"),
]


def plain_product(space: Space, target: Space) -> float:
    """Seconds of all products alone, in tiles; the least of three."""
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        for row in range(0, len(space), 4096):
            space.vectors[row : row + 4096] @ target.vectors.T
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def work_of(what: str, space: Space, target: Space, budget: int) -> Callable[[], Any]:
    pool = Pool.from_embeddings(space)
    if what == "by the paper":
        return lambda: by_the_paper(space, target, budget)
    if what.startswith("arrange"):
        arranger = Arranger.of("test_centric")
        rows = None
        if what == "arrange the choice":
            rows = Selector.of("test_centric").select(pool, budget, target=target).indices
        return lambda: arranger.arrange(pool, rows, target)
    selector = Selector.of(what)
    return lambda: selector.select(pool, budget, target=target)


def measured(what: str, n: int, m: int, budget: int, kind: str) -> dict[str, float | int | str]:
    small, few = pool_and_target(3000, 50, kind)
    work_of(what, small, few, 100)()  # libraries are loaded
    space, target = pool_and_target(n, m, kind)
    product = plain_product(space, target)
    start = time.perf_counter()
    space.n_distinct  # noqa: B018 - what every search in a space needs once
    copies = time.perf_counter() - start
    work = work_of(what, space, target, budget)
    with Watch() as memory:
        start = time.perf_counter()
        work()
        seconds = time.perf_counter() - start
    return {
        "what": what,
        "n": n,
        "targets": m,
        "budget": budget,
        "kind": kind,
        "product_s": round(product, 2),
        "copies_s": round(copies, 2),
        "s": round(seconds, 2),
        "times_product": round(seconds / product, 2),
        "peak_gb": round((memory.peak - memory.before + space.vectors.nbytes) / 1e9, 2),
    }


def main() -> None:
    if len(sys.argv) == 6:
        what, n, m, budget, kind = sys.argv[1:]
        print(json.dumps(measured(what, int(n), int(m), int(budget), kind)), flush=True)
        return
    import subprocess

    for run in RUNS:
        subprocess.run([sys.executable, __file__, *map(str, run)], check=True)


if __name__ == "__main__":
    main()
