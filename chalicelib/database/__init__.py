"""PostgreSQL: a connection kept by the execution environment, reads in autocommit, writes in one transaction.

`driver` speaks to the server in one round trip a statement, `credentials` knows how to be let in, `engine` keeps the
connection, `sqlstate` names what went wrong, `transaction` runs work against it and retries what is safe to retry.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
