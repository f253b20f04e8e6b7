"""Schemas: layouts of instruction records, one file each."""

from instructdiv.schemas.alpaca import Alpaca
from instructdiv.schemas.base import Schema, recognize
from instructdiv.schemas.dolly import Dolly
from instructdiv.schemas.messages import Messages
from instructdiv.schemas.prompt_completion import PromptCompletion
from instructdiv.schemas.question_answer import QuestionAnswer
from instructdiv.schemas.sharegpt import Sharegpt

__all__ = [
    "Alpaca",
    "Dolly",
    "Messages",
    "PromptCompletion",
    "QuestionAnswer",
    "Schema",
    "Sharegpt",
    "recognize",
]
