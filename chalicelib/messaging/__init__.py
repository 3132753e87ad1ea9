"""Messages between the parts of the system: stored with the change they tell of, sent after it, taken once.

`envelope` is what a message looks like, `outbox` stores it in the transaction of the change, `relay` takes it from
there to its destination, `consumer` works through what a queue delivers, `inbox` remembers what has been done,
`delivery` is for effects that no transaction holds, `redrive` looks after what ended as a dead letter.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
