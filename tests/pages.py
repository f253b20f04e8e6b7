"""What the tests of reports share: pools whose texts would like to be more than text."""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from instructdiv import Budget, Pool, Selection, Summary
from instructdiv.report import coverage
from instructdiv.report.facts import Advice
from instructdiv.results import Facts
from instructdiv.selectors import FacilityLocation
from tests.pools import clustered

SHOUT = "window.__hacked = (window.__hacked || 0) + 1"
HOSTILE = {
    "script": f"Close </script><script>{SHOUT}</script> now",
    "comment": "Open <!-- <script> and never end",
    "image": f'Look <img src="x" onerror="{SHOUT}"> here',
    "svg": f"Draw <svg onload='{SHOUT}'></svg> twice",
    "template": "Fill {{ 7 * 7 }} and {% raw %} and {# this #}",
    "plotly": "Bold <b>letters</b> and <a href='javascript:void 0'>links</a> of %{x} for $5$",
    "entity": "Ampersands &amp; and &lt;b&gt; and &#x202e; stay",
    "direction": "Turn \u202eesrever\u202c and \u2066isolate\u2069 \u200f\u200e marks",
    "lines": "Break\u2028here\u2029and\x85there\r\n\tagain",
    "nothing": "Null \x00 bell \x07 escape \x1b[31m red",
    "surrogate": "Lone \ud800 and \udfff surrogates",
    "long": "Very long " + "word " * 13_200,
    "unbroken": "W" * 66_000,
    "short": "x",
    "arabic": "\u0627\u0643\u062a\u0628 \u0642\u0635\u064a\u062f\u0629",
    "json": "Quote \"]}' and \\u003c/script\\u003e",
    "variable": "var(--ink)",
    "style": "</style><style>body { display: none }</style>",
}
SURROGATE = HOSTILE["surrogate"]
FILE_NAME = "<img src=x onerror=window.__hacked=1>.jsonl"


def hostile_pool(folder: Path) -> Pool:
    """Hostile texts, groups and ids, four of each, among records that mean well, from a file."""
    rows = [
        {
            "id": f"{name} {copy} {HOSTILE[name][:300]}",
            "instruction": HOSTILE[name] + " again" * copy,
            "output": HOSTILE[name][:1000],
            "group": HOSTILE[name][:150],
        }
        for copy in range(4)
        for name in HOSTILE
    ]
    rows += [
        {
            "id": f"plain {n}",
            "instruction": f"Explain {topic} in {n} words to a {reader}",
            "output": "Of course.",
            "group": topic,
        }
        for n in range(2, 10)
        for topic in ("gravity", "bread", "chess", "rivers")
        for reader in ("child", "pilot")
    ]
    path = folder / FILE_NAME
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Pool.of(str(path), embedder="lexical", group="group")


def chosen(pool: Pool, records: int) -> Selection:
    return FacilityLocation().select(pool, Budget(records=records))


@cache
def _hostile(folder: Path) -> Summary:
    pool = hostile_pool(folder)
    target = Pool.from_embeddings(pool.space.take(np.arange(0, len(pool), 3)))
    inventory = pool.take(np.arange(0, len(pool), 2))
    reference = {FILE_NAME: inventory}
    selection = chosen(pool, 15)
    return coverage(
        pool, selection, target, references=reference, similarity_threshold=0.9, n_draws=8
    )


def hostile_summary(folder: Path) -> Summary:
    """A summary with a selection, a target and a reference, hostile in every text."""
    return _hostile(folder)


def plain_summary(n: int = 400) -> Summary:
    """Vectors alone, in groups, with a selection."""
    pool = clustered(n, 12, 7)
    return coverage(pool, chosen(pool, n // 4), n_draws=8)


def odd_pools() -> Iterator[tuple[str, Pool, int | None]]:
    """Pools at the edges, with how many records are chosen of each."""
    ones = np.ones((7, 5))
    yield "one", Pool.from_embeddings([[1.0, 2.0]]), None
    yield "one kept", Pool.from_embeddings([[1.0, 2.0]], ["a"]), 1
    yield "two", Pool.from_embeddings(np.eye(2)), 1
    yield "one axis", Pool.from_embeddings([[1.0], [2.0], [-1.0]]), 1
    yield "equal", Pool.from_embeddings(ones, ["same"] * 7), 3
    yield "no groups", Pool.from_embeddings(clustered(90, 8, 3).space), 9
    yield "all kept", clustered(60, 8, 3), 60
    yield "no selection", clustered(60, 8, 3), None
    yield (
        "unreadable",
        replace(
            Pool.from_embeddings(clustered(40, 8, 3).space, [SURROGATE, "a"] * 20),
            known_texts=(SURROGATE, "\x00" * 50, "", "x" * 66_000) * 10,
        ),
        9,
    )
    yield "a group a row", Pool.from_embeddings(clustered(80, 8, 3).space, map_names(80)), 20


def map_names(n: int) -> list[str]:
    """Names that differ in nothing that shows, and in much that does."""
    return [f"{'name ' * (i % 9)}{i}\u200b" for i in range(n)]


def every_advice(found: Any) -> list[Advice]:
    """Advice wherever it stands in a document."""
    if isinstance(found, Advice):
        return [found]
    if isinstance(found, list):
        return [one for item in found for one in every_advice(item)]
    if isinstance(found, Facts):
        return [
            one for name in type(found).model_fields for one in every_advice(getattr(found, name))
        ]
    return []
