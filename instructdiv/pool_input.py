"""What may be given where a pool is needed: a pool, vectors, or data that are then read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from instructdiv.core.space import Space
from instructdiv.data.reading import Reading, ReadingOptions
from instructdiv.data.records import Records
from instructdiv.errors import ParameterError, ShapeError
from instructdiv.pool import Pool

Vectors: TypeAlias = Pool | Space | ArrayLike
"""Records: a pool, a space, or vectors (n, d)."""

Target: TypeAlias = Vectors | Mapping[str, Vectors]
"""What should be covered: a pool, vectors, or several of them by name."""


def as_pool(data: Any, reading: Reading | None = None) -> Pool:
    """A pool as it is, vectors as a pool of vectors alone, or data that are read and embedded."""
    return as_pools({"data": data}, reading)["data"]


def as_pools(
    sets: Mapping[str, Any],
    reading: Reading | None = None,
    each: Mapping[str, ReadingOptions] | None = None,
) -> dict[str, Pool]:
    """Pools by name: pools and vectors as they are, or data sets read and embedded in one call.

    Raises
    ------
    ShapeError
        Some are pools or vectors, and others are not.
    ParameterError
        Pools are given, and how they are to be read too.
    """
    ready = [name for name, one in sets.items() if isinstance(one, Pool) or are_vectors(one)]
    if not ready:
        return Pool.together(sets, reading, each=each)
    if len(ready) < len(sets):
        other = next(name for name in sets if name not in ready)
        raise ShapeError(
            f"some are pools, but {other!r} is not; read and embed all of them in one call, with "
            "Pool.together"
        )
    unused = set() if reading is None else reading.model_fields_set - {"seed", "progress", "strict"}
    if unused:
        raise ParameterError(
            f"{', '.join(sorted(unused))}: a pool is read already; give what it was made of, or "
            "these to Pool.of"
        )
    return {
        name: one if isinstance(one, Pool) else Pool.from_embeddings(one)
        for name, one in sets.items()
    }


def read_together(reading: Reading, data: Any, **others: Any) -> list[Any]:
    """The pool of some data, then each of the others, or several by name, as pools that fit it.

    Pools and vectors are taken as they are; data are read and embedded in one call. Layout and
    values for single rows are those of the data: the others have their own.
    """
    if isinstance(data, Pool) or are_vectors(data):
        return [as_pool(data, reading), *others.values()]
    named = {
        role: {
            name: f"{role} {name}" if name else role
            for name, one in (other.items() if isinstance(other, Mapping) else [("", other)])
            if one is not None
        }
        for role, other in others.items()
    }
    sets = {"data": data}
    for role, keys in named.items():
        for name, key in keys.items():
            sets[key] = others[role][name] if isinstance(others[role], Mapping) else others[role]
    of_the_data = [
        name
        for name in ("group", "costs", "quality")
        if not isinstance(getattr(reading, name), str | None)
    ]
    own: Any = dict.fromkeys([*of_the_data, "schema"])
    pools = as_pools(sets, reading, each={key: own for key in sets if key != "data"})
    found: list[Any] = [pools["data"]]
    for role, keys in named.items():
        if isinstance(others[role], Mapping):
            found.append({name: pools[key] for name, key in keys.items()})
        else:
            found.append(pools.get(role))
    return found


def check_pool(given: Any) -> None:
    """Raise unless a pool is given.

    Raises
    ------
    ShapeError
        It is something that a pool can be made of, or something else.
    """
    if not isinstance(given, Pool):
        raise ShapeError(
            f"a pool is needed, got {type(given).__name__}; make one with Pool.of(data, "
            "embedder=...), or of vectors with Pool.from_embeddings"
        )


def pool_or_vectors(given: "Vectors") -> Pool:
    """A pool as it is, or vectors as a pool of vectors alone.

    Raises
    ------
    ShapeError
        It is data that a pool can be made of, or something else.
    """
    if not are_vectors(given):
        check_pool(given)
    return as_pool(given)


def are_vectors(data: Any) -> bool:
    """Whether data are vectors, and not records."""
    if isinstance(data, list | tuple):
        return bool(data) and not any(isinstance(one, Mapping | str | Path) for one in data)
    return isinstance(data, Space) or hasattr(data, "__array__")


def as_target(given: "Target") -> Pool:
    """A target in any of its forms as one pool; the names of several are its groups.

    Raises
    ------
    ShapeError
        There is no record in it, or what several hold cannot be compared.
    """
    named = given if isinstance(given, Mapping) else {"": given}
    pools = {str(name): _some(one, str(name)) for name, one in named.items()}
    if len(pools) < len(named):
        raise ShapeError(f"two targets have the same name: {', '.join(map(str, named))}")
    if not pools:
        raise ShapeError("the target has no record; give at least one")
    if not isinstance(given, Mapping):
        return pools[""]
    return Pool.joined(pools)


def _some(given: Vectors, name: str) -> Pool:
    rows = isinstance(given, list | tuple) and any(isinstance(one, Mapping) for one in given)
    if isinstance(given, str | Path | Records) or rows:
        raise ShapeError(
            "a target is a pool or vectors; embed its records with the others, with Pool.together"
        )
    empty = not len(given) if isinstance(given, Pool | Space) else not np.size(given)
    if empty:
        called = f"the target {name!r}" if name else "the target"
        raise ShapeError(f"{called} has no record; give at least one")
    return as_pool(given)
