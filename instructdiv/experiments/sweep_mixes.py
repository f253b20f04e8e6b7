"""Sweep: mixes that differ in one quantity only, side by side, and written for trainers."""

import importlib.metadata
import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from instructdiv.core.files import MANIFEST, check_free, new_folder, sha256, write_lines, write_text
from instructdiv.curation.mix import Mix, write_mix
from instructdiv.data.records import QUARANTINE, quarantine_lines
from instructdiv.errors import OutputError
from instructdiv.experiments.sweep_script import EXPORTERS, SWEPT, sweep_script
from instructdiv.exporters import Exporter, Jsonl
from instructdiv.exporters.llama_factory import LlamaFactory, dataset_info
from instructdiv.results import Facts, Result, Share

_log = logging.getLogger("instructdiv")


class SweepRow(Facts):
    """One mix of a sweep."""

    name: str = Field(title="mix")
    """Name of the mix and of its folder."""

    beyond_share: Share | None = Field(None, title="beyond the core")
    """Share of records beyond the core; None where domains or instructions are varied."""

    records: int = 0
    """Number of records; 0 for a mix that cannot be made."""

    domains: int = 0
    """Number of domains."""

    instructions: int = 0
    """Number of different instructions, near copies merged."""

    examples_per_instruction: float = Field(0.0, title="records each")
    """Mean number of records of an instruction."""

    why_not: str | None = Field(None, title="why not")
    """Why the mix cannot be made."""


class SweepPlan(Result):
    """The mixes of a sweep, side by side."""

    title: ClassVar[str] = "Sweep"

    varies: Literal["beyond_share", "domains", "instructions"]
    """The quantity that the mixes differ in."""

    budget: int
    """Number of records of each mix."""

    notes: list[str]
    """Requests that could not be met, and additions."""

    rows: list[SweepRow] = Field(title="mixes")
    """The mixes."""


@dataclass(frozen=True, eq=False)
class Sweep:
    """Mixes that differ in one quantity only, ready to be written and trained on."""

    plan: SweepPlan
    """The mixes side by side, with those that cannot be made."""

    mixes: Mapping[str, Mix]
    """The mixes that can be made, by name."""

    def export(
        self,
        path: str | Path,
        *,
        trainers: str | Iterable[str] = SWEPT,
        exporter: Exporter | None = None,
        overwrite: bool = False,
    ) -> list[Path]:
        """Write every mix into a folder of its own, with a script that trains on all of them.

        The folder also gets ``sweep.md`` and ``sweep.json``, and for each trainer
        ``sweep-<trainer>.sh`` and ``train/<trainer>/<mix>.jsonl``: the same records as
        conversations in the layout of the trainer, whatever layouts were mixed. Records that
        the trainer would drop or cannot hold are logged and written to
        ``<mix>.quarantine.jsonl``; a trainer that can read no record of some mix is logged and
        skipped.

        Raises
        ------
        OutputError
            The folder is not empty (and `overwrite` is not set), cannot be written to, or holds
            trained runs.
        UsageError
            A trainer is not known.
        """
        named = (trainers,) if isinstance(trainers, str) else trainers
        scripts = {trainer: sweep_script(trainer, list(self.mixes)) for trainer in named}
        check_free(path, overwrite)  # before the work, not after it
        if overwrite and (Path(path).expanduser() / "runs").exists():
            raise OutputError(f"{path} holds trained runs; move them, or give another folder")
        for mix in self.mixes.values():
            mix.summary  # noqa: B018 - measured before the folder is begun
        with new_folder(path, overwrite) as folder:
            files = [
                file
                for name, mix in self.mixes.items()
                for file in write_mix(mix, exporter or Jsonl(), folder / name)
            ]
            files += [self.plan.save(folder / f"sweep.{end}") for end in ("md", "json")]
            for trainer, script in scripts.items():
                if rows := self._write_rows(trainer, folder / "train" / trainer):
                    files += [*rows, write_text(folder / f"sweep-{trainer}.sh", script)]
            manifest = {
                "instructdiv": importlib.metadata.version("instructdiv"),
                "sweep": list(self.mixes),
                "outputs": {str(file.relative_to(folder)): sha256(file) for file in files},
            }
            files.append(write_text(folder / MANIFEST, json.dumps(manifest, indent=1) + "\n"))
        return [Path(path).expanduser() / file.relative_to(folder) for file in files]

    def _write_rows(self, trainer: str, folder: Path) -> list[Path]:
        """Write every mix in the layout of a trainer; nothing if it can read none of some mix."""
        exporter = EXPORTERS[trainer]
        found = {name: exporter.preflight(mix.splits) for name, mix in self.mixes.items()}
        kept = {name: found[name].kept(mix.splits) for name, mix in self.mixes.items()}
        if empty := next((name for name, splits in kept.items() if not len(splits["train"])), None):
            _log.warning("%s can read no record of the mix %s; %s", trainer, empty, found[empty])
            return []
        folder.mkdir(parents=True)
        files = []
        for name, mix in self.mixes.items():
            if said := str(found[name]):
                _log.warning("train/%s/%s.jsonl: %s", trainer, name, said)
            if len(found[name]):
                left_out = "".join(quarantine_lines(found[name].quarantined(mix.splits)))
                files.append(write_text(folder / f"{name}.{QUARANTINE}", left_out))
            files.append(write_lines(folder / f"{name}.jsonl", exporter.rows(kept[name])["train"]))
        if trainer == LlamaFactory.name:
            entries = dataset_info({name: f"{name}.jsonl" for name in self.mixes})
            files.append(write_text(folder / "dataset_info.json", entries))
        return files

    def __str__(self) -> str:
        return self.plan.headline
