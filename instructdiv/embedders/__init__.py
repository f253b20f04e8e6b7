"""Embedders: turn texts into vectors, one file each."""

from instructdiv.embedders._base import Embedder, Progress
from instructdiv.embedders.lexical import Lexical
from instructdiv.embedders.precomputed import Precomputed
from instructdiv.embedders.sentence_transformer import SentenceTransformer

__all__ = ["Embedder", "Lexical", "Precomputed", "Progress", "SentenceTransformer"]
