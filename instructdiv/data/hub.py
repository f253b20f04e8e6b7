"""Data sets of the `datasets` library: in memory, saved to disk, on the Hugging Face Hub."""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from instructdiv.data.readers import RawSource, undecoded, valid
from instructdiv.errors import InputError

_log = logging.getLogger("instructdiv")

_ON_HUB = re.compile(
    r"(?P<path>[^:]+)(?::(?P<config>[^:\[\]]+)(?=:))?(?::(?P<split>[\w.+%:\[\]-]+))?"
)


def is_stream(data: Any) -> bool:
    """Whether this is a ``datasets.IterableDataset``."""
    return (
        type(data).__module__.startswith("datasets.") and type(data).__name__ == "IterableDataset"
    )


def from_memory(data: Any) -> "RawSource":
    """A data set, one of several splits, or all records of a stream."""
    if isinstance(data, dict):
        return from_memory(_split(data, "the data"))
    if is_stream(data):
        stream = data if data.features is None else undecoded(data)
        return RawSource.of("stream", enumerate(map(valid, stream), 1), [], "record")
    return RawSource.of_dataset("dataset", undecoded(data.with_format(None)))


def from_disk(path: Path) -> RawSource:
    """Read a folder that ``save_to_disk`` has written.

    Raises
    ------
    InputError
        The folder is incomplete, or holds several splits and none is named train.
    """
    from datasets import Dataset, load_from_disk

    try:
        dataset = load_from_disk(str(path))
    except Exception as error:  # of a folder that is not whole, whatever Arrow says
        raise InputError(f"{path} cannot be read: {type(error).__name__}: {error}") from error
    folder = path
    if not isinstance(dataset, Dataset):
        splits = dict(dataset)
        dataset = _split(splits, str(path))
        folder = path / next(name for name, split in splits.items() if split is dataset)
    files = sorted(p for p in folder.iterdir() if p.is_file())
    return RawSource.of_dataset(str(path), dataset, files)


def from_hub(name: str) -> RawSource:
    """Read ``name``, ``name:split`` or ``name:config:split`` from the Hub; without a split, train.

    Raises
    ------
    InputError
        The name has another form, or the Hub gave no data set of it.
    """
    import datasets

    asked = _ON_HUB.fullmatch(name)
    if asked is None:
        raise InputError(
            f"no file or folder at {name}, nor is it the name of a data set on the Hub"
        )
    split = asked["split"] or "train"
    try:
        dataset = datasets.load_dataset(asked["path"], asked["config"], split=split)
    except Exception as error:
        raise InputError(
            f"no file or folder at {name}, and the Hub gave no data set of that name with a "
            f"split {split}: {type(error).__name__}: {error}. Another split is named as in "
            f"{asked['path']}:SPLIT, one of a configuration as in {asked['path']}:CONFIG:SPLIT"
        ) from error
    return RawSource.of_dataset(name, undecoded(dataset))


def _split(splits: Mapping[str, Any], name: str) -> Any:
    """Of several splits the one to train on."""
    from datasets import Dataset, IterableDataset

    if not splits or not all(isinstance(s, Dataset | IterableDataset) for s in splits.values()):
        raise InputError(
            f"cannot read records from {type(splits).__name__}; give a list of mappings, or the "
            "splits of a data set"
        )
    names = list(map(str, splits))
    if len(splits) == 1:
        return next(iter(splits.values()))
    if "train" not in splits:
        raise InputError(f"{name} holds splits; give one of {', '.join(names)}")
    others = ", ".join(other for other in names if other != "train")
    _log.warning("%s: the split train is read, but not %s", name, others)
    return splits["train"]


@contextmanager
def quiet_datasets() -> Iterator[None]:
    """Keep ``datasets`` from drawing progress bars of its own."""
    from datasets.utils import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    loud = not are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if loud:
            enable_progress_bars()
