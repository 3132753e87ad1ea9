"""PostgreSQL's error codes, by what can be done about them.

pg8000 raises one class for nearly everything, so errors are told apart by SQLSTATE.
Codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from __future__ import annotations

from chalicelib.errors import Conflict, Invalid, MarketplaceError, Unavailable

UNIQUE_VIOLATION = "23505"
BAD_CREDENTIALS = frozenset({"28P01", "28000"})

_TRY_AGAIN = frozenset({"40001", "40P01"})
_GONE = frozenset({"57P01", "57P02", "57P03", "57P05"})
_BUSY = frozenset({"53300", "53400", "55P03", "57014", "25P03"})
_CONFLICTS = frozenset({"23503", UNIQUE_VIOLATION, "23P01"})
_INVALID = frozenset({"23502", "23514", "22001", "22003", "22007", "22008", "22021", "22P02", "22P05", "22P03"})


def of(error: BaseException | None) -> str:
    """The SQLSTATE that the server gave, or `""` when it gave none (the connection broke)."""
    return _field(error, "C")


def constraint(error: BaseException | None) -> str:
    """The name of the constraint that was violated, or `""`."""
    return _field(error, "n")


def message(error: BaseException | None) -> str:
    """The server's own sentence, or `""`. It can quote values: not for callers."""
    return _field(error, "M")


def is_disconnect(error: BaseException) -> bool:
    """Whether the connection is of no more use: the server is going away or never answered."""
    code = of(error)
    return not code or code.startswith("08") or code in _GONE


def is_serialization_failure(error: BaseException | None) -> bool:
    """Whether the transaction lost against another (deadlock, serialization) and may simply run again."""
    return of(error) in _TRY_AGAIN


def translated(error: BaseException | None) -> MarketplaceError | None:
    """What a caller can be told about the database's error, or None when it is a defect of ours."""
    code = of(error)
    if not code or code in _GONE | _BUSY | _TRY_AGAIN | BAD_CREDENTIALS or code.startswith(("08", "53")):
        return Unavailable("The database is not available right now.", retry_after=1)
    if code in _CONFLICTS:
        return Conflict("This conflicts with something that exists already or is still in use.")
    if code in _INVALID:
        return Invalid("A value is outside of what can be stored.")
    return None


def _field(error: BaseException | None, name: str) -> str:
    """A field of the server's ErrorResponse, which pg8000 passes on as a dictionary."""
    fields = getattr(error, "args", ())
    return str(fields[0].get(name, "")) if fields and isinstance(fields[0], dict) else ""
