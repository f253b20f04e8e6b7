"""OASST trees: a prompt with replies in replies."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from instructdiv.errors import RowError
from instructdiv.schemas._base import Schema, has
from instructdiv.schemas._message_tree import Paths, answered_paths, unfolded
from instructdiv.schemas.conversation import Conversation, Row
from instructdiv.schemas.messages import Messages


class OasstTree(Schema):
    """Column ``prompt``: a message with ``text``, ``role`` and ``replies``, which have replies too.

    Each path of a tree that is read becomes a record with ``messages``.

    Examples
    --------
    >>> worse = {"text": "Yo", "role": "assistant", "rank": 1, "replies": []}
    >>> better = {"text": "Hello", "role": "assistant", "rank": 0, "replies": []}
    >>> tree = {"prompt": {"text": "Hi", "role": "prompter", "replies": [worse, better]}}
    >>> [row["messages"][-1]["content"] for _, row in OasstTree().unfold([tree])]
    ['Hello']
    >>> [row["messages"][-1]["content"] for _, row in OasstTree(paths="all").unfold([tree])]
    ['Hello', 'Yo']
    """

    rank = 18
    unfolds = True

    paths: Paths = "best"
    """Which paths of a tree are read: the one of best rank, or one down to each last answer."""

    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        trees = [row["prompt"] for row in rows if isinstance(row.get("prompt"), Mapping)]
        return has(rows, "prompt", Mapping) and any("replies" in tree for tree in trees)

    def read(self, row: Row) -> Conversation:
        if "messages" not in row:
            row = next((one for _, one in self.unfold([row])), row)
        if "messages" not in row:
            name = row.get("message_tree_id")
            raise RowError(f"the tree {name!r:.80} has no answer")
        return Messages().read(row)

    def columns(self, row: Row) -> set[str]:
        return {"messages" if "messages" in row else "prompt"} & row.keys()

    def unfold(self, rows: Sequence[Row]) -> Iterable[tuple[int, Row]]:
        for place, row in enumerate(rows):
            prompt = row.get("prompt")
            found = (
                answered_paths(prompt, _replies, self.paths) if isinstance(prompt, Mapping) else []
            )
            beside = {key: value for key, value in row.items() if key != "prompt"}
            for path in found:
                yield place, beside | unfolded(path)
            if not found:
                yield place, row

    def _asked_in(self) -> str:
        return "the messages of 'prompt'"


def _replies(said: Row) -> list[Mapping[str, Any]]:
    replies = said.get("replies")
    known = replies if isinstance(replies, list | tuple) else []
    return [reply for reply in known if isinstance(reply, Mapping)]
