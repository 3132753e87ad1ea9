"""Refunds: money of a cancelled order goes back. The use cases load on first use (`__init__.pyi` lists them)."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
