"""What selectors cover of labels that they do not see, beside random draws: make bench-data.

Takes the folder of the data sets and, if wanted, names of selectors. Coverage is the share of
the labels with a chosen record; evenness the effective number of labels (exponential of the
entropy of how the selection is spread over them) over their number. Budgets are 1, 2 and 5
times the number of labels. Each figure is the mean over draws of the pool, with the lowest and
the highest; that of random over all its draws, with the 5th and the 95th percentile. Half of
the labels was kept aside while the default selector was tuned.
"""

import gzip
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import instructdiv as idv
from instructdiv.errors import ShapeError
from instructdiv.metrics.effective_clusters import effective_number
from instructdiv.selectors import Selector

DRAWS = 16
SEEDS = (0, 1, 2)
TIMES = (1, 2, 5)


@dataclass(frozen=True)
class Source:
    """Vectors of a data set and the label of each."""

    space: idv.Space
    labels: np.ndarray

    @classmethod
    def of(cls, texts: list[str], labels: list[str]) -> "Source":
        vectors = idv.SentenceTransformer().embed(texts)
        return cls(idv.Space.of(vectors), np.unique(labels, return_inverse=True)[1])

    def half(self, part: str) -> "Source":
        """The labels that were tuned on, those kept aside, or all."""
        if part == "all":
            return self
        order = np.random.default_rng(12345).permutation(self.labels.max() + 1)
        wanted = order[: len(order) // 2] if part == "tuned on" else order[len(order) // 2 :]
        return self.take(np.flatnonzero(np.isin(self.labels, wanted)))

    def take(self, rows: np.ndarray) -> "Source":
        return Source(self.space.take(rows), np.unique(self.labels[rows], return_inverse=True)[1])

    def sized(self, sizes: np.ndarray, seed: int) -> "Source":
        """So many records of each label, drawn at random."""
        random = np.random.default_rng(seed)
        rows = [
            random.permutation(np.flatnonzero(self.labels == label))[:size]
            for label, size in enumerate(sizes)
        ]
        return self.take(np.concatenate(rows))

    def equal(self, size: int, seed: int) -> "Source":
        return self.sized(np.full(self.labels.max() + 1, size), seed)

    def zipf(self, largest: int, seed: int) -> "Source":
        ranks = np.random.default_rng(seed).permutation(self.labels.max() + 1) + 1
        return self.sized(np.maximum(1, largest // ranks), seed)


def rows_of(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        return [json.loads(line) for line in file]


def sources(folder: Path) -> dict[str, Source]:
    tasks = rows_of(folder / "multitask/superni_dev.jsonl.gz")
    templates = rows_of(folder / "multitask/p3_t0_train_dev.jsonl.gz")
    languages = rows_of(folder / "multilingual/superni_xlingual_dev.jsonl.gz")
    mixed = rows_of(folder / "mix/pool_dev.jsonl.gz")
    return {
        "tasks": Source.of(
            [f"{r['definition'][0]}\n\n{r['input']}" for r in tasks], [r["task"] for r in tasks]
        ),
        "inputs": Source.of([r["input"] for r in tasks], [r["task"] for r in tasks]),
        "languages": Source.of(
            [f"{r['definition'][0]}\n\n{r['input']}" for r in languages],
            [r["task"] for r in languages],
        ),
        "templates": Source.of(
            [r["prompt"] for r in templates], [f"{r['dataset']} {r['template']}" for r in templates]
        ),
        "mixed": Source.of(
            [f"{r['instruction']}\n\n{r['input']}".strip() for r in mixed],
            [f"{r['domain']} {r['task']}" for r in mixed],
        ),
    }


def pools(folder: Path) -> Iterator[tuple[str, list[Source]]]:
    """Each kind of pool, in several draws."""
    found = sources(folder)
    for part in ("tuned on", "kept aside", "all"):
        tasks, inputs, languages, templates, mixed = (s.half(part) for s in found.values())
        yield f"equal: tasks x 100 ({part})", [tasks.equal(100, seed) for seed in SEEDS]
        yield f"equal: tasks x 20 ({part})", [tasks.equal(20, seed) for seed in SEEDS]
        yield f"equal: languages x 40 ({part})", [languages]
        yield f"equal: templates x 30 ({part})", [templates.equal(30, seed) for seed in SEEDS]
        yield f"Zipf: tasks, 200 / rank ({part})", [tasks.zipf(200, seed) for seed in SEEDS]
        yield f"Zipf: inputs alone ({part})", [inputs.zipf(200, seed) for seed in SEEDS]
        yield f"mixed: 16 domains ({part})", [mixed]


def measure(labels: np.ndarray, rows: np.ndarray) -> tuple[float, float]:
    counts = np.bincount(labels[rows], minlength=labels.max() + 1)
    return float((counts > 0).mean()), effective_number(counts) / len(counts)


def figures(drawn: list[Source], selector: Selector) -> np.ndarray:
    """(draws, budgets, 2): coverage and evenness."""
    return np.array([list(_of_one(source, selector)) for source in drawn])


def _of_one(source: Source, selector: Selector) -> Iterator[tuple[float, float]]:
    pool = idv.Pool.from_embeddings(source.space, source.labels)
    budgets = [min(t * (source.labels.max() + 1), len(pool)) for t in TIMES]
    whole = selector.select(pool, budgets[-1]) if selector.nested else None
    for budget in budgets:
        chosen = whole.prefix(budget) if whole else selector.select(pool, budget)
        yield measure(source.labels, chosen.indices)


def shown(values: np.ndarray, low: float = 0, high: float = 100) -> str:
    ends = np.percentile(values, [low, high])
    return f"{values.mean():.2f} ({ends[0]:.2f}-{ends[1]:.2f})"


def table(drawn: list[Source], selectors: list[Selector]) -> Iterator[str]:
    parts = [f"{what}, {t}x" for t in TIMES for what in ("coverage", "evenness")]
    yield f"| selector | {' | '.join(parts)} |"
    yield "|---|" + "---:|" * len(parts)
    random = np.concatenate([figures(drawn, idv.Random(seed=seed)) for seed in range(DRAWS)])
    for selector in selectors:
        try:
            found = figures(drawn, selector)
        except ShapeError:
            continue  # it needs scores, and there are none
        cells = [
            shown(found[:, t, m])
            + (" below random" if found[:, t, m].mean() < np.percentile(random[:, t, m], 5) else "")
            for t in range(len(TIMES))
            for m in (0, 1)
        ]
        yield f"| {selector.name} | {' | '.join(cells)} |"
    cells = [shown(random[:, t, m], 5, 95) for t in range(len(TIMES)) for m in (0, 1)]
    yield f"| random, 5-95 % | {' | '.join(cells)} |"


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data")
    if not folder.is_dir():
        sys.exit(f"no data at {folder}; give the folder")
    names = sys.argv[2:] or [n for n in Selector.known() if n not in ("random", "group_balanced")]
    selectors = [Selector.of(name) for name in names]
    for name, drawn in pools(folder):
        sizes = f"{len(drawn[0].labels):,} records, {drawn[0].labels.max() + 1} labels"
        print(f"\n### {name}: {sizes}, {len(drawn)} draws\n")
        for line in table(drawn, selectors):
            print(line, flush=True)


if __name__ == "__main__":
    main()
