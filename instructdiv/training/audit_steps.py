"""Audit steps: the records of each update of the weights, as JSON lines and back."""

import json
import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from pathlib import Path

from instructdiv.errors import InputError


@dataclass(frozen=True)
class Step:
    """The records that one update of the weights was made from."""

    step: int
    """Number of the update, from 1: the trainer's ``global_step`` after it."""

    epoch: int
    """Number of the epoch, from 0."""

    ids: tuple[Hashable, ...]
    """Id of each record, in order; None for an unknown record."""

    lengths: tuple[int, ...] = ()
    """Tokens of each record, 0 where unknown."""

    def line(self) -> str:
        """The step as a line of JSON, without the lengths."""
        line = {"step": self.step, "epoch": self.epoch, "ids": self.ids}
        return json.dumps(line, ensure_ascii=False) + "\n"


def check_written(ids: Iterable[Hashable]) -> None:
    """Raise unless JSON gives these ids back as they are.

    Raises
    ------
    InputError
        An id is no string, finite number or boolean.
    """
    for id_ in ids:
        if not isinstance(id_, str | int | float) or (
            isinstance(id_, float) and not math.isfinite(id_)
        ):
            raise InputError(
                f"the id {id_!r} cannot be written and read again; give the audit ids that are "
                "strings, numbers or booleans"
            )


def read_steps(path: str | Path) -> list[Step]:
    """Read the steps of a file; an unfinished last line, as of a killed process, is left out.

    Raises
    ------
    InputError
        The file cannot be read, or a line holds no step; it is named.
    """
    try:
        *lines, last = Path(path).read_bytes().split(b"\n")
    except OSError as error:
        raise InputError(f"{path} holds no steps of an audit: {error!r}") from error
    try:
        json.loads(last)
    except ValueError:  # empty, or cut off
        pass
    else:
        lines.append(last)
    return [_step(line, f"{path}, line {number}") for number, line in enumerate(lines, 1)]


def _step(line: bytes, place: str) -> Step:
    try:
        found = json.loads(line)
        step, epoch, ids = found["step"], found["epoch"], found["ids"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{place} is no step of an audit: {error!r}") from error
    if type(step) is not int or type(epoch) is not int or step < 1 or epoch < 0:
        raise InputError(f"{place} has no step from 1, or no epoch from 0: {step!r}, {epoch!r}")
    if not isinstance(ids, list) or any(isinstance(id_, list | dict) for id_ in ids):
        raise InputError(f"{place} has ids that are no list of strings, numbers or booleans")
    return Step(step, epoch, tuple(ids))
