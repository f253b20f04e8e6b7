"""Prompt and completion, as texts or as messages."""

from collections.abc import Mapping, Sequence
from typing import Any

from instructdiv.schemas._base import Schema, beside, label_of
from instructdiv.schemas.conversation import Conversation, Message, Row, message, tools
from instructdiv.schemas.messages import plain_text, read_turns, written_turn

_END_MARKS = ("<|endoftext|>", "</s>", "<|im_end|>", "<|eot_id|>", "<|end_of_text|>")


class PromptCompletion(Schema):
    """Columns ``prompt`` and ``completion``, each a text or a list of messages.

    A mark of the end after a completion, such as ``<|endoftext|>``, is not part of what is said.

    Examples
    --------
    >>> PromptCompletion().messages({"prompt": "2 + 2 =", "completion": " 4<|endoftext|>"})
    [{'role': 'user', 'content': '2 + 2 ='}, {'role': 'assistant', 'content': ' 4'}]
    """

    rank = 60

    prompt_column: str = "prompt"
    """Column of the prompt."""

    completion_column: str = "completion"
    """Column of the completion."""

    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        return {self.prompt_column, self.completion_column} <= set(columns)

    def read(self, row: Row) -> Conversation:
        asked = _messages(row.get(self.prompt_column), "user")
        answered = _messages(row.get(self.completion_column), "assistant")
        callable_ = tools(row.get("tools"))
        return Conversation(asked + answered, callable_, None, label_of(row), len(asked))

    def columns(self, row: Row) -> set[str]:
        return {self.prompt_column, self.completion_column, "tools"} & row.keys()

    def write(self, conversation: Conversation) -> dict[str, Any]:
        asked, answered = conversation.prompt, conversation.completion
        callable_ = {"tools": conversation.tools} if conversation.tools else {}
        question, answer = plain_text(asked, "user"), plain_text(answered, "assistant")
        if question is not None and answer is not None and answer == _without_mark(answer):
            row: dict[str, Any] = {self.prompt_column: question, self.completion_column: answer}
        else:
            row = {
                self.prompt_column: [written_turn(said) for said in asked],
                self.completion_column: [written_turn(said) for said in answered],
            }
        return row | callable_ | beside(conversation)

    def _asked_in(self) -> str:
        return repr(self.prompt_column)


def _messages(cell: Any, role: str) -> list[Message]:
    if isinstance(cell, list) and all(isinstance(turn, Mapping) for turn in cell):
        return read_turns(cell)
    said = message(role, cell)
    if role == "assistant":
        said["content"] = _without_mark(said["content"])
    return [said]


def _without_mark(completion: str) -> str:
    ended = completion.rstrip()
    return next((ended.removesuffix(m) for m in _END_MARKS if ended.endswith(m)), completion)
