"""Message tree: conversations on the paths from a prompt to its answers."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

from instructdiv.schemas.conversation import Row

Paths = Literal["best", "all"]
Replies = Callable[[Row], Sequence[Row]]

_NODE_ONLY = {"text", "role", "parent_id", "replies", "deleted"}
_ROLES = {"prompter": "user"}


def answered_paths(prompt: Row, replies: Replies, kept: Paths) -> list[list[Row]]:
    """Paths of a tree that end with an answer: the one of best rank, or all, best first.

    Deleted messages are left out with all replies to them, and so are unanswered prompts at the
    end. Paths that have become equal are given once.
    """
    found: dict[tuple[int, ...], list[Row]] = {}
    pending = [] if prompt.get("deleted") else [[prompt]]
    while pending:
        path = pending.pop()
        below = [reply for reply in replies(path[-1]) if not reply.get("deleted")]
        below = sorted(below, key=_rank)[: 1 if kept == "best" else None]
        pending += [[*path, reply] for reply in reversed(below)]
        if not below and (answered := _answered(path)):
            found.setdefault(tuple(map(id, answered)), answered)
    return list(found.values())


def unfolded(path: Sequence[Row]) -> dict[str, Any]:
    """A path as a row of messages, with the other keys of its last message."""
    messages = [
        {"role": _ROLES.get(str(said.get("role")), said.get("role")), "content": said.get("text")}
        for said in path
    ]
    return {"messages": messages} | {k: v for k, v in path[-1].items() if k not in _NODE_ONLY}


def _rank(reply: Row) -> float:
    rank = reply.get("rank")
    # A missing rank may have become NaN in a table.
    if not isinstance(rank, int | float) or math.isnan(rank):
        return math.inf
    return rank


def _answered(path: list[Row]) -> list[Row]:
    answers = [place for place, said in enumerate(path) if said.get("role") == "assistant"]
    return path[: answers[-1] + 1] if answers else []
