"""Wording: numbers, texts and tables as results write them."""

import html
from collections.abc import Iterable, Sequence
from typing import Any


def start_of(text: str, longest: int = 100) -> str:
    """Start of a text on one line, at most `longest` characters."""
    line = printable(text[: 4 * longest])
    return line if len(line) <= longest else line[: longest - 1] + "\u2026"


def printable(text: str) -> str:
    """A text on one line without characters that could steer a terminal or break a table."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def sentence(said: str) -> str:
    """Words as a sentence: the first letter large, and a full stop."""
    return f"{said[:1].upper()}{said[1:]}."


def counted(n: int, noun: str) -> str:
    """A number of things.

    Examples
    --------
    >>> counted(1, "record"), counted(1200, "record")
    ('1 record', '1,200 records')
    """
    return f"{n:,} {noun}{'s' * (n != 1)}"


def encodable(value: Any) -> Any:
    """What JSON is made of, with a ? for each half of a character, which no file can hold."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, list):
        return [encodable(one) for one in value]
    if isinstance(value, dict):
        return {encodable(key): encodable(one) for key, one in value.items()}
    return value


def number(value: float) -> str:
    """A number with as many digits as can be read."""
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:.3f}"


def escaped(text: str) -> str:
    """A text that is no HTML, no border of a table and no image in Markdown."""
    written = html.escape(text, quote=False)
    for mark in ("\\", "|", "!["):
        written = written.replace(mark, f"\\{mark}")
    return written


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(escaped, line)) + " |" for line in lines)
