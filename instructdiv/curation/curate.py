"""Curate: the whole flow, from records to a mix."""

import importlib.metadata
import json
import logging
import platform
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from numpy.typing import NDArray

from instructdiv.arrangement import Arrangement
from instructdiv.arrangers import Arranger
from instructdiv.budget import Budget
from instructdiv.core.described import Described
from instructdiv.core.files import MANIFEST, sha256, write_text
from instructdiv.curation.holdout import alike, held_out
from instructdiv.curation.recipe import Recipe
from instructdiv.data.licenses import UNKNOWN, allowed, licenses_of
from instructdiv.data.load import names_files, read
from instructdiv.data.reading import Reading, ReadingOptions, Values
from instructdiv.data.records import Quarantined, Records, is_dataset, quarantine_lines
from instructdiv.data.sources import SOURCE, constrained, read_sources
from instructdiv.embedders import Progress
from instructdiv.errors import BudgetError, GateFailed, InputError
from instructdiv.exporters import (
    Exporter,
    Files,
    Preflight,
    Split,
    checked_trainer,
    trainer_settings,
)
from instructdiv.pool import Pool
from instructdiv.report import Summary, coverage
from instructdiv.report.leakage import leak_check
from instructdiv.selection import Selection, checked_keys
from instructdiv.selectors import Selector, default_selector

if TYPE_CHECKING:
    from datasets import Dataset

_log = logging.getLogger("instructdiv")

_PACKAGES = (
    "datasets",
    "faiss-cpu",
    "numpy",
    "pyarrow",
    "pydantic",
    "scikit-learn",
    "scipy",
    "sentence-transformers",
    "torch",
    "transformers",
)


