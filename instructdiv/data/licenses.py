"""Licenses: of each record, and which records a list of licenses allows."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instructdiv.data.records import Records
from instructdiv.errors import InputError

UNKNOWN = "unknown"
"""License of a record that states none."""

_COLUMNS = ("license", "licence", "licenses", "Instance License")
_SAYS_NOTHING = ("", "none", "n-a", "unknown", "other")


def license_id(name: str) -> str:
    """License identifier in the form of the Hub: small letters, digits, dots and dashes.

    Examples
    --------
    >>> license_id("CC BY-SA 4.0"), license_id("Apache 2.0"), license_id("The MIT License")
    ('cc-by-sa-4.0', 'apache-2.0', 'mit')
    """
    plain = re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-.")
    plain = re.sub(r"^(the-)?(.+?)-licen[sc]e(-version)?(-(?=\d)|$)", r"\2\4", plain)
    return re.sub(r"^apache-v?(\d)(\.0)?$", r"apache-\1.0", plain)


def licenses_of(records: Records) -> list[tuple[str, ...]]:
    """Licenses of each record, by a column of its own or else that of its source.

    Columns ``license``, ``licence``, ``licenses`` and ``Instance License`` hold a text, or a
    list of texts. A record that states no license, like its source, has none.
    """
    of_source = [tuple(_names(one)) for one in records.licenses]
    of_source += [()] * (len(records.sources) - len(of_source))
    known = [column for column in _COLUMNS if column in records.columns]
    found = []
    for row, source in zip(records.rows, records.source_of.tolist(), strict=True):
        own = [name for column in known for name in _names(row.get(column))]
        found.append(tuple(dict.fromkeys(own)) or of_source[source])
    return found


def allowed(licenses: Sequence[tuple[str, ...]], allow: Iterable[str]) -> NDArray[np.bool_]:
    """Whether each record states licenses that are all on a list, (n,) bool.

    Raises
    ------
    InputError
        No record is allowed; the licenses of the records are listed.

    Examples
    --------
    >>> allowed([("mit",), ("cc-by-nc-4.0",), ()], ["MIT"]).tolist()
    [True, False, False]
    """
    named = {license_id(name) for name in allow}
    fine = np.array([bool(own) and named.issuperset(own) for own in licenses], np.bool_)
    if not fine.any():
        there = Counter(name for own in licenses for name in own or (UNKNOWN,))
        told = ", ".join(f"{name} ({n:,})" for name, n in there.most_common(20))
        raise InputError(
            f"no record is under {', '.join(sorted(named)) or '(no license)'}; found: {told}. "
            "A license is stated in a column license, or for a source in a recipe"
        )
    return fine


def _names(value: Any) -> list[str]:
    values = value if isinstance(value, list | tuple) else [value]
    names = [license_id(one) for one in values if isinstance(one, str)]
    return [name for name in names if name not in _SAYS_NOTHING]
