"""The assistant: answers about the catalogue and the caller's own orders. The use cases load on first use
(`__init__.pyi` lists them); asking and stopping need no database."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
