"""Records that several tests share, and where the repository and real data are."""

from pathlib import Path
from typing import Any

import numpy as np

import instructdiv as idv

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"

TOPICS = {
    "code": "python function loop list string sort parse compile debug array",
    "law": "court appeal contract judge statute plaintiff verdict clause lawyer tort",
    "food": "bake flour butter oven roast garlic simmer spice whisk dough",
    "music": "chord melody rhythm violin opera tempo bass flute choir tune",
}


def task(topic: str, number: int) -> dict[str, Any]:
    """A record of a topic, in words that other topics lack."""
    words = np.random.default_rng((number, len(topic))).permutation(TOPICS[topic].split())[:6]
    return {"id": f"{topic} {number}", "instruction": " ".join(words), "output": "?"}


def tasks(topic: str, n: int) -> list[dict[str, Any]]:
    return [task(topic, number) for number in range(n)]


CODE, LAW, FOOD, MUSIC = tasks("code", 40), tasks("law", 12), tasks("food", 30), tasks("music", 6)
OTHERS = {"law": LAW, "food": FOOD, "music": MUSIC}

ROWS = [
    {"instruction": f"{verb} {thing}.", "output": f"{thing}!", "domain": verb, "score": len(thing)}
    for verb in ("Bake", "Paint", "Describe", "Sell", "Draw", "Translate")
    for thing in ("bread", "a door", "the moon", "two numbers", "a song", "a contract", "my cat")
]

NUMBERED = [{"instruction": f"Task {i}, with {i * i} things", "output": "done"} for i in range(40)]


def recipe(**options: Any) -> idv.Recipe:
    """A recipe that is fast on `NUMBERED`."""
    return idv.Recipe.model_validate(
        {"budget": 12, "embedder": {"name": "lexical", "n_dimensions": 8}, "n_draws": 2} | options
    )


# Exact match on unseen rules of a small model that rewrites strings; seeds 0 to 2.
MEASURED = {
    100: (0.002, 0.007, 0.007),
    300: (0.068, 0.065, 0.068),
    500: (0.335, 0.197, 0.137),
    1000: (0.792, 0.890, 0.783),
    3000: (0.930, 0.975, 0.888),
}
RUNS: list[tuple[Any, ...]] = [
    (i, a, seed) for i, at in MEASURED.items() for seed, a in enumerate(at)
]


def labelled(n_tasks: int = 12, n_records: int = 30) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{task}-{i}",
            "task": f"task{task:02}",
            "definition": [f"Do thing {task}. Then explain at length what you did and why."],
            "input": f"About {i} and {task}",
            "output": [f"Thing {i}", "Another"],
        }
        for task in range(n_tasks)
        for i in range(n_records)
    ]
