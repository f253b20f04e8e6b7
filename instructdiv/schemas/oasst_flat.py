"""OASST messages: one a row, each with the name of the one that it replies to."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from instructdiv.errors import RowError
from instructdiv.schemas._base import Schema
from instructdiv.schemas._message_tree import Paths, answered_paths, unfolded
from instructdiv.schemas.conversation import Conversation, Row
from instructdiv.schemas.messages import Messages


class OasstFlat(Schema):
    """Columns ``message_id``, ``parent_id``, ``text`` and ``role``: messages of trees.

    Each path of a tree that is read becomes a record with ``messages``; see
    :class:`instructdiv.schemas.OasstTree`.

    Examples
    --------
    >>> rows = [
    ...     {"message_id": "a", "parent_id": None, "text": "Hi", "role": "prompter"},
    ...     {"message_id": "b", "parent_id": "a", "text": "Hello", "role": "assistant"},
    ... ]
    >>> ((place, row),) = OasstFlat().unfold(rows)
    >>> place, row["message_id"], [m["content"] for m in row["messages"]]
    (1, 'b', ['Hi', 'Hello'])
    """

    rank = 19
    unfolds = True
    sparse: ClassVar[frozenset[str]] = frozenset({"parent_id"})

    paths: Paths = "best"
    """Which paths of a tree are read: the one of best rank, or one down to each last answer."""

    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        return {"message_id", "parent_id", "text", "role"} <= set(columns)

    def read(self, row: Row) -> Conversation:
        if "messages" in row:
            return Messages().read(row)
        name, parent = row.get("message_id"), row.get("parent_id")
        if not _is_name(name):
            raise RowError("a message has no 'message_id'")
        if _is_name(parent):
            raise RowError(
                f"the message {name!r:.80} hangs on {parent!r:.80}, "
                "from which no way leads up to a prompt in the data"
            )
        raise RowError(f"the tree of the message {name!r:.80} has no answer")

    def columns(self, row: Row) -> set[str]:
        return {"messages"} if "messages" in row else {"text", "role"} & row.keys()

    def unfold(self, rows: Sequence[Row]) -> Iterable[tuple[int, Row]]:
        messages = list(rows)
        place_of: dict[Any, int] = {}
        unnamed = []
        for place, row in enumerate(messages):
            if _is_name(row.get("message_id")):
                place_of.setdefault(row["message_id"], place)
            else:
                unnamed.append(place)
        below: dict[Any, list[Row]] = {}
        for place in place_of.values():
            if _is_name(parent := messages[place].get("parent_id")):
                below.setdefault(parent, []).append(messages[place])

        def replies(said: Row) -> list[Row]:
            return below.get(said["message_id"], [])

        lost = dict(place_of)
        for place in place_of.values():
            prompt = messages[place]
            if _is_name(prompt.get("parent_id")):
                continue
            found = answered_paths(prompt, replies, self.paths)
            for path in found:
                yield place_of[path[-1]["message_id"]], unfolded(path)
            if not found and not prompt.get("deleted"):
                yield place, prompt
            reached = [prompt]
            for said in reached:  # grows as it goes
                reached += replies(said)
                del lost[said["message_id"]]
        for place in sorted([*lost.values(), *unnamed]):
            if not messages[place].get("deleted"):
                yield place, messages[place]

    def _asked_in(self) -> str:
        return "the messages of a tree"


def _is_name(value: object) -> bool:
    return isinstance(value, str | int) and value != ""
