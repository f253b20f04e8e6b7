"""Normalize: one form for texts that differ in case, space and punctuation only."""

import re
import unicodedata


def normalize(text: str) -> str:
    """Normalize a text: case, white space, forms of letters, and punctuation around words.

    Punctuation within words, operators, signs and brackets stay: `3 * 4` is not `3 - 4`.

    Examples
    --------
    >>> normalize("  Count   to\u00a0TEN! "), normalize("3 * 4")
    ('count to ten', '3 * 4')
    """
    composed = unicodedata.normalize("NFKC", text.translate(_PLAIN))
    folded = unicodedata.normalize("NFKC", composed.casefold())
    return " ".join(_AROUND_WORDS.sub("", folded).split())


class _Plain(dict[int, str | None]):
    """Table for `str.translate`: one form of space, quote and dash; invisible characters go."""

    def __missing__(self, character: int) -> str | None:
        self[character] = self._of(chr(character))
        return self[character]

    @staticmethod
    def _of(character: str) -> str | None:
        category = unicodedata.category(character)
        if category == "Cf":
            return None
        if category[0] in "CZ":
            return " "
        if category == "Pd" or character == "\u2212":  # the sign of minus
            return "-"
        if category in ("Pi", "Pf") or character in _LOW_QUOTES:
            return "'" if character in _SINGLE_QUOTES else '"'
        # Folding the forms of letters would make 5² of 52.
        raised = unicodedata.decomposition(character).startswith("<super>")
        return f"^{character}" if raised else character


_LOW_QUOTES = "\u201a\u201e"
_SINGLE_QUOTES = "\u2018\u2019\u201a\u201b\u2039\u203a"
_QUOTES = "\"'\u300c\u300d\u300e\u300f"
# Beside the Latin ones the Spanish, Chinese, Arabic, Urdu and Hindi; the wide ones are folded.
_STOPS = ".,;:!?\xbf\xa1\u3002\u3001\u061f\u060c\u061b\u06d4\u0964\u0965"
_MARKS = f"[{_QUOTES}{_STOPS}]"
# At the end of a word, or alone; at its beginning, where `.5` and `!=` are no punctuation.
_AROUND_WORDS = re.compile(
    rf"(?<!{_MARKS}){_MARKS}+(?!\S)|(?<!\S)[{_QUOTES}]*(?:(?!\.\d){_MARKS}+(?=\w))?"
)
_PLAIN = _Plain()
