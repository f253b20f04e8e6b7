"""Marked text: a conversation as one text with speaker marks, as chat templates write it."""

import re
from collections.abc import Sequence

from instructdiv.errors import RowError
from instructdiv.schemas._base import SYSTEM_COLUMNS, Schema, label_of, with_system
from instructdiv.schemas.conversation import Conversation, Message, Row, is_empty, message

# Each has one group: who speaks after the mark.
_STYLES = tuple(
    re.compile(style)
    for style in (
        r"<\|im_start\|>[ \t]*(system|user|assistant|tool)[ \t]*\n?",
        r"<\|start_header_id\|>[ \t]*(system|user|assistant|ipython)[ \t]*<\|end_header_id\|>",
        r"<\|(system|user|assistant|tool|observation)\|>",
        r"<start_of_turn>[ \t]*(user|model)[ \t]*\n?",
        r"(\[/?INST\])",
        r"###[ \t]*(System|Human|User|Assistant|Instruction|Input|Response)[ \t]*:",
        r"(?:^|\n)[ \t]*(SYSTEM|USER|ASSISTANT|FUNCTION RESPONSE)[ \t]*:",
        r"(?:^|\n)[ \t]*(System|Human|User|Assistant)[ \t]*:",
    )
)
_ROLES = {
    "[inst]": "user",
    "[/inst]": "assistant",
    "instruction": "user",
    "response": "assistant",
    "function response": "tool",
}
_ENDS = re.compile(
    r"<\|(?:im_end|eot_id|end|endoftext|end_of_text|begin_of_text)\|>|</?s>|<(?:end_of_turn|bos|eos)>"
)
_SYSTEM = re.compile(r"<<SYS>>(.*?)<</SYS>>", re.DOTALL)


class MarkedText(Schema):
    """Column ``text`` or ``chat``: one text with marks such as ``### Human:`` before each turn.

    Known marks are ``### Human:``, ``### Instruction:``, ``USER:``, ``Human:``, ``[INST]``,
    ``<|im_start|>user`` and the like. Text before the first mark is the system text, and so is a
    column ``system``. White space around turns and end marks are removed.

    Examples
    --------
    >>> MarkedText().messages({"text": "### Human: Hi### Assistant: Hello"})
    [{'role': 'user', 'content': 'Hi'}, {'role': 'assistant', 'content': 'Hello'}]
    """

    rank = 80

    text_columns: tuple[str, ...] = ("text", "chat")
    """Columns of the text; the first that a record has is read."""

    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        texts = [self._text(row) for row in rows]
        held = [text for text in texts if text]
        return bool(held) and 2 * sum(_style(text) is not None for text in held) >= len(held)

    def read(self, row: Row) -> Conversation:
        text = self._text(row)
        style = _style(text)
        if style is None:
            raise RowError(
                f"{self._column(row)!r} has no marks of user and assistant: {text!r:.80}"
            )
        return Conversation(with_system(row, _turns(text, style)), label=label_of(row))

    def columns(self, row: Row) -> set[str]:
        return {self._column(row), *SYSTEM_COLUMNS} & row.keys()

    def _column(self, row: Row) -> str:
        held = (c for c in self.text_columns if not is_empty(row.get(c)))
        return next(held, self.text_columns[0])

    def _text(self, row: Row) -> str:
        cell = row.get(self._column(row))
        return cell if isinstance(cell, str) else ""

    def _asked_in(self) -> str:
        return f"a marked turn of {' or '.join(map(repr, self.text_columns))}"


def _style(text: str) -> re.Pattern[str] | None:
    """Marks of a text, if it has marks of user and assistant."""
    for style in _STYLES:
        roles = {_role(who) for who in style.findall(text)}
        if {"user", "assistant"} <= roles:
            return style
    return None


def _role(who: str) -> str:
    named = who.strip().lower()
    role = _ROLES.get(named, named)
    return str(message(role, "")["role"])


def _turns(text: str, style: re.Pattern[str]) -> list[Message]:
    before, *marked = style.split(text)
    told = _SYSTEM.search(text)
    turns = [("system", told[1] if told else before)]
    turns += [
        (_role(who), _SYSTEM.sub("", what))
        for who, what in zip(marked[::2], marked[1::2], strict=True)
    ]
    said: list[Message] = []
    for role, what in turns:
        content = _ENDS.sub("", what).strip()
        if said and said[-1]["role"] == role == "user":  # an instruction and its input
            said[-1]["content"] = f"{said[-1]['content']}\n\n{content}".strip()
        elif content:
            said.append(message(role, content))
    return said
