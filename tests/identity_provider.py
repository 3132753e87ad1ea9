"""A user pool's token service: signs tokens, and publishes its keys on a real HTTP server."""

from __future__ import annotations

import json
import threading
import time
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from tests.people import Person

CLIENT_ID = "3n4b5urk1ft4fl3mg5e62d9ado"
POOL_ID = "eu-central-1_MarketTst"
KEY_ID = "abcdefghijklmnopqrsexample="


@lru_cache
def rsa_key(name: str) -> RSAPrivateKey:
    """A key pair, the same for the same name within a run."""
    return generate_private_key(65537, 2048)


class IdentityProvider:
    """Issues tokens as Cognito does. `fetches` counts how often its keys were asked for.

    For an outage, `answer_with` returns another status and body, and more `promised_bytes` than it sends.
    """

    def __init__(self) -> None:
        self.key = rsa_key("ours")
        self.fetches = 0
        self.answer_with = self._key_set
        self.promised_bytes = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def issuer(self) -> str:
        """The `iss` of its tokens."""
        return f"https://cognito-idp.eu-central-1.amazonaws.com/{POOL_ID}"

    @property
    def jwks_url(self) -> str:
        """Where it publishes its keys."""
        return f"http://127.0.0.1:{self._server.server_port}/{POOL_ID}/.well-known/jwks.json"

    @property
    def settings(self) -> dict[str, str]:
        """The variables of a function that trusts it."""
        return {
            "USER_POOL_ID": POOL_ID,
            "USER_POOL_CLIENT_ID": CLIENT_ID,
            "TOKEN_ISSUER": self.issuer,
            "JWKS_URL": self.jwks_url,
        }

    def claims(self, person: Person, **changes: Any) -> dict[str, Any]:
        """The claims of an access token; a change to None leaves the claim out."""
        now = int(time.time())
        claims = {
            "sub": str(person.id),
            "username": str(person.id),
            "iss": self.issuer,
            "client_id": CLIENT_ID,
            "token_use": "access",
            "scope": "aws.cognito.signin.user.admin",
            "cognito:groups": list(person.groups),
            "auth_time": now,
            "iat": now,
            "exp": now + 3600,
            "jti": str(uuid4()),
        }
        return {name: value for name, value in (claims | changes).items() if value is not None}

    def token(self, person: Person, **changes: Any) -> str:
        """A signed access token of `person`."""
        return self.sign(self.claims(person, **changes))

    def id_token(self, person: Person) -> str:
        """A signed ID token of `person`: it has `aud` instead of `client_id`."""
        return self.token(person, token_use="id", client_id=None, aud=CLIENT_ID, email=person.email)

    def sign(self, claims: dict[str, Any], *, headers: dict[str, Any] | None = None) -> str:
        """`claims` as a token, signed with the pool's key, however little sense they make."""
        payload = json.dumps(claims).encode()
        return jwt.PyJWS().encode(payload, self.key, algorithm="RS256", headers={"kid": KEY_ID} | (headers or {}))

    def verified(self, token: str) -> dict[str, Any]:
        """The claims of `token` as a JWT authorizer verifies them: signature, lifetime, issuer, and client.

        Raises `jwt.PyJWTError`.
        """
        claims = jwt.decode(token, self.key.public_key(), ["RS256"], issuer=self.issuer, options={"verify_aud": False})
        return dict(claims)

    def stop(self) -> None:
        """Closes its HTTP server."""
        self._server.shutdown()
        self._server.server_close()

    def _key_set(self) -> tuple[int, bytes]:
        public = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return 200, json.dumps({"keys": [public | {"kid": KEY_ID, "use": "sig", "alg": "RS256"}]}).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.fetches += 1
                status, body = provider.answer_with()
                self.send_response(status)
                self.send_header("Content-Length", str(max(len(body), provider.promised_bytes)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler
