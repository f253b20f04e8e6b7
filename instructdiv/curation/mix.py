"""Mix: what was chosen, and how it is written."""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from instructdiv.arrangement import Arrangement
from instructdiv.core.described import Described
from instructdiv.core.files import new_folder, sha256, write_text
from instructdiv.curation.holdout import alike, held_out
from instructdiv.curation.manifest import manifest_of, write_dropped, write_manifest
from instructdiv.curation.recipe import Recipe
from instructdiv.data.records import QUARANTINE, Quarantined, Records, quarantine_lines
from instructdiv.embedders import Progress
from instructdiv.errors import GateFailed, InputError, OutputError
from instructdiv.exporters import (
    Exporter,
    Preflight,
    Split,
    checked_trainer,
    trainer_settings,
)
from instructdiv.pool import Pool
from instructdiv.report import Summary, coverage
from instructdiv.selection import Selection

if TYPE_CHECKING:
    from datasets import Dataset

_log = logging.getLogger("instructdiv")


@contextmanager
def stage(name: str, seconds: dict[str, float], progress: Progress | None) -> Iterator[None]:
    """Time a part of the run, and say when it begins and ends."""
    if progress:
        progress(name, 0, 1)
    start = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - start
    if progress:
        progress(name, 1, 1)


@dataclass(frozen=True, eq=False, repr=False)
class Mix(Described):
    """What was chosen, ready to be written: pool, selection, and how they came about."""

    recipe: Recipe
    """What decided it."""

    pool: Pool
    """Everything that could be chosen."""

    selection: Selection
    """What was chosen."""

    seconds: dict[str, float] = field(default_factory=dict)
    """Wall time of each stage."""

    target: Pool | None = None
    """What had to be covered, where it is not the pool itself."""

    arrangement: Arrangement | None = None
    """The order of what was chosen, where it is not that of the selection."""

    notes: tuple[str, ...] = ()
    """What did not go as the recipe asks: sources with fewer records than their share."""

    def _facts(self) -> dict[str, object]:
        return {
            "records": len(self.order),
            "of": len(self.pool),
            "selector": self.recipe.selector.name,
            "arranger": self.recipe.arranger and self.recipe.arranger.name,
            "target": self.target and len(self.target),
            "trainer": self.recipe.trainer,
        }

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """Rows of the pool in the order of the mix, (m,) int64; what is repeated comes again."""
        once = (self.selection if self.arrangement is None else self.arrangement).indices
        times = {source.name: source.repeat for source in self.recipe.sources}
        if max(times.values(), default=1) == 1:
            return once
        repeats = np.array([times[name] for name in self._pool_records.source_names])[once]
        return np.concatenate([once[repeats > round_] for round_ in range(repeats.max())])

    @cached_property
    def records(self) -> Records:
        """The chosen records, in order."""
        return self._pool_records.take(self.order)

    @property
    def _pool_records(self) -> Records:
        if self.pool.records is None:
            raise InputError("a pool of vectors alone has no records to write")
        return self.pool.records

    @cached_property
    def splits(self) -> dict[str, Split]:
        """What is trained on and, if the recipe holds some out, what is evaluated on, in order."""
        whole = Split(self.records, self.pool.schemas, self._carried())
        share = self.recipe.eval_share
        if not share:
            return {"train": whole}
        chosen, first = np.unique(self.order, return_index=True)
        kinds = self.pool.clusters if self.pool.groups is None else self.pool.groups
        units = alike([whole.conversations[place].messages for place in first.tolist()])
        held = chosen[held_out(kinds[chosen], share, self.recipe.seed, units)]
        is_held = np.isin(self.order, held)
        is_first = np.isin(np.arange(len(self.order)), first)
        return {
            "train": whole.take(np.flatnonzero(~is_held).tolist()),
            "eval": whole.take(np.flatnonzero(is_held & is_first).tolist()),
        }

    def preflight(self, exporter: Exporter | None = None) -> Preflight:
        """Which records are left out for the trainer, of the recipe if not given, and why."""
        return (exporter or self.recipe.exporter).preflight(self.splits)

    def _carried(self) -> tuple[dict[str, Any], ...] | None:
        """What each row carries beside its own columns, if anything."""
        wanted = self.recipe.add_columns
        if not wanted:
            return None
        order, pool = self.order, self.pool
        rank = np.zeros(len(pool), np.int64)
        rank[self.selection.indices] = np.arange(1, len(self.selection) + 1)
        found: dict[str, Any] = {}
        for name in wanted:
            if name == "_source":
                found[name] = self.records.source_names
            elif name == "_rank":
                found[name] = rank[order].tolist()
            elif name == "_gain":
                found[name] = self.selection.gains[rank[order] - 1].tolist()
            elif name == "_cluster":
                found[name] = pool.clusters[order].tolist()
            else:
                found[name] = self._turns()[order].tolist()
        return tuple(
            dict(zip(found, values, strict=True)) for values in zip(*found.values(), strict=True)
        )

    def _turns(self) -> NDArray[np.int64]:
        """(n,) turn of each row of the pool, from 1."""
        if self.arrangement is None:
            raise InputError("_turn is that of an arrangement; give an arranger too")
        turns = np.zeros(len(self.pool), np.int64)
        turns[self.arrangement.indices] = self.arrangement.turn + 1
        return turns

    @cached_property
    def dataset(self) -> "Dataset":
        """The chosen records, in order, as a ``datasets.Dataset``."""
        return self.records.to_dataset()

    @cached_property
    def summary(self) -> Summary:
        """What the mix covers, beside random draws."""
        with stage("measure", self.seconds, self.recipe.progress):
            return coverage(
                self.pool,
                self.selection,
                self.target,
                n_draws=self.recipe.n_draws,
                seed=self.recipe.seed,
            )

    def export(
        self,
        path: str | Path,
        exporter: Exporter | str | None = None,
        *,
        trainer: str | None = None,
        overwrite: bool = False,
    ) -> list[Path]:
        """Write the mix into a new folder: :func:`write_mix`."""
        return write_mix(self, exporter, path, trainer=trainer, overwrite=overwrite)

    def check(self) -> None:
        """Hold the mix against what the recipe demands.

        Raises
        ------
        GateFailed
            The coverage is below ``min_coverage``, or a record is left out for the trainer and
            ``fail_on_drop`` is set.
        """
        if self.recipe.fail_on_drop:
            self.preflight().check()
        least = self.recipe.min_coverage
        if least is None:
            return
        found = next(m for m in self.summary.metrics if m.metric == "mean_nearest_similarity")
        if found.value < least:
            raise GateFailed(f"coverage {found.value:.4f} is below the least allowed, {least:g}")

    @property
    def quarantine(self) -> list[Quarantined]:
        """Records that cannot be used, of the data and of the target."""
        of_target = self.target.records if self.target is not None else None
        return [*self._pool_records.quarantine, *(of_target.quarantine if of_target else ())]