@dataclass(frozen=True, eq=False, repr=False)
class Mix(Described):
    """What was chosen, ready to be written: pool, selection, and how they came about."""

    recipe: Recipe
    """What decided it."""

    pool: Pool
    """Everything that could be chosen."""

    selection: Selection
    """What was chosen."""

    progress: Progress | None = None
    """Called with a stage, how much of it is done, and how much there is."""

    seconds: dict[str, float] = field(default_factory=dict)
    """Wall time of each stage."""

    target: Pool | None = None
    """What had to be covered, where it is not the pool itself."""

    arrangement: Arrangement | None = None
    """The order of what was chosen, where it is not that of the selection."""

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
        repeats = np.array([times[name] for name in self._all_records.source_names])[once]
        return np.concatenate([once[repeats > round_] for round_ in range(repeats.max())])

    @cached_property
    def records(self) -> Records:
        """The chosen records, in order."""
        if self.pool.records is None:
            raise InputError("a pool of vectors alone has no records to write")
        return self.pool.records.take(self.order)

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
        with _stage("measure", self.seconds, self.progress):
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
        exporter: Exporter | None = None,
        *,
        overwrite: bool = False,
        trainer: str | None = None,
    ) -> list[Path]:
        """Write the mix, its manifest, what was dropped, and the summary into a new folder.

        With `trainer` (that of the recipe if not given) the rows have the form that it reads,
        unless an exporter is given, and what to set there so that the order of the mix is kept
        is written beside them, as ``<trainer>.yaml``.

        Raises
        ------
        OutputError
            The folder is not empty (and `overwrite` is not set), or cannot be written to.
        UsageError
            The trainer is not known.
        """
        changed: dict[str, Any] = {} if exporter is None else {"exporter": exporter}
        if trainer is not None:
            changed["trainer"] = checked_trainer(trainer)
            if exporter is None and trainer in Exporter.known():
                changed["exporter"] = Exporter.of(trainer)
        mix = self._with(changed) if changed else self
        mix.summary  # noqa: B018 - measured before the folder is begun
        return mix.recipe.exporter.export(mix, path, overwrite=overwrite)

    def _with(self, changed: dict[str, Any]) -> "Mix":
        """The same mix, to be written otherwise."""
        mix = replace(self, recipe=self.recipe.model_copy(update=changed))
        mix.__dict__["summary"] = self.summary
        return mix

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

    def write_beside(self, folder: Path, files: Files, left_out: list[Quarantined]) -> list[Path]:
        """Write what belongs beside the files of the mix; the exporter calls this."""
        quarantine = [*self._quarantine, *left_out]
        trainer = self.recipe.trainer
        with _stage("write", self.seconds, self.progress):
            beside = [self._write_dropped(folder / "dropped.parquet")]
            beside += [self.summary.save(folder / f"summary.{end}") for end in ("json", "md")]
            if self.recipe.page:
                beside.append(self.summary.save(folder / "report.html"))
            if quarantine:
                text = "".join(quarantine_lines(quarantine))
                beside.append(write_text(folder / "quarantine.jsonl", text))
            if trainer is not None and trainer != self.recipe.exporter.name:
                train, held = (
                    [file.relative_to(folder).as_posix() for file in files.get(split, ())]
                    for split in ("train", "eval")
                )
                text = trainer_settings(trainer, train, eval_file=next(iter(held), None))
                beside.append(write_text(folder / f"{trainer}.yaml", text))
        manifest = folder / MANIFEST
        n_written = sum(map(len, self.splits.values())) - len(left_out)
        content = self._manifest(folder, files, beside)
        content |= {"written": n_written, "left_out": len(left_out)}
        text = json.dumps(content, indent=1, ensure_ascii=False)
        manifest.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
        return [*beside, manifest]

    @property
    def _all_records(self) -> Records:
        records = self.pool.records
        assert records is not None, "a mix that is written has records"  # noqa: S101
        return records

    @property
    def _quarantine(self) -> list[Quarantined]:
        """What could not be used, of the data and of the target."""
        of_target = self.target.records if self.target is not None else None
        return [*self._all_records.quarantine, *(of_target.quarantine if of_target else ())]

    def _manifest(self, folder: Path, files: Files, beside: list[Path]) -> dict[str, Any]:
        records, change = self._all_records, self.selection.change
        chosen = records.take(self.selection.indices)
        embedder, excluded = self.pool.embedder, dict(records.excluded)
        written = [*(file for several in files.values() for file in several), *beside]
        more: dict[str, Any] = {}
        if self.target is not None and self.target.records is not None:
            more["target"] = {
                "inputs": self.target.records.digests(),
                "records": len(self.target),
                "quarantined": len(self.target.records.quarantine),
            }
        if self.arrangement is not None:
            more["arrangement"] = self.arrangement.to_mapping()
        return {
            "instructdiv": importlib.metadata.version("instructdiv"),
            "recipe": self.recipe.model_copy(update={"output": None}).to_mapping(),
            "versions": {"python": platform.python_version()}
            | {name: importlib.metadata.version(name) for name in _PACKAGES},
            "seed": self.recipe.seed,
            "embedder": {} if embedder is None else embedder.describe(),
            "inputs": records.digests(),
            "schemas": [schema.to_mapping() for schema in self.pool.schemas],
            "mix": [str(file.relative_to(folder)) for file in files["train"]],
            "eval": [str(file.relative_to(folder)) for file in files.get("eval", ())],
            "outputs": {str(f.relative_to(folder)): sha256(f) for f in written},
            "counts": {
                "read": len(records) + len(records.quarantine) + sum(excluded.values()),
                "quarantined": len(records.quarantine),
                "selected": len(chosen),
                "dropped": len(records) - len(chosen),
                "excluded": excluded,
            },
            "sources": list(records.sources),
            "change": None if change is None else asdict(change),
            "selection": {
                "ids": [self.pool.ids[i] for i in self.selection.indices.tolist()],
                "keys": list(self.selection.keys),
                "indices": self.selection.indices.tolist(),
                "source": chosen.source_of.tolist(),
                "line": chosen.lines.tolist(),
            },
            "seconds": {stage: round(s, 3) for stage, s in self.seconds.items()},
        } | more

    def _write_dropped(self, path: Path) -> Path:
        """Every record that was not chosen, with the chosen one nearest to it."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        pool, indices = self.pool, self.selection.indices
        dropped = np.setdiff1d(np.arange(len(pool)), indices)
        columns: dict[str, Any] = {
            "index": dropped,
            "id": [str(pool.ids[i]) for i in dropped.tolist()],
            "nearest_kept_index": np.empty(0, np.int64),
            "nearest_kept_id": [],
            "similarity": np.empty(0, np.float32),
        }
        if len(dropped):
            kept = pool.space.take(np.sort(indices))
            similarity, nearest = kept.nearest(pool.space.take(dropped), 1)
            rows = np.sort(indices)[nearest[:, 0]]
            columns["nearest_kept_index"] = rows
            columns["nearest_kept_id"] = [str(pool.ids[i]) for i in rows.tolist()]
            columns["similarity"] = similarity[:, 0]
        columns["text"] = [pool.text(i) for i in dropped.tolist()]
        pq.write_table(pa.table(columns), path)
        return path


@contextmanager
def _stage(name: str, seconds: dict[str, float], progress: Progress | None) -> Iterator[None]:
    """Time a part of the run, and say when it begins and ends."""
    if progress:
        progress(name, 0, 1)
    start = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - start
    if progress:
        progress(name, 1, 1)


def curate(recipe: Recipe, data: Any = None, target: Any = None) -> Mix:
    """Read, embed and select as a recipe says.

    Parameters
    ----------
    recipe
        The whole run.
    data
        Records to use in place of those the recipe names; whatever :func:`load` reads.
    target
        Records to cover in place of those the recipe names.

    Examples
    --------
    >>> rows = [{"instruction": f"Count to {n}.", "output": "1, 2, ..."} for n in range(2, 9)]
    >>> len(curate(Recipe(budget=3, embedder="lexical"), rows).dataset)
    3
    """
    if data is None and not recipe.data and not recipe.sources:
        raise InputError("the recipe names no data")
    if data is not None and recipe.sources:
        raise InputError("the recipe has sources; give it no other data")
    found = recipe.data if data is None else data
    reading = Reading.of(recipe)
    if recipe.sources and recipe.group is None:
        reading = reading.with_options(group=SOURCE)
    aim = recipe.target or None if target is None else target
    return _curate(recipe, reading, found, aim, recipe.target_group)


def _curate(recipe: Recipe, reading: Reading, data: Any, target: Any, target_group: Values) -> Mix:
    keep = None if recipe.keep is None else earlier_selection(recipe.keep)
    seconds: dict[str, float] = {}
    with _stage("read and embed", seconds, None):  # the embedder tells its own progress
        pool, aim = _pools(recipe, reading, data, target, target_group)
    selector = recipe.selector.seeded(recipe.seed)
    budget = constrained(recipe.budget, recipe.sources, len(pool))
    with _stage("select", seconds, reading.progress):
        # A target may be there for the arranger alone.
        covered = aim if selector.covers_target or recipe.arranger is None else None
        try:
            selection = selector.select(
                pool, budget, target=covered, keep=keep, stability=recipe.stability
            )
        except BudgetError as error:
            if budget is recipe.budget:
                raise
            raise BudgetError(
                f"{error}. A share or records of a source are its floor and its cap"
            ) from error
    arrangement = None
    if recipe.arranger is not None:
        with _stage("arrange", seconds, reading.progress):
            arranger = recipe.arranger.seeded(recipe.seed)
            # Where all were chosen, the order in which they were says nothing.
            chosen = None if len(selection) == len(pool) else selection
            arrangement = arranger.arrange(pool, chosen, aim)
    return Mix(recipe, pool, selection, reading.progress, seconds, aim, arrangement)


def _pools(
    recipe: Recipe, reading: Reading, data: Any, target: Any, target_group: Values
) -> tuple[Pool, Pool | None]:
    """The pool to choose from, and the target, if there is one, in one space."""
    if target is None and target_group is not None:
        raise InputError("target_group is a column of a target; give a target too")
    if recipe.sources:
        data = read_sources(recipe.sources, strict=recipe.strict)
    if recipe.allow_license:
        whole = read(data, strict=recipe.strict, encoding=recipe.encoding)
        data = _allowed(whole, recipe.allow_license)
        left = set(data.source_names)
        for source in recipe.sources:
            if (source.share or source.records) and source.name not in left:
                raise InputError(
                    f"the source {source.name!r} has no record under a license that is allowed; "
                    "allow its license, or leave the source out"
                )
    if target is None:
        return Pool.of(data, reading), None
    own: ReadingOptions = {"group": target_group, "costs": None, "quality": None, "schema": None}
    pools = Pool.together({"data": data, "target": target}, reading, each={"target": own})
    return pools["data"], pools["target"]


def _allowed(records: Records, allow: Sequence[str]) -> Records:
    """The records under these licenses."""
    licenses = licenses_of(records)
    fine = allowed(licenses, allow)
    others = Counter(
        f"license {', '.join(own) or UNKNOWN}"
        for own, ok in zip(licenses, fine.tolist(), strict=True)
        if not ok
    )
    return replace(records.take(fine), excluded=tuple(others.most_common())).pruned()


def selection_of(path: str | Path, pool: Pool) -> Selection:
    """What was chosen of a pool: from the folder of a mix, or from a saved selection.

    Raises
    ------
    InputError
        There is neither at the path, or the mix was made from other data.
    """
    path = Path(path)
    if not path.is_dir():
        return Selection.load(path)
    selection, made_from = _read_mix(path)
    if pool.records and made_from != [found["sha256"] for found in pool.records.digests()]:
        raise InputError(f"the mix in {path} was made from other data than is given here")
    return selection


def earlier_selection(path: str | Path) -> Selection:
    """What was chosen earlier, of whatever data: from the folder of a mix, or a saved selection.

    Raises
    ------
    InputError
        There is neither at the path.
    """
    path = Path(path)
    return _read_mix(path)[0] if path.is_dir() else Selection.load(path)


def _read_mix(folder: Path) -> tuple[Selection, list[str]]:
    """The selection of a mix, and the digests of what it was made from."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        indices = np.array(manifest["selection"]["indices"], np.int64)
        keys = checked_keys(manifest["selection"].get("keys", []), len(indices))
        made_from = [found["sha256"] for found in manifest["inputs"]]
        chosen_by = dict(manifest["recipe"]["selector"])
        budget = Budget.model_validate(manifest["recipe"]["budget"])
    except (OSError, ValueError, KeyError, TypeError, BudgetError) as error:
        raise InputError(f"{folder} does not hold a mix: {error!r}") from error
    return Selection(indices, np.zeros(len(indices)), chosen_by, budget, keys), made_from


