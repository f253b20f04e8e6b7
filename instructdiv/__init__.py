"""instructdiv: what instruction data covers, and which records to train on under a budget.

The public names are listed in ``__init__.pyi`` and imported when they are first used.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
