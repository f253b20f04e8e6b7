"""The report on large pools, one process each: time and peak memory: make bench-report.

``python tests/benchmarks/report.py N BUDGET MAP`` prints one line of JSON.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from instructdiv import Pool, Random, Selection, Space, coverage
from instructdiv.data.records import Records
from instructdiv.schemas import Schema
from tests.benchmarks.measuring import Watch, vectors

RUNS = [(12_500, 0), (25_000, 0), (50_000, 0), (100_000, 0), (100_000, 1000), (100_000, 10_000)]
WORDS = np.array([f"word{n}" for n in range(20_000)])


def pool_of(n: int) -> Pool:
    """Records of about 160 characters with embedded vectors, in 40 groups of unequal size."""
    random = np.random.default_rng(0)
    drawn = WORDS[(random.pareto(1.0, (n, 18)) * 50).astype(np.int64) % len(WORDS)]
    rows = [{"instruction": " ".join(words), "output": "Done."} for words in drawn]
    groups = np.array([f"group {g}" for g in random.zipf(1.3, n) % 40])
    records = Records(
        rows,
        ("made up",),
        np.zeros(n, np.int64),
        np.arange(1, n + 1),
        ("instruction", "output"),
        ("record",),
    )
    texts = tuple(row["instruction"] for row in rows)
    schemas = (Schema.of("alpaca"),)
    return Pool(Space(vectors(n)), groups, records, schemas, known_texts=texts)


def measured(n: int, budget: int, projection: str) -> dict[str, float | int | str]:
    coverage(Pool.from_embeddings(vectors(300)), n_draws=2)  # libraries are loaded
    pool = pool_of(n)
    chosen: Selection | None = Random().select(pool, budget) if budget else None
    path = Path(tempfile.mkdtemp()) / "report.html"
    with Watch() as memory:
        start = time.perf_counter()
        summary = coverage(pool, chosen)
        measure = time.perf_counter() - start
        start = time.perf_counter()
        summary.save(path, projection=projection)  # type: ignore[arg-type]
        write = time.perf_counter() - start
    return {
        "n": n,
        "budget": budget,
        "map": projection,
        "measure_s": round(measure, 1),
        "page_s": round(write, 1),
        "peak_gb": round(memory.peak / 1e9, 2),
        "above_the_pool_gb": round((memory.peak - memory.before) / 1e9, 2),
        "page_mb": round(path.stat().st_size / 1e6, 1),
    }


def main() -> None:
    if len(sys.argv) == 4:
        print(json.dumps(measured(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])), flush=True)
        return
    for n, budget in RUNS:
        subprocess.run([sys.executable, __file__, str(n), str(budget), "pca"], check=True)


if __name__ == "__main__":
    main()