def write_mix(
    mix: Mix,
    exporter: Exporter | str | Mapping[str, Any] | None,
    path: str | Path,
    *,
    trainer: str | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Write a mix into a new folder, whole or not at all; gives the files that were written.

    Beside the rows stand the manifest, the summary, the records that were not chosen
    (``dropped.parquet``) and, where there are any, those that cannot be used or that the
    trainer would drop (``quarantine.jsonl``).

    Parameters
    ----------
    mix
        What was chosen.
    exporter
        Form of the rows, or its name; that of the trainer, or else of the recipe, if None.
    path
        The folder.
    trainer
        Trainer that is to keep the order; that of the recipe if not given. What to set there
        is written as ``<trainer>.yaml``.
    overwrite
        Replace a folder that an earlier mix was written into.

    Raises
    ------
    OutputError
        The folder is not empty (and `overwrite` is not set), or cannot be written to; no
        record is left to write, or a value has no place in this form.
    UsageError
        The trainer is not known.

    Examples
    --------
    >>> import tempfile
    >>> from instructdiv import Recipe, curate
    >>> rows = [{"instruction": f"Count to {n}.", "output": "1, 2, ..."} for n in range(2, 9)]
    >>> mix = curate(Recipe(budget=3, embedder="lexical"), rows)
    >>> [file.name for file in write_mix(mix, "jsonl", f"{tempfile.mkdtemp()}/mix")]
    ['mix.jsonl', 'dropped.parquet', 'summary.json', 'summary.md', 'manifest.json']
    """
    mix = _in_the_form(mix, exporter, trainer)
    splits, summary = mix.splits, mix.summary  # measured before the folder is begun
    exporter = mix.recipe.exporter.fitted(splits)
    preflight = exporter.preflight(splits)
    kept = {name: split for name, split in preflight.kept(splits).items() if len(split)}
    if "train" not in kept:
        raise OutputError(f"no record is left to write: {preflight}")
    left_out = preflight.quarantined(splits)
    quarantine = [*mix.quarantine, *left_out]
    with new_folder(path, overwrite) as folder:
        with stage("write", mix.seconds, mix.recipe.progress):
            files = exporter.write(kept, folder)
            beside = [write_dropped(folder / "dropped.parquet", mix.pool, mix.selection.indices)]
            beside += [summary.save(folder / f"summary.{end}") for end in ("json", "md")]
            if mix.recipe.page:
                beside.append(summary.save(folder / "report.html"))
            if quarantine:
                lines = "".join(quarantine_lines(quarantine))
                beside.append(write_text(folder / QUARANTINE, lines))
            if (name := mix.recipe.trainer) is not None and name != exporter.name:
                train, held = (_names(files.get(split, ()), folder) for split in ("train", "eval"))
                settings = trainer_settings(name, train, eval_file=next(iter(held), None))
                beside.append(write_text(folder / f"{name}.yaml", settings))
        written = [*(file for several in files.values() for file in several), *beside]
        n_written = sum(map(len, splits.values())) - len(left_out)
        facts = manifest_of(
            mix.recipe, mix.pool, mix.selection, mix.target, mix.arrangement, mix.seconds
        ) | {
            "mix": _names(files["train"], folder),
            "eval": _names(files.get("eval", ()), folder),
            "outputs": {name: sha256(folder / name) for name in _names(written, folder)},
            "notes": list(mix.notes),
            "written": n_written,
            "left_out": len(left_out),
        }
        written.append(write_manifest(folder, facts))
    if said := str(preflight):
        where = f"; they are in {Path(path) / QUARANTINE}" if len(preflight) else ""
        _log.warning("%s%s", said, where)
    return [Path(path).expanduser() / file.relative_to(folder) for file in written]


def _in_the_form(mix: Mix, exporter: Any, trainer: str | None) -> Mix:
    """The same mix, to be written in another form or for another trainer."""
    changed: dict[str, Any] = {} if exporter is None else {"exporter": Exporter.of(exporter)}
    if trainer is not None:
        changed["trainer"] = checked_trainer(trainer)
        if exporter is None and trainer in Exporter.known():
            changed["exporter"] = Exporter.of(trainer)
    if not changed:
        return mix
    found = replace(mix, recipe=mix.recipe.model_copy(update=changed))
    found.__dict__["summary"] = mix.summary  # measured once
    return found


def _names(files: Iterable[Path], folder: Path) -> list[str]:
    return [file.relative_to(folder).as_posix() for file in files]
