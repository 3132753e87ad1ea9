"""WebSocket connections: admitted by a ticket, known by their person, reached from any function.

`tickets` lets a signed-in person connect once, `connections` remembers who is connected, `sockets` sends frames to
them, `messages` takes what they send, `sweep` removes connections whose end nobody told.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
