"""Who may sign up: everybody with an e-mail address that is theirs to keep."""

from __future__ import annotations

import unicodedata

import idna
from disposable_email_domains import blocklist

from chalicelib.errors import Invalid

MAX_LENGTH = 320


class EmailNotAccepted(Invalid):
    """The address is malformed or belongs to a service for throw-away addresses."""


def check_email(email: object) -> None:
    """Raises `EmailNotAccepted` unless `email` is an address outside of every known disposable domain.

    A domain counts as disposable however it is written: in capitals, full-width or with another dot, in Unicode or
    punycode, with a trailing dot, or as a subdomain.
    """
    if not isinstance(email, str) or len(email) > MAX_LENGTH:
        raise EmailNotAccepted("This is not an e-mail address.")
    text = unicodedata.normalize("NFKC", email)
    local, at, domain = text.rpartition("@")
    if not (local and at) or "@" in local or any(not character.isprintable() or character == " " for character in text):
        raise EmailNotAccepted("This is not an e-mail address.")
    if is_disposable(domain):
        raise EmailNotAccepted("Please sign up with an address that you will keep.")


def is_disposable(domain: str) -> bool:
    """Whether `domain` or a domain above it is on the list of disposable ones. Raises `EmailNotAccepted`."""
    labels = _ascii(domain).split(".")
    return any(".".join(labels[start:]) in blocklist for start in range(len(labels)))


def _ascii(domain: str) -> str:
    try:
        encoded = idna.encode(domain.rstrip("."), uts46=True, std3_rules=True).decode().rstrip(".")
    except idna.IDNAError:
        raise EmailNotAccepted("This is not an e-mail address.") from None
    if "." not in encoded:
        raise EmailNotAccepted("This is not an e-mail address.")
    return encoded.lower()
