"""What the scripts share that feed an exported folder to a trainer's own code.

A script is given the folder in which the trainer is installed. It reads a JSON list of folders
from standard input, loads each as its settings say, and writes what came out as JSON: for each
folder the rows of each split as texts, or what was raised.
"""

import contextlib
import importlib.util
import json
import os
import sys
import tempfile
import types
from collections.abc import Callable, Iterable
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import yaml

SITE = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()

TEMPLATE = """\
{%- if tools %}<|im_start|>system
{% for tool in tools %}{{ tool | tojson }}
{% endfor %}<|im_end|>
{% endif %}
{%- for message in messages %}
{%- if message.role == 'assistant' %}<|im_start|>assistant
{% generation %}{{ message.content or '' }}
{%- for call in message.tool_calls or [] %}
<tool_call>{"name": "{{ call.function.name }}", "arguments": \
{{ call.function.arguments | tojson }}}</tool_call>
{%- endfor %}<|im_end|>
{% endgeneration %}
{%- else %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


def tokenizer() -> Any:
    """One token a byte, and a template of chats that shows all that it is given."""
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    fast: Any = transformers.PreTrainedTokenizerFast
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    found = fast(
        tokenizer_object=core,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>"],
        model_max_length=100_000,
        clean_up_tokenization_spaces=False,
    )
    found.chat_template = TEMPLATE
    return found


def decoded(found: Any, row: dict[str, Any], *keys: str) -> str:
    """The tokens of a row as text; of its labels those that are trained on."""
    return "".join(found.decode([t for t in row[key] if t >= 0]) for key in keys if key in row)


def parent(name: str, path: str = "", **held: Any) -> types.ModuleType:
    """Stand in for a package whose own __init__ wants what is not there; its modules are real."""
    module = types.ModuleType(name)
    module.__path__ = [str(SITE / (path or name.replace(".", "/")))]
    module.__spec__ = ModuleSpec(name, None, is_package=True)
    module.__dict__.update(held)
    sys.modules[name] = module
    return module


class _Anything(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        held = {
            "__init__": lambda self, *a, **k: None,
            "__class_getitem__": lambda cls, item: object,
        }
        found = type(name, (), held)
        setattr(self, name, found)
        return found


class _Absent(MetaPathFinder, Loader):
    def __init__(self, names: set[str]) -> None:
        self.names = names

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        known = name.partition(".")[0] in self.names
        return ModuleSpec(name, self, is_package=True) if known else None

    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        module = _Anything(spec.name)
        module.__path__ = []
        module.__dict__["__version__"] = "99.0.0"
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        pass


def absent(*names: str) -> None:
    """Let packages be imported that are not installed, and that loading data does not use."""
    missing = {name for name in names if importlib.util.find_spec(name) is None}
    sys.meta_path.append(_Absent(missing))


def prepare(**environment: str) -> None:
    """Put the trainer on the path; nothing is downloaded or told to anyone."""
    os.environ.update(
        HF_HUB_OFFLINE="1",
        HF_DATASETS_CACHE=tempfile.mkdtemp(),
        DO_NOT_TRACK="1",
        WANDB_DISABLED="true",
        TOKENIZERS_PARALLELISM="false",
        **environment,
    )
    sys.path.insert(0, str(SITE))


def settings(name: str) -> dict[str, Any]:
    """The settings that were written for a trainer, in the current folder."""
    found: dict[str, Any] = yaml.safe_load(Path(f"{name}.yaml").read_text("utf-8"))
    return found


def feed(load: Callable[[], dict[str, Iterable[Any]]]) -> None:
    """Load every folder, and write what came out."""
    done: list[Any] = []
    out = os.dup(1)
    os.dup2(2, 1)  # what a trainer prints is not the result
    for folder in json.load(sys.stdin):
        with contextlib.chdir(folder):
            try:
                done.append({name: list(rows) for name, rows in load().items()})
            except Exception as error:
                done.append({"raised": f"{type(error).__name__}: {error}"[:300]})
    os.write(out, json.dumps(done).encode())
