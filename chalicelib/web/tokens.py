"""Verification of Cognito access tokens where no gateway has done it (RFC 8725).

The admin authorizer verifies tokens itself, and so do routes that anyone may call but that know a signed-in caller.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any

import jwt

from chalicelib import config
from chalicelib.errors import Unauthenticated, Unavailable
from chalicelib.observability import logger

REFETCH_SECONDS = 60
FRESH_SECONDS = 2 * 3600
LAST_GOOD_SECONDS = 24 * 3600
LEEWAY_SECONDS = 30
LONGEST_LIFE_SECONDS = 24 * 3600
"""Cognito issues no access token for longer than a day."""
MAX_LENGTH = 8192


def verify(token: str) -> dict[str, Any]:
    """The claims of an access token of our user pool and client.

    Raises `Unauthenticated` for every other token and `Unavailable` when the pool's keys cannot be had.
    """
    settings = config.current()
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key=_keys().key_for(token),
            algorithms=["RS256"],
            issuer=settings.token_issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iat", "iss", "sub"], "verify_aud": False, "strict_aud": False},
        )
    except (jwt.PyJWTError, ValueError, OverflowError, RecursionError):
        raise Unauthenticated("The access token is not valid.") from None
    if not _has_sound_lifetime(claims):
        raise Unauthenticated("The access token is not valid.")
    check(claims)
    return claims


def check(claims: dict[str, Any]) -> None:
    """Raises `Unauthenticated` unless the verified `claims` are those of an access token made for our client.

    Signature and expiry do not say so, and API Gateway's JWT authorizer lets ID tokens through.
    """
    client = config.current().user_pool_client_id
    if claims.get("token_use") != "access" or not client or claims.get("client_id") != client:
        raise Unauthenticated("Send an access token that was issued for this application.")


class PublicKeys:
    """The user pool's signing keys.

    They are fetched when an unknown one is named and when they are older than `FRESH_SECONDS`, but at most once in
    `REFETCH_SECONDS`. When that fails, the last good ones go on for `LAST_GOOD_SECONDS`.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched = self._tried = float("-inf")

    def key_for(self, token: str) -> jwt.PyJWK:
        """The key that `token` names. Raises `jwt.PyJWTError` when the pool has none of that name."""
        if len(token) > MAX_LENGTH:
            raise jwt.DecodeError("too long")
        name = jwt.get_unverified_header(token).get("kid")
        now = time.monotonic()
        is_due = name not in self._keys or now - self._fetched > FRESH_SECONDS
        if is_due and now - self._tried >= REFETCH_SECONDS:
            self._fetch(now)
        if now - self._fetched > LAST_GOOD_SECONDS:
            raise Unavailable("Sign-in keys cannot be read right now.", retry_after=5)
        if name not in self._keys:
            raise jwt.InvalidKeyError("unknown key")
        return self._keys[name]

    def _fetch(self, now: float) -> None:
        self._tried = now
        try:
            found = jwt.PyJWKClient(self._url, cache_jwk_set=False, timeout=3).get_signing_keys()
        except (jwt.PyJWTError, OSError, ValueError) as error:
            logger.warning("signing keys not fetched", extra={"reason": type(error).__name__})
            if not self._keys:
                self._tried = float("-inf")
            return
        self._keys = {str(key.key_id): key for key in found}
        self._fetched = now


def _has_sound_lifetime(claims: dict[str, Any]) -> bool:
    """Whether the times are integers, as Cognito writes them, and not further apart than its longest token lasts."""
    issued, expires = claims["iat"], claims["exp"]
    return type(issued) is int and type(expires) is int and expires - issued <= LONGEST_LIFE_SECONDS


@lru_cache(maxsize=1)
def _keys() -> PublicKeys:
    return PublicKeys(config.current().jwks_url)
