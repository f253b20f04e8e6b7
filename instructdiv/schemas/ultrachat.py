"""UltraChat: a conversation as texts that alternate, under another name."""

from instructdiv.schemas.lima import Lima


class Ultrachat(Lima):
    """Column ``data``: a list of texts, of the user and the assistant in turn.

    Examples
    --------
    >>> Ultrachat().messages({"id": "7", "data": ["Hi", "Hello"]})[1]
    {'role': 'assistant', 'content': 'Hello'}
    """

    rank = 16

    column: str = "data"
    """Column of the conversation."""
