"""Sweep script: trains on each of several files, once for each seed, all else alike."""

import json
from collections.abc import Sequence
from typing import Any

import yaml

from instructdiv.exporters.stanza import checked_trainer

_TRAIN = "train/$mix.jsonl"
_RUN = {"seed": "$seed", "output_dir": "$run"}

# What is set in the base file for each run. Files hold rows of messages, whatever they came as.
_OVERLAYS: dict[str, dict[str, Any]] = {
    "trl": {"datasets": [{"path": "json", "data_files": _TRAIN, "split": "train"}], **_RUN},
    "axolotl": {
        "datasets": [
            {
                "path": _TRAIN,
                "ds_type": "json",
                "type": "chat_template",
                "field_messages": "messages",
            }
        ],
        "dataset_prepared_path": "$run/prepared",
        **_RUN,
    },
    "llama_factory": {"dataset_dir": "train", "dataset": "$mix", **_RUN},
    "torchtune": {
        "dataset": {
            "_component_": "torchtune.datasets.chat_dataset",
            "source": "json",
            "data_files": _TRAIN,
            "split": "train",
            "conversation_column": "messages",
            "conversation_style": "openai",
        },
        **_RUN,
    },
    "transformers": {"train_file": _TRAIN, **_RUN},
}
_COMMANDS = {
    "trl": 'trl sft --config "$run/config.yaml"',
    "axolotl": 'axolotl train "$run/config.yaml"',
    "llama_factory": 'llamafactory-cli train "$run/config.yaml"',
    "torchtune": 'tune run "$RECIPE" --config "$run/config.yaml"',
    "transformers": 'python3 "$SCRIPT" "$run/config.yaml"',
}
_NEEDED = {
    "torchtune": ("RECIPE", "the recipe, such as full_finetune_single_device"),
    "transformers": ("SCRIPT", "a script that takes a file of settings, train_file among them"),
}
_MERGE = (
    "import sys, yaml; settings = yaml.safe_load(open(sys.argv[1])) or {}; "
    "settings.update(yaml.safe_load(sys.stdin)); "
    'yaml.safe_dump(settings, open(sys.argv[2], "w"), sort_keys=False)'
)


def sweep_script(trainer: str, names: Sequence[str]) -> str:
    """A shell script that trains on ``train/<name>.jsonl`` of each name, with several seeds.

    It is given a YAML file with everything that stays the same, and sets the data, the seed and
    the output folder of each run. A run that is done is not done again.

    Parameters
    ----------
    trainer
        One of :data:`instructdiv.exporters.stanza.TRAINERS`.
    names
        Names of the mixes.

    Raises
    ------
    UsageError
        The trainer is not known.

    Examples
    --------
    >>> "trl sft" in sweep_script("trl", ["share-00", "share-10"])
    True
    """
    overlay = yaml.safe_dump(_OVERLAYS[checked_trainer(trainer)], sort_keys=False)
    lines = [
        "#!/bin/sh",
        f"# Trains with {trainer} on each mix of this folder, once for each seed, all else alike.",
        "# BASE.yaml holds your settings; data, seed and output_dir are set here for each run.",
        f"# usage: sh sweep-{trainer}.sh BASE.yaml [SEED ...]",
        "set -eu",
        "unset CDPATH  # or cd looks elsewhere, and says where it went",
        'base=${1:?"usage: sh $0 BASE.yaml [SEED ...]"}',
        'base=$(cd "$(dirname "$base")" && pwd)/$(basename "$base")',
        'cd "$(dirname "$0")"',
        "shift",
        '[ "$#" -gt 0 ] || set -- 0 1 2',
    ]
    if trainer in _NEEDED:
        name, what = _NEEDED[trainer]
        lines.append(f': "${{{name}:?set {name} to {what}}}"')
    lines += [
        f"for mix in {' '.join(names)}; do",
        '  for seed in "$@"; do',
        f"    run=runs/{trainer}/$mix-seed-$seed",
        '    if [ -e "$run/done" ]; then continue; fi',
        '    mkdir -p "$run"',
        f'    python3 -c \'{_MERGE}\' "$base" "$run/config.yaml" <<END',
        overlay.rstrip(),
        "END",
        f"    {_COMMANDS[trainer]}",
        '    touch "$run/done"',
        "  done",
        "done",
    ]
    return "\n".join(lines) + "\n"


def dataset_info(names: Sequence[str]) -> str:
    """What LLaMA-Factory reads in ``dataset_info.json`` beside files of rows of messages."""
    form = {
        "formatting": "sharegpt",
        "columns": {"messages": "messages"},
        "tags": {
            "role_tag": "role",
            "content_tag": "content",
            "user_tag": "user",
            "assistant_tag": "assistant",
            "observation_tag": "tool",
            "function_tag": "function_call",
            "system_tag": "system",
        },
    }
    entries = {name: {"file_name": f"{name}.jsonl"} | form for name in names}
    return json.dumps(entries, indent=2) + "\n"
