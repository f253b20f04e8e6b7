"""WildChat and LMSYS-Chat: messages in a column of their own name."""

from instructdiv.schemas.messages import Messages


class Wildchat(Messages):
    """Column ``conversation``: a list of mappings with ``role`` and ``content``.

    Examples
    --------
    >>> said = [{"role": "user", "content": "Hi", "language": "English", "toxic": False}]
    >>> Wildchat().messages({"conversation": said, "model": "m", "turn": 1})
    [{'role': 'user', 'content': 'Hi'}]
    """

    rank = 15

    column: str = "conversation"
    """Column of the conversation."""
