"""Conversations in every layout: rows that say the same, and strategies that draw others."""

import json
from typing import Any

from hypothesis import strategies as st

from instructdiv.schemas import Conversation, Schema

USER = {"role": "user", "content": "Hi"}


ASSISTANT = {"role": "assistant", "content": "Hello"}


CHAT = [USER, ASSISTANT]


PROMPTER = {"message_id": "a", "parent_id": None, "role": "prompter", "text": "Hi"}


REPLY = {"message_id": "b", "parent_id": "a", "role": "assistant", "text": "Hello"}


def instances(**others: str) -> list[dict[str, str]]:
    return [{"input": "", "output": "Hello", **others}]


LAYOUTS: dict[str, list[dict[str, Any]]] = {
    "alpaca": [{"instruction": "Hi", "input": "", "output": "Hello"}],
    "baize": [{"topic": "Hi", "input": "[|Human|] Hi\n[|AI|] Hello\n[|Human|] "}],
    "chatml": [{"conversations": CHAT}],
    "dialogue_turns": [
        {
            "turns": [
                {"speaker": "USER", "utterance": "Hi"},
                {"speaker": "SYSTEM", "utterance": "Hello"},
            ]
        }
    ],
    "dolly": [{"instruction": "Hi", "context": "", "response": "Hello", "category": "qa"}],
    "flan": [{"inputs": "Hi", "targets": "Hello", "task": "greet"}],
    "lima": [{"conversations": ["Hi", "Hello"], "source": "s"}],
    "llama_factory_v1": [
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "value": "Hi"}]},
                {"role": "assistant", "content": [{"type": "text", "value": "Hello"}]},
            ]
        }
    ],
    "marked_text": [{"text": "### Human: Hi### Assistant: Hello"}],
    "messages": [{"messages": CHAT}],
    "nemotron": [{"input": [USER], "output": "Hello", "system_prompt": "", "reasoning": "off"}],
    "oasst_flat": [PROMPTER, REPLY],
    "oasst_tree": [
        {
            "message_tree_id": "a",
            "prompt": {"text": "Hi", "role": "prompter", "replies": [REPLY | {"replies": []}]},
        }
    ],
    "open_orca": [{"system_prompt": "", "question": "Hi", "response": "Hello"}],
    "openai_preference": [
        {
            "input": {"messages": [USER], "tools": [], "parallel_tool_calls": True},
            "preferred_output": [ASSISTANT],
            "non_preferred_output": [{"role": "assistant", "content": "Go"}],
        }
    ],
    "p3": [
        {
            "inputs": [1, 2],
            "inputs_pretokenized": "Hi",
            "targets": [3],
            "targets_pretokenized": "Hello",
        }
    ],
    "preference": [{"prompt": "Hi", "chosen": "Hello", "rejected": "Go", "score_chosen": 9.0}],
    "prompt_completion": [{"prompt": "Hi", "completion": "Hello"}],
    "prompt_only": [{"prompt": CHAT}],
    "question_answer": [{"question": "Hi", "answer": "Hello"}],
    "self_instruct": [
        {"name": "greet", "instruction": "Hi", "instances": instances(), "is_classification": False}
    ],
    "sharegpt": [
        {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}
    ],
    "super_ni": [{"definition": ["Hi"], "input": "", "output": ["Hello", "Hey"]}],
    "ultrachat": [{"id": "0", "data": ["Hi", "Hello"]}],
    "unnatural_instructions": [
        {"instruction": "Hi", "instances": instances(constraints="None."), "reformulations": []}
    ],
    "wildchat": [{"conversation": [turn | {"toxic": False} for turn in CHAT], "model": "m"}],
    "xlam": [{"query": "Hi", "answers": '[{"name": "greet"}]', "tools": '[{"name": "greet"}]'}],
    "xtuner": [{"conversation": [{"input": "Hi", "output": "Hello"}]}],
}


GREETED = {"type": "function", "function": {"name": "greet", "arguments": None}}


SAID = dict.fromkeys(LAYOUTS, CHAT) | {
    "xlam": [USER, {"role": "assistant", "content": "", "tool_calls": [GREETED]}]
}


NAN = float("nan")


def part(kind: str, value: str) -> dict[str, str]:
    return {"type": kind, "value": value}


VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("alpaca", {"instruction": "Hi", "output": "Hello"}),
    ("alpaca", {"instruction": "Hi", "input": None, "response": "Hello"}),
    ("alpaca", {"instruction": "Hi", "input": "<noinput>", "output": None, "response": "Hello"}),
    ("alpaca", {"instruction": "Hi", "input": "  N/A ", "output": "Hello"}),
    ("alpaca", {"instruction": "Hi", "input": float("nan"), "output": "Hello"}),
    ("alpaca", {"instruction": "Hi", "input": "", "output": "Hello", "text": "### Hi"}),
    ("alpaca", {"instruction": "", "input": "Hi", "output": "Hello"}),
    ("baize", {"input": "[|Human|] Hi\n[|AI|] Hello"}),
    ("chatml", {"conversations": [{"role": "human", "content": "Hi"}], "source": "s"}),
    ("dialogue_turns", {"turns": [{"speaker": "user", "utterance": "Hi"}], "services": ["x"]}),
    ("dolly", {"instruction": "Hi", "context": None, "response": "Hello"}),
    ("flan", {"inputs": "Hi", "targets": "Hello", "_template_type": "zs_noopt"}),
    ("lima", {"conversations": ["Hi"], "source": "multi_turn"}),
    ("llama_factory_v1", {"messages": [{"role": "user", "content": [part("text", "Hi")]}]}),
    ("messages", {"messages": [{"role": "Human", "content": "Hi"}, ASSISTANT]}),
    ("messages", {"messages": [{"role": "user", "content": ["Hi"]}, ASSISTANT]}),
    ("messages", {"messages": [{"role": "user", "content": [{"type": "t", "text": "Hi"}]}]}),
    ("messages", {"messages": CHAT, "prompt": "Hi", "prompt_id": "x"}),
    ("messages", {"messages": CHAT, "label": True}),
    ("messages", {"messages": [{**USER, "tool_calls": None, "name": None}, ASSISTANT]}),
    ("nemotron", {"input": "Hi", "output": "Hello", "system_prompt": None}),
    ("nemotron", {"input": [USER], "output": "Hello", "generator": "m"}),
    ("open_orca", {"question": "Hi", "response": "Hello", "id": "t0.1"}),
    ("p3", {"inputs_pretokenized": "Hi", "targets_pretokenized": "Hello", "choices": []}),
    ("prompt_completion", {"prompt": [USER], "completion": [ASSISTANT]}),
    ("prompt_completion", {"prompt": "Hi", "completion": "Hello<|endoftext|>\n"}),
    ("prompt_completion", {"prompt": "Hi", "completion": "Hello", "template": "t", "dataset": "d"}),
    ("question_answer", {"problem": "Hi", "solution": "Hello"}),
    ("question_answer", {"query": "Hi", "response": "Hello"}),
    ("question_answer", {"article": "Hi", "summary": "Hello"}),
    ("question_answer", {"input": "Hi", "output": "Hello"}),
    ("question_answer", {"question": "Hi", "solution": "Hello"}),
    ("question_answer", {"problem": "Hi", "answer": "Hello"}),
    ("question_answer", {"prompt": "Hi", "response": "Hello"}),
    ("question_answer", {"input": "Hi", "target": "Hello"}),
    ("question_answer", {"article": "Hi", "highlights": "Hello"}),
    ("question_answer", {"instruction": "Hi", "completion": "Hello"}),
    ("question_answer", {"question": "Hi", "answer": "Hello", "response": "Yo"}),
    ("question_answer", {"question": "Hi", "answer": "Hello", "context": NAN}),
    ("messages", {"messages": json.dumps(CHAT), "tools": NAN}),
    ("messages", {"messages": [USER, {"role": "AI", "content": "Hello"}], "functions": "[]"}),
    ("lima", {"conversations": '["Hi", "Hello"]'}),
    ("self_instruct", {"instruction": "Hi", "instances": json.dumps(instances())}),
    ("super_ni", {"definition": "Hi", "Instances": json.dumps(instances())}),
    ("sharegpt", {"conversations": json.dumps([{"from": "human", "value": "Hi"}])}),
    ("sharegpt", {"conversations": [{"from": "human", "value": "Hi"}], "system": NAN}),
    ("alpaca", {"instruction": "Hi", "output": "Hello", "history": "[]"}),
    ("alpaca", {"instruction": "Hi", "output": "Hello", "history": NAN, "system": NAN}),
    ("sharegpt", {"conversations": [{"from": "user", "value": "Hi"}]}),
    ("sharegpt", {"conversations": [{"from": "human", "value": "Hi"}], "id": "x_24"}),
    ("super_ni", {"Definition": "Hi", "inputs": "", "targets": "Hello", "task_name": "t"}),
    ("super_ni", {"Definition": ["Hi"], "Instances": instances(), "Source": ["x"]}),
    ("super_ni", {"definition": [], "input": "Hi", "target": ["Hello"]}),
    ("messages", {"messages": CHAT, "system": "", "system_prompt": None}),
    ("xtuner", {"conversation": [{"system": "", "input": "Hi", "output": "Hello"}], "source": "s"}),
    ("prompt_only", {"prompt": "Hi"}),
    ("prompt_only", {"prompt": [USER], "id": 7}),
    ("prompt_only", {"question_id": 81, "category": "writing", "turns": ["Hi"]}),
    ("prompt_only", {"key": 1, "prompt": "Hi", "instruction_id_list": ["a:b"], "kwargs": [{}]}),
    ("prompt_only", {"question": "Hi", "subject": "high school physics", "answer": None}),
    ("marked_text", {"text": "### Instruction:\nHi\n\n### Response:\nHello"}),
    ("marked_text", {"text": "\n\nHuman: Hi\n\nAssistant: Hello"}),
    ("marked_text", {"chat": "USER: Hi\n\n\nASSISTANT: Hello <|endoftext|>\n\n\n", "system": ""}),
    ("marked_text", {"text": "<s>[INST] Hi [/INST] Hello </s>"}),
    ("marked_text", {"text": "<|user|>\nHi</s>\n<|assistant|>\nHello</s>\n"}),
    (
        "marked_text",
        {"text": "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>\n"},
    ),
    (
        "marked_text",
        {"text": "<start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\nHello<end_of_turn>"},
    ),
    (
        "marked_text",
        {
            "text": "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\nHello<|eot_id|>"
        },
    ),
    ("question_answer", {"query": "Hi", "answer": "Hello"}),
    ("question_answer", {"question": "Hi", "generated_solution": "Hello", "expected_answer": "1"}),
    ("question_answer", {"question": "Hi", "best_answer": "Hello", "correct_answers": ["Hello"]}),
    ("question_answer", {"question": "Hi", "answers": {"text": ["Hello"], "answer_start": [1]}}),
    ("question_answer", {"question": "Hi", "answers": ["Hello", "Hey"]}),
    ("question_answer", {"dialogue": "Hi", "summary": "Hello"}),
]


