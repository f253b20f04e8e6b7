"""Stanza: the lines of a trainer's configuration that load a mix and keep its order.

What is said of a trainer was read in its source: trl 1.16.0, transformers 5.24.0 (and 4.57.6 to
5.6.0, for when a key came), accelerate 1.15.0, axolotl 0.19.0 and 0.21.0, llamafactory 0.9.5,
torchtune 0.6.1, unsloth_zoo 2026.10.9, ms-swift 4.6.0.
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
    **{name: exporter.told for name, exporter in _EXPORTERS.items()},
    "transformers": TRANSFORMERS,
}

TRAINERS: tuple[str, ...] = tuple(sorted(_TRAINERS))
"""Names of the trainers for which a stanza is known."""


def trainer_settings(
    trainer: str,
    files: Iterable[str | PurePath] = ("mix.jsonl",),
    *,
    form: str | None = None,
    eval_file: str | None = None,
) -> str:
    """What to set in a trainer so that it sees the records of a mix in their order.

    Parameters
    ----------
    trainer
        One of :data:`TRAINERS`.
    files
        Files of the mix in their order, relative to where the configuration is written;
        what holds no records, like a README, is left out.
    form
        What the rows hold, as the exporter of the trainer writes them: messages,
        prompt_completion, preference or label. The names of their fields are then set too.
    eval_file
        File to evaluate on.

    Returns
    -------
    str
        YAML, with a reason above each setting. The model, the learning rate and whatever else
        the trainer wants are not in it.

    Raises
    ------
    UsageError
        The trainer is not known or has no such form, or no file holds records in a form that
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
    told = _TRAINERS[checked_trainer(trainer)]
    names = [PurePath(file) for file in files]
    data = tuple(name.as_posix() for name in names if name.suffix in READERS)
    if not data:
        given = ", ".join(map(str, names)) or "none"
        raise UsageError(
            f"no file that a trainer reads ({', '.join(READERS)}) is in the mix; files: {given}"
        )
    forms = _EXPORTERS[trainer].forms if trainer in _EXPORTERS else ()
    known = next((one for one in forms if one == form), None)
    if form is not None and known is None:
        raise UsageError(
            f"{trainer} has no form {form!r}; known: {', '.join(forms) or 'none, give no form'}"
        )
    return told.text(trainer, DataFiles(data, eval_file, known))


def checked_trainer(trainer: str) -> str:
    """Give the name back, if a stanza is known for it.

    Raises
    ------
    UsageError
        It is not.
    """
    if trainer not in _TRAINERS:
        raise UsageError(f"no trainer is named {trainer!r}; known: {', '.join(TRAINERS)}")
    return trainer
