"""xLAM: a query, and the calls of tools that answer it."""

from collections.abc import Sequence

from instructdiv.schemas._base import Schema, has, label_of
from instructdiv.schemas.conversation import Conversation, Row, message, read_calls, tools


class Xlam(Schema):
    """Columns ``query``, ``answers`` and ``tools``; these two are lists, or JSON of one.

    Examples
    --------
    >>> calls = '[{"name": "add", "arguments": {"a": 1, "b": 2}}]'
    >>> row = {"query": "1 + 2?", "answers": calls, "tools": '[{"name": "add"}]'}
    >>> Xlam().messages(row)[1]["tool_calls"][0]["function"]["name"]
    'add'
    """

    rank = 46

    query_column: str = "query"
    """Column of what is asked."""

    calls_column: str = "answers"
    """Column of the calls."""

    tools_column: str = "tools"
    """Column of the tools that the model can call."""

    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        held = {self.calls_column, self.tools_column} <= set(columns)
        return held and has(rows, self.query_column, str)

    def read(self, row: Row) -> Conversation:
        calls = read_calls(row.get(self.calls_column))
        asked = message("user", row.get(self.query_column))
        answered = message("assistant", "", tool_calls=calls)
        callable_ = tools(row.get(self.tools_column))
        return Conversation([asked, answered], callable_, label=label_of(row))

    def columns(self, row: Row) -> set[str]:
        return {self.query_column, self.calls_column, self.tools_column} & row.keys()

    def _asked_in(self) -> str:
        return repr(self.query_column)
