"""Push: a written mix on the Hugging Face Hub."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from instructdiv.core.files import MANIFEST, sha256
from instructdiv.data.hub import quiet_datasets
from instructdiv.errors import InputError, OutputError


@dataclass(frozen=True)
class Push:
    """What is pushed, or would be."""

    repository: str
    """Name of the data set on the Hub."""

    private: bool
    """Whether only its owner sees it."""

    splits: Mapping[str, int]
    """Records of each split."""

    n_bytes: int
    """Size of the files."""

    licenses: tuple[str, ...]
    """Licenses on the card."""

    done: bool
    """Whether it was pushed."""

    def to_mapping(self) -> dict[str, Any]:
        """The facts as plain JSON values."""
        return asdict(self)

    def __str__(self) -> str:
        splits = ", ".join(f"{name} {n:,}" for name, n in self.splits.items())
        seen = "private" if self.private else "PUBLIC"
        what = (
            f"{self.repository}, {seen}: {splits} records, {self.n_bytes:,} bytes, license "
            f"{', '.join(self.licenses) or 'unknown'}"
        )
        return f"pushed {what}" if self.done else f"would push {what}\nnothing is pushed yet"


def would_push(folder: str | Path, repository: str, *, private: bool = True) -> Push:
    """Tell what :func:`push_to_hub` would push, and push nothing.

    Raises
    ------
    InputError
        As :func:`push_to_hub`.
    """
    return _checked(Path(folder), repository, private)[0]


def push_to_hub(folder: str | Path, repository: str, *, private: bool = True) -> Push:
    """Push a folder that the exporter ``hub_folder`` wrote to the Hugging Face Hub.

    Parameters
    ----------
    folder
        The folder of a mix.
    repository
        Name of the data set on the Hub, as in ``me/my-mix``.
    private
        Whether only its owner is to see it.

    Raises
    ------
    InputError
        ``hub_folder`` did not write the folder, or the name is not valid on the Hub.
    OutputError
        The Hub did not take it.
    """
    from huggingface_hub import HfApi

    folder = Path(folder)
    plan, splits = _checked(folder, repository, private)
    try:
        api = HfApi()
        api.create_repo(repository, repo_type="dataset", private=private, exist_ok=True)
        # The card comes first: datasets adds to it what the files hold.
        for name in ("README.md", MANIFEST, "summary.md"):
            api.upload_file(
                path_or_fileobj=folder / name,
                path_in_repo=name,
                repo_id=repository,
                repo_type="dataset",
            )
        splits.push_to_hub(repository, private=private)
    except Exception as error:
        raise OutputError(
            f"the Hub did not take {repository}: {type(error).__name__}: {error}"
        ) from error
    return replace(plan, done=True)


def _checked(folder: Path, repository: str, private: bool) -> tuple[Push, Any]:
    """What is to be pushed, and the splits as ``datasets`` reads them."""
    from datasets import load_dataset
    from huggingface_hub import DatasetCard
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        exporter = manifest["recipe"]["exporter"]["name"]
        if exporter != "hub_folder":
            raise InputError(
                f"{folder} was written by the exporter {exporter}; write it by hub_folder"
            )
        for name in manifest["mix"] + manifest["eval"]:
            if sha256(folder / name) != manifest["outputs"][name]:
                raise InputError(f"{folder / name} was changed since the mix was written")
        card = DatasetCard.load(folder / "README.md")
        [config] = card.data.configs
        named = {one["split"]: str(folder / one["path"]) for one in config["data_files"]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{folder} holds no mix for the Hub: {error}") from error
    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        raise InputError(f"{repository!r} is no name of a data set on the Hub: {error}") from error
    try:
        with quiet_datasets():
            splits = load_dataset("parquet", data_files=named)
    except Exception as error:  # whatever datasets says of files that differ
        raise InputError(
            f"datasets cannot read {folder}: {type(error).__name__}: {error}"
        ) from error
    given = card.data.license or []
    plan = Push(
        repository,
        private,
        {name: len(split) for name, split in splits.items()},
        sum(file.stat().st_size for file in (folder / "data").iterdir()),
        (given,) if isinstance(given, str) else tuple(given),
        done=False,
    )
    return plan, splits
