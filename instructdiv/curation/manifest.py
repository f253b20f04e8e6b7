"""Manifest: what produced a mix, as it is written beside it and read back."""

import importlib.metadata
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instructdiv.arrangement import Arrangement
from instructdiv.budget import Budget
from instructdiv.core.files import MANIFEST
from instructdiv.curation.recipe import Recipe
from instructdiv.errors import BudgetError, InputError
from instructdiv.pool import Pool
from instructdiv.selection import Selection, checked_keys

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


def manifest_of(
    recipe: Recipe,
    pool: Pool,
    selection: Selection,
    target: Pool | None,
    arrangement: Arrangement | None,
    seconds: Mapping[str, float],
) -> dict[str, Any]:
    """What decided a mix and what was chosen, as plain JSON values."""
    records, change = pool.records, selection.change
    if records is None:
        raise InputError("a pool of vectors alone has no records to write")
    chosen = records.take(selection.indices)
    embedder, excluded = pool.embedder, dict(records.excluded)
    more: dict[str, Any] = {}
    if target is not None and target.records is not None:
        more["target"] = {
            "inputs": target.records.digests(),
            "records": len(target),
            "quarantined": len(target.records.quarantine),
        }
    if arrangement is not None:
        more["arrangement"] = arrangement.to_mapping()
    return {
        "instructdiv": importlib.metadata.version("instructdiv"),
        "recipe": recipe.model_copy(update={"output": None}).to_mapping(),
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in _PACKAGES},
        "seed": recipe.seed,
        "embedder": {} if embedder is None else embedder.describe(),
        "inputs": records.digests(),
        "schemas": [schema.to_mapping() for schema in pool.schemas],
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
            "ids": [pool.ids[i] for i in selection.indices.tolist()],
            "keys": list(selection.keys),
            "indices": selection.indices.tolist(),
            "source": chosen.source_of.tolist(),
            "line": chosen.lines.tolist(),
        },
        "seconds": {stage: round(s, 3) for stage, s in seconds.items()},
    } | more


def write_manifest(folder: Path, facts: Mapping[str, Any]) -> Path:
    """Write the manifest of a mix into its folder."""
    path = folder / MANIFEST
    text = json.dumps(facts, indent=1, ensure_ascii=False)
    # The name of a file may hold half a character, as an escape of JSON.
    path.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
    return path


def write_dropped(path: Path, pool: Pool, chosen: NDArray[np.int64]) -> Path:
    """Write every record that was not chosen, with the chosen one nearest to it, as Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kept, ids = np.sort(chosen), pool.ids
    dropped = np.setdiff1d(np.arange(len(pool)), kept)
    nearest, similarity = np.empty(0, np.int64), np.empty(0, np.float32)
    if len(dropped):
        similarities, places = pool.space.take(kept).nearest(pool.space.take(dropped), 1)
        nearest, similarity = kept[places[:, 0]], similarities[:, 0]
    columns = {
        "index": dropped,
        "id": [str(ids[i]) for i in dropped.tolist()],
        "nearest_kept_index": nearest,
        "nearest_kept_id": [str(ids[i]) for i in nearest.tolist()],
        "similarity": similarity,
        "text": [pool.text(i) for i in dropped.tolist()],
    }
    pq.write_table(pa.table(columns), path)
    return path


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