def first(schema: Schema, rows: Any) -> Any:
    """The row of the first conversation."""
    return next(row for _, row in schema.unfold(rows))


texts = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=20),
    st.sampled_from(
        [
            "",
            " ",
            "\n",
            " Hi ",
            "N/A",
            "None.",
            "<noinput>",
            "A<|endoftext|>",
            "[|AI|] x",
            "<image>",
            '{"name": "add"}',
            "<think>x</think>",
            "\n\nHuman: a\n\nAssistant: b",
            "\u2028\x85",
            "{{name}}",
        ]
    ),
)


plain_json = st.one_of(st.none(), st.booleans(), st.integers(), texts)


arguments = st.one_of(
    st.dictionaries(texts, plain_json, max_size=2), texts, st.just('{"a": [1, null]}'), st.none()
)


calls = st.builds(
    lambda name, given, call_id: (
        call_id | {"type": "function", "function": {"name": name, "arguments": given}}
    ),
    texts,
    arguments,
    st.sampled_from([{}, {"id": "c1"}]),
)


shown = st.sampled_from([{"type": "image"}, {"type": "image_url", "image_url": {"url": "a.png"}}])


@st.composite
def messages(draw: Any, role: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": role, "content": draw(texts)}
    if role == "user" and draw(st.integers(0, 9)) == 0:
        said = {"type": "text", "text": message["content"]}
        message["parts"] = draw(st.permutations([draw(shown), said]))
    if role == "assistant" and draw(st.integers(0, 4)) == 0:
        message["tool_calls"] = draw(st.lists(calls, min_size=1, max_size=2))
    if role == "assistant" and draw(st.integers(0, 4)) == 0:
        message["reasoning_content"] = draw(texts.filter(bool))
    if role == "tool" and draw(st.booleans()):
        message |= {"tool_call_id": "c1", "name": "add"}
    if role != "tool" and draw(st.integers(0, 9)) == 0:
        message["weight"] = draw(st.sampled_from([0, 1, 0.0, 1.0]))
    return message


@st.composite
def conversations(draw: Any) -> Conversation:
    n_rounds = draw(st.integers(1, 3))
    roles = ["user", "assistant"] * n_rounds
    if draw(st.integers(0, 3)) == 0:
        any_roles = st.sampled_from(["user", "assistant", "tool", "system"])
        roles = draw(st.lists(any_roles, max_size=5))
    if draw(st.integers(0, 3)) == 0:
        roles = ["system", *roles]
    said = [draw(messages(role)) for role in roles]
    tools = [{"type": "function", "function": {"name": "add", "parameters": {"b": 1}}}]
    return Conversation(
        said,
        draw(st.sampled_from([[], [], tools])),
        label=draw(st.sampled_from([None, None, True, False])),
    )
