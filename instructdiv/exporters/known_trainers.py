"""Known trainers, and the settings that load a mix in them and keep its order.

The settings were read in the source code of trl 1.16.0, transformers 5.24.0 (and 4.57.6 to 5.6.0,
for when a key was added), accelerate 1.15.0, axolotl 0.19.0 and 0.21.0, llamafactory 0.9.5,
torchtune 0.6.1, unsloth_zoo 2026.10.9 and ms-swift 4.6.0.
"""

from collections.abc import Iterable
from pathlib import PurePath

from instructdiv.errors import UsageError
from instructdiv.exporters._settings import READERS, TRANSFORMERS, DataFiles, TrainerSettings
from instructdiv.exporters._trainer import TrainerExporter
from instructdiv.exporters.axolotl import Axolotl
from instructdiv.exporters.llama_factory import LlamaFactory
from instructdiv.exporters.ms_swift import MsSwift
from instructdiv.exporters.open_instruct import OpenInstruct
from instructdiv.exporters.openai import Openai
from instructdiv.exporters.torchtune import Torchtune
from instructdiv.exporters.trl import Trl
from instructdiv.exporters.unsloth import Unsloth

_EXPORTERS: dict[str, type[TrainerExporter]] = {
    exporter.name: exporter
    for exporter in (
        Axolotl,
        LlamaFactory,
        MsSwift,
        OpenInstruct,
        Openai,
        Torchtune,
        Trl,
        Unsloth,
    )
}
_TRAINERS: dict[str, TrainerSettings] = {
    **{name: exporter.trainer_settings for name, exporter in _EXPORTERS.items()},
    "transformers": TRANSFORMERS,
}

TRAINERS: tuple[str, ...] = tuple(sorted(_TRAINERS))
"""Names of the trainers whose settings are known."""


def trainer_settings(
    trainer: str,
    files: Iterable[str | PurePath] = ("mix.jsonl",),
    *,
    form: str | None = None,
    eval_file: str | None = None,
) -> str:
    """Settings that make a trainer see the records of a mix in order, as YAML.

    Parameters
    ----------
    trainer
        One of :data:`TRAINERS`.
    files
        Files of the mix in order, relative to the folder of the configuration; files without
        records, such as a README, are ignored.
    form
        What the rows hold, as the exporter of the trainer writes them: messages,
        prompt_completion, preference or label; the names of their fields are then set too.
    eval_file
        File to evaluate on.

    Returns
    -------
    str
        YAML with a reason above each setting; without model, learning rate and other options.

    Raises
    ------
    UsageError
        The trainer is unknown or does not read the form, or no file has a format that
        trainers read.

    Examples
    --------
    >>> import yaml
    >>> yaml.safe_load(trainer_settings("transformers"))["train_sampling_strategy"]
    'sequential'
    >>> yaml.safe_load(trainer_settings("torchtune", ["train.jsonl"], form="messages"))["dataset"]
    ... # doctest: +ELLIPSIS
    {'_component_': 'torchtune.datasets.chat_dataset', 'source': 'json', ...}
    """
    settings = _TRAINERS[checked_trainer(trainer)]
    names = [PurePath(file) for file in files]
    data = tuple(name.as_posix() for name in names if name.suffix in READERS)
    if not data:
        given = ", ".join(map(str, names)) or "none"
        raise UsageError(
            f"the mix has no file that a trainer reads ({', '.join(READERS)}); its files: {given}"
        )
    forms = _EXPORTERS[trainer].forms if trainer in _EXPORTERS else ()
    known = next((one for one in forms if one == form), None)
    if form is not None and known is None:
        raise UsageError(
            f"{trainer} has no form {form!r}; known: {', '.join(forms) or 'none, give no form'}"
        )
    return settings.text(trainer, DataFiles(data, eval_file, known))


def checked_trainer(trainer: str) -> str:
    """Return the name of a trainer whose settings are known.

    Raises
    ------
    UsageError
        The trainer is unknown; the known ones are listed.
    """
    if trainer not in _TRAINERS:
        raise UsageError(f"no trainer is named {trainer!r}; known: {', '.join(TRAINERS)}")
    return trainer
