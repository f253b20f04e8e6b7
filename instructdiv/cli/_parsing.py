"""What is written on a command line, as the library takes it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from instructdiv.errors import BudgetError, OutputError, UsageError

if TYPE_CHECKING:
    from instructdiv.budget import Budget


def parts_of(names: str, family: Any) -> Any:
    """Parts of a family between commas, each a name or a JSON mapping; or all."""
    if names.strip() == "all":
        return "all"
    found: list[Any] = []
    rest = names.strip()
    while rest:
        part: Any
        if rest.startswith("{"):
            try:
                part, end = json.JSONDecoder().raw_decode(rest)
            except json.JSONDecodeError as error:
                raise UsageError(f"{rest!r} is not JSON: {error}") from None
            after = rest[end:].lstrip()
            if after[:1] not in ("", ","):
                raise UsageError(
                    f"{family.family}s stand between commas, got {after!r} after a mapping"
                )
            rest = after[1:].lstrip()
        else:
            part, _, rest = (piece.strip() for piece in rest.partition(","))
        found.append(family.of(part))
    return found


def budget_of(number: str, unit: str, **more: Any) -> "Budget":
    """A budget of so many records or tokens, or of a share of the records."""
    from instructdiv.budget import Budget

    try:
        amount = float(number) if unit == "share" else int(number.replace("_", ""))
    except ValueError:
        kind = "a number above 0, at most 1" if unit == "share" else "a whole number above 0"
        raise BudgetError(f"a budget of {unit} is {kind}, got {number!r}") from None
    return Budget.model_validate({unit: amount} | more)


def shares_of(pairs: list[str], option: str) -> dict[str, float]:
    """Shares by the name of their group, each given as GROUP=SHARE."""
    shares: dict[str, float] = {}
    for pair in pairs:
        group, _, share = pair.rpartition("=")  # a name may hold an equals sign
        if group in shares:
            raise UsageError(f"{option} is given twice for {group!r}; give it once")
        try:
            shares[group] = float(share)
        except ValueError:
            group = ""
        if not group:
            raise UsageError(f"{option} takes GROUP=SHARE, as in code=0.1, got {pair!r}")
    return shares


def files_by_name(given: list[str], option: str) -> dict[str, str]:
    """Files by name, each given as NAME=FILE, or as a file that is its own name."""
    named: dict[str, str] = {}
    for one in given:
        name, equals, path = one.partition("=")
        if not equals or Path(one).exists():
            name, path = one, one
        if not name or not path:
            raise UsageError(f"{option} takes NAME=FILE or a file, got {one!r}")
        if name in named:
            raise UsageError(f"{option} has the name {name!r} twice; give each another")
        named[name] = path
    return named


def check_file(path: Path | None, called: str, *endings: str) -> None:
    """Raise, before the work, if a file cannot be written there or has another ending."""
    if path is None:
        return
    if path.suffix.lower() not in endings:
        *most, last = endings
        forms = f"{', '.join(most)} or {last}" if most else last
        raise UsageError(f"a {called} is written as {forms}, not as {str(path)!r}")
    if path.is_dir():
        raise OutputError(f"{path} is a folder; give a file")
    above = next(parent for parent in path.absolute().parents if parent.exists())
    if not above.is_dir():
        raise OutputError(f"cannot write {path}: {above} is a file")


def number_of_records(data: list[str]) -> int | None:
    """The number of records that stands in place of data, if one does."""
    digits = data[0].replace("_", "")
    return int(digits) if len(data) == 1 and digits.isdecimal() else None


def of_data(keys: dict[str, Any]) -> Any:
    """Take from the keys what is true of the data alone: a target has its own layout."""
    return {name: keys.pop(name) for name in ("quality", "costs", "schema") if name in keys}