def rebalance(
    data: Any,
    budget: Budget | int,
    reading: Reading | None = None,
    *,
    selector: Selector | str | Mapping[str, Any] | None = None,
    target: Any = None,
    target_group: Values = None,
    arranger: Arranger | str | Mapping[str, Any] | None = None,
    **options: Unpack[ReadingOptions],
) -> Any:
    """Choose the records that cover the most, under a budget, before training.

    Parameters
    ----------
    data
        A ``datasets.Dataset`` or a list of mappings; the same comes back, with the same
        columns and values, in the order chosen. A path gives a ``datasets.Dataset``.
    budget
        What may be spent; a whole number counts records.
    reading
        How the data are read and embedded.
    selector
        What chooses, or its name; :func:`default_selector` if not given.
    target
        What should be covered in place of the data itself, such as the prompts of an
        evaluation: whatever :func:`instructdiv.load` reads.
    target_group
        Column of the groups of the target, or one group a row.
    arranger
        What orders the chosen records, or its name; in the order chosen if not given.
    **options
        Parameters of :class:`instructdiv.Reading`, as keywords: embedder, view, group, costs,
        quality, schema, encoding, strict, seed, progress.

    Raises
    ------
    InputError
        The data cannot be read, or no record of it can be used.
    BudgetError
        The data holds less than the budget asks for.

    Examples
    --------
    >>> from instructdiv.embedders import Lexical
    >>> rows = [{"instruction": f"Count to {n}.", "output": "1, 2, ..."} for n in range(2, 9)]
    >>> rebalance(rows, 2, embedder=Lexical())[0] in rows
    True
    """
    reading = Reading.of(reading, **options)
    recipe = Recipe.model_validate(
        reading.columns_alone()
        | {
            "budget": Budget.of(budget),
            "selector": selector or default_selector(),
            "arranger": arranger,
        }
    )
    mix = _curate(recipe, reading, data, target, target_group)
    # Of a mix the summary says it.
    if mix.target is not None and (leaks := leak_check(mix.pool, mix.target)):
        _log.warning("%s", leaks.headline)
    if is_dataset(data) and not any(schema.unfolds for schema in mix.pool.schemas):
        return data.select(mix.records.source_rows)
    rows = isinstance(data, Sequence) and not names_files(data)
    return mix.records.rows if rows else mix.dataset
