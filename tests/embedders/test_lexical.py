"""The lexical embedder at the edges."""

import instructdiv as idv
from instructdiv import Space


def test_lexical_takes_texts_that_share_nothing():
    texts = [chr(0x4E00 + i) for i in range(1100)]
    assert len(Space.of(idv.Lexical().embed(texts))) == 1100
