"""Sweep script: trains on each of several files, once for each seed, with equal settings."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from instructdiv.errors import UsageError
from instructdiv.exporters import DataFiles, TrainerExporter
from instructdiv.exporters.axolotl import Axolotl
from instructdiv.exporters.llama_factory import LlamaFactory
from instructdiv.exporters.torchtune import Torchtune
from instructdiv.exporters.trl import Trl

_RUN = {"seed": "$seed", "output_dir": "$run"}


EXPORTERS: Mapping[str, TrainerExporter] = {
    "trl": Trl(form="messages"),
    "axolotl": Axolotl(form="messages"),
    "llama_factory": LlamaFactory(form="messages"),
    "torchtune": Torchtune(form="messages"),
    "transformers": Trl(form="messages"),
}
"""Exporter of the rows of each trainer; a script of your own reads those of TRL."""


def _rows(exporter: type[TrainerExporter]) -> dict[str, Any]:
    """What a trainer is told of a file of its rows."""
    said = exporter.trainer_settings.data(
        DataFiles((f"train/{exporter.name}/$mix.jsonl",), form="messages")
    )
    return {key: value for key, value, _ in said}


# Settings that are added to the base file for each run.
_OVERLAYS: dict[str, dict[str, Any]] = {
    "trl": _rows(Trl) | _RUN,
    "axolotl": _rows(Axolotl) | {"dataset_prepared_path": "$run/prepared"} | _RUN,
    "llama_factory": {"dataset_dir": "train/llama_factory", "dataset": "$mix"} | _RUN,
    "torchtune": _rows(Torchtune) | _RUN,
    "transformers": {"train_file": "train/transformers/$mix.jsonl"} | _RUN,
}
SWEPT: tuple[str, ...] = tuple(EXPORTERS)
"""Names of the trainers for which there is a script."""

_COMMANDS = {
    "trl": 'trl sft --config "$run/config.yaml"',
    "axolotl": 'axolotl train "$run/config.yaml"',
    "llama_factory": 'llamafactory-cli train "$run/config.yaml"',
    "torchtune": 'tune run "$RECIPE" --config "$run/config.yaml"',
    "transformers": 'python3 "$SCRIPT" "$run/config.yaml"',
}
_NEEDED = {
    "torchtune": ("RECIPE", "the recipe, such as full_finetune_single_device"),
    "transformers": ("SCRIPT", "a script that reads a settings file with train_file"),
}
_MERGE = (
    "import sys, yaml; settings = yaml.safe_load(open(sys.argv[1])) or {}; "
    "settings.update(yaml.safe_load(sys.stdin)); "
    'yaml.safe_dump(settings, open(sys.argv[2], "w"), sort_keys=False)'
)


def sweep_script(trainer: str, names: Sequence[str]) -> str:
    """Write a shell script that trains on the rows of each mix, with several seeds.

    The rows are in ``train/<trainer>/<name>.jsonl``. The script takes a YAML file with the
    common settings, and sets data, seed and output folder of each run. Finished runs are
    skipped.

    Parameters
    ----------
    trainer
        One of :data:`SWEPT`.
    names
        Names of the mixes.

    Raises
    ------
    UsageError
        The trainer has no script.

    Examples
    --------
    >>> "trl sft" in sweep_script("trl", ["share-00", "share-10"])
    True
    """
    if trainer not in _OVERLAYS:
        raise UsageError(f"no script for the trainer {trainer!r}; known: {', '.join(SWEPT)}")
    overlay = yaml.safe_dump(_OVERLAYS[trainer], sort_keys=False)
    lines = [
        "#!/bin/sh",
        f"# Trains with {trainer} on each mix of this folder, once for each seed, settings equal.",
        "# BASE.yaml holds your settings; data, seed and output_dir are set here for each run.",
        f"# usage: sh sweep-{trainer}.sh BASE.yaml [SEED ...]",
        "set -eu",
        "unset CDPATH  # else cd may search, and print, other folders",
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
