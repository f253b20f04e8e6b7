"""Records that several tests share, and where the repository and real data are."""

from pathlib import Path
from typing import Any

import numpy as np

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
