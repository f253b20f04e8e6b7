"""Schemas: layouts of instruction records, one file each."""

from instructdiv.schemas._base import Schema, recognize
from instructdiv.schemas.alpaca import Alpaca
from instructdiv.schemas.baize import Baize
from instructdiv.schemas.chatml import Chatml
from instructdiv.schemas.conversation import Conversation
from instructdiv.schemas.dialogue_turns import DialogueTurns
from instructdiv.schemas.dolly import Dolly
from instructdiv.schemas.flan import Flan
from instructdiv.schemas.lima import Lima
from instructdiv.schemas.llama_factory_v1 import LlamaFactoryV1
from instructdiv.schemas.marked_text import MarkedText
from instructdiv.schemas.messages import Messages
from instructdiv.schemas.nemotron import Nemotron
from instructdiv.schemas.oasst_flat import OasstFlat
from instructdiv.schemas.oasst_tree import OasstTree
from instructdiv.schemas.open_orca import OpenOrca
from instructdiv.schemas.openai_preference import OpenaiPreference
from instructdiv.schemas.p3 import P3
from instructdiv.schemas.preference import Preference
from instructdiv.schemas.prompt_completion import PromptCompletion
from instructdiv.schemas.prompt_only import PromptOnly
from instructdiv.schemas.question_answer import QuestionAnswer
from instructdiv.schemas.self_instruct import SelfInstruct
from instructdiv.schemas.sharegpt import Sharegpt
from instructdiv.schemas.super_ni import SuperNi
from instructdiv.schemas.ultrachat import Ultrachat
from instructdiv.schemas.unnatural_instructions import UnnaturalInstructions
from instructdiv.schemas.wildchat import Wildchat
from instructdiv.schemas.xlam import Xlam
from instructdiv.schemas.xtuner import Xtuner

__all__ = [
    "P3",
    "Alpaca",
    "Baize",
    "Chatml",
    "Conversation",
    "DialogueTurns",
    "Dolly",
    "Flan",
    "Lima",
    "LlamaFactoryV1",
    "MarkedText",
    "Messages",
    "Nemotron",
    "OasstFlat",
    "OasstTree",
    "OpenOrca",
    "OpenaiPreference",
    "Preference",
    "PromptCompletion",
    "PromptOnly",
    "QuestionAnswer",
    "Schema",
    "SelfInstruct",
    "Sharegpt",
    "SuperNi",
    "Ultrachat",
    "UnnaturalInstructions",
    "Wildchat",
    "Xlam",
    "Xtuner",
    "recognize",
]
