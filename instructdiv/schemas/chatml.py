"""ChatML: messages in the column of ShareGPT."""

from instructdiv.schemas.messages import Messages


class Chatml(Messages):
    """Column ``conversations``: a list of mappings with ``role`` and ``content``.

    Examples
    --------
    >>> Chatml().messages({"conversations": [{"role": "user", "content": "Hi"}]})
    [{'role': 'user', 'content': 'Hi'}]
    """

    rank = 13

    column: str = "conversations"
    """Column of the conversation."""
