"""Tokens that nobody may get in with, made from a genuine one and from the user pool's own keys."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import jwt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.integration.actors import Actor
from tests.integration.canaries import CANARY
from tests.stack import PASSWORD

if TYPE_CHECKING:
    from tests.stack import Stack

DAY = 24 * 3600


@dataclass(frozen=True)
class Forgery:
    """An Authorization header; None is no header at all."""

    name: str
    header: str | None

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a request that tries it."""
        return {} if self.header is None else {"Authorization": self.header}


class Forger:
    """Makes false tokens of a person who has a genuine one."""

    def __init__(self, stack: Stack, person: Actor) -> None:
        self._stack = stack
        self.token = person.token
        self.header, self.claims = header_of(person.token), claims_of(person.token)
        keys = stack.home.folder / "emulator" / "state" / "cognito-pool-keys"
        key = serialization.load_pem_private_key((keys / f"{stack.pool_id}-access.pem").read_bytes(), password=None)
        assert isinstance(key, rsa.RSAPrivateKey)
        self._pool_key = key

    def signed_by_the_pool(self, changes: dict[str, Any], header: dict[str, Any] | None = None) -> str:
        """A token with the pool's own signature; a claim that is changed to None is left out."""
        claims = {name: value for name, value in (self.claims | changes).items() if value is not None}
        unsigned = segments(self.header | (header or {}), claims)
        signature = self._pool_key.sign(unsigned.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{unsigned}.{encoded(signature)}"

    def all(self) -> list[Forgery]:
        """Every forgery."""
        with self._strangers() as strangers:
            tokens = {
                **self._broken(), **self._unsigned(), **self._symmetric(), **self._foreign(), **self._tampered(),
                **self._misissued(), **strangers,
            }  # fmt: skip
        forged = [Forgery(name, f"Bearer {token}") for name, token in tokens.items()]
        return [*self._headers(), *forged]

    def _headers(self) -> list[Forgery]:
        basic = base64.b64encode(b"admin:admin").decode()
        return [
            Forgery("no header", None),
            Forgery("empty header", ""),
            Forgery("scheme alone", "Bearer"),
            Forgery("basic scheme", f"Basic {basic}"),
            Forgery("unknown scheme", f"Token {self.token}"),
            Forgery("genuine token as digest", f"Digest {self.token}"),
            Forgery("two tokens", f"Bearer {self.token}, Bearer {self.token}"),
        ]

    def _broken(self) -> dict[str, str]:
        head, payload, signature = self.token.split(".")
        return {
            "garbage": "garbage",
            "dots": "..",
            "text in three parts": "a.b.c",
            "two parts": f"{head}.{payload}",
            "no signature": f"{head}.{payload}.",
            "four parts": f"{self.token}.{signature}",
            "half of it": self.token[: len(self.token) // 2],
            "shorter signature": self.token[:-8],
            "header is no JSON": f"{encoded(b'alg')}.{payload}.{signature}",
            "payload is no JSON": f"{head}.{encoded(b'sub')}.{signature}",
            "payload is a list": f"{head}.{encoded(b'[]')}.{signature}",
            "very long": f"{head}.{payload}{'A' * 6000}.{signature}",
            "script": "<script>alert(1)</script>",
        }

    def _unsigned(self) -> dict[str, str]:
        signature = self.token.rpartition(".")[2]
        found: dict[str, str] = {}
        for name in ("none", "None", "NONE", "nOnE", ""):
            unsigned = segments(self.header | {"alg": name}, self.claims)
            found |= {f"alg {name!r} unsigned": f"{unsigned}.", f"alg {name!r} signed": f"{unsigned}.{signature}"}
        unsigned = segments({name: value for name, value in self.header.items() if name != "alg"}, self.claims)
        return found | {"no alg": f"{unsigned}.{signature}"}

    def _symmetric(self) -> dict[str, str]:
        """The public key, which everybody knows, as the secret of a symmetric signature."""
        public = self._pool_key.public_key()
        secrets = {
            "PEM": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            "PKCS1": public.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
            "DER": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            "JWK": json.dumps(self._jwk).encode(),
            "modulus": self._jwk["n"].encode(),
            "empty": b"",
        }
        found = {}
        for algorithm, digest in (("HS256", "sha256"), ("HS512", "sha512")):
            unsigned = segments(self.header | {"alg": algorithm}, self.claims)
            for name, secret in secrets.items():
                signature = hmac.new(secret, unsigned.encode(), digest).digest()
                found[f"{algorithm} with the public key as {name}"] = f"{unsigned}.{encoded(signature)}"
        return found

    def _foreign(self) -> dict[str, str]:
        """Signatures with a key that is not the pool's, however the header recommends it."""
        mine = rsa.generate_private_key(65537, 2048)
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(mine.public_key())) | {"kid": "mine"}
        kid = self.header["kid"]
        url = f"{self._stack.emulator}/{self._stack.pool_id}/.well-known/jwks.json"
        headers: dict[str, dict[str, Any]] = {
            "of the right name": {"kid": kid},
            "of an unknown name": {"kid": "mine"},
            "in the header": {"kid": "mine", "jwk": public},
            "in the header under the right name": {"kid": kid, "jwk": public},
            "by URL": {"kid": kid, "jku": "http://127.0.0.1:9/jwks.json"},
            "by certificate": {"kid": kid, "x5u": url, "x5c": [encoded(b"certificate")]},
            "of a path": {"kid": "../../../../dev/null"},
            "of SQL": {"kid": "' UNION SELECT 'secret' --"},
            "of a long name": {"kid": "k" * 4000},
            "marked critical": {"kid": kid, "crit": ["exp"]},
        }
        found = {
            f"RS256 with a key {name}": jwt.encode(self.claims, mine, "RS256", headers=header)
            for name, header in headers.items()
        }
        unnamed: dict[str, dict[str, Any]] = {
            "missing": {}, "a number": {"kid": 1}, "a list": {"kid": [kid]}, "an object": {"kid": {"a": 1}}
        }  # fmt: skip
        for name, named in unnamed.items():
            unsigned = segments({"alg": "RS256", **named}, self.claims)
            signature = mine.sign(unsigned.encode(), padding.PKCS1v15(), hashes.SHA256())
            found[f"RS256 with a key whose name is {name}"] = f"{unsigned}.{encoded(signature)}"
        curve = ec.generate_private_key(ec.SECP256R1())
        found["ES256 under the right name"] = jwt.encode(self.claims, curve, "ES256", headers={"kid": kid})
        found["PS256 with the pool's key"] = jwt.encode(self.claims, self._pool_key, "PS256", headers={"kid": kid})
        found["RS512 with the pool's key"] = jwt.encode(self.claims, self._pool_key, "RS512", headers={"kid": kid})
        return found

    def _tampered(self) -> dict[str, str]:
        """Other claims under the genuine signature, and the genuine claims under another one."""
        head, payload, signature = self.token.split(".")
        changes = {
            "groups": {"cognito:groups": ["admins"]},
            "subject": {"sub": str(uuid4()), "username": str(uuid4())},
            "lifetime": {"exp": int(time.time()) + 10 * DAY},
            "use": {"token_use": "access", "scope": "admin"},
        }
        found = {
            f"another {name}": f"{segments(self.header, self.claims | change)}.{signature}"
            for name, change in changes.items()
        }
        raw = bytearray(base64.urlsafe_b64decode(signature + "=="))
        raw[10] ^= 1
        digest = hashlib.sha256(f"{head}.{payload}".encode()).digest()
        return found | {
            "one bit of the signature": f"{head}.{payload}.{encoded(bytes(raw))}",
            "a hash as signature": f"{head}.{payload}.{encoded(digest)}",
            "zeros as signature": f"{head}.{payload}.{encoded(bytes(256))}",
        }

    def _misissued(self) -> dict[str, str]:
        """Claims that the pool never gives an access token of ours, under its own signature."""
        now, issuer = int(time.time()), self.claims["iss"]
        changes: dict[str, dict[str, Any]] = {
            "expired": {"iat": now - 7200, "auth_time": now - 7200, "exp": now - 3600},
            "expired a minute ago": {"iat": now - 3660, "exp": now - 60},
            "not valid yet": {"nbf": now + 600},
            "issued in the future": {"iat": now + 600, "exp": now + 4200},
            "of another issuer": {"iss": "https://evil.example"},
            "of the issuer with a slash": {"iss": f"{issuer}/"},
            "of another region": {"iss": issuer.replace("eu-central-1.amazonaws", "us-east-1.amazonaws")},
            "of another client": {"client_id": "another"},
            "of no client": {"client_id": None},
            "an ID token's use": {"token_use": "id"},
            "a refresh token's use": {"token_use": "refresh"},
            "no use": {"token_use": None},
            "an ID token by audience": {"token_use": "id", "client_id": None, "aud": self._stack.client_id},
            "nobody": {"sub": None},
            "a name instead of a subject": {"sub": "admin"},
            "an empty subject": {"sub": ""},
        }
        return {f"signed by the pool: {name}": self.signed_by_the_pool(change) for name, change in changes.items()}

    @contextmanager
    def _strangers(self) -> Iterator[dict[str, str]]:
        """Genuine tokens: of another kind, of another client of the pool, and of another pool."""
        cognito, pool = self._stack.client("cognito-idp"), self._stack.pool_id
        person = {"UserPoolId": pool, "Username": self.claims["sub"]}
        email = {item["Name"]: item["Value"] for item in cognito.admin_get_user(**person)["UserAttributes"]}["email"]
        other_pool = cognito.create_user_pool(PoolName="another")["UserPool"]["Id"]
        other_client = self._client_of(pool)
        cognito.admin_create_user(UserPoolId=other_pool, Username=f"{CANARY}-stranger", MessageAction="SUPPRESS")
        cognito.admin_set_user_password(
            UserPoolId=other_pool, Username=f"{CANARY}-stranger", Password=PASSWORD, Permanent=True
        )
        mine = self._sign_in(self._stack.client_id, email)
        abroad = self._sign_in(self._client_of(other_pool), f"{CANARY}-stranger")
        try:
            yield {
                "the person's ID token": mine["IdToken"],
                "the person's refresh token": mine["RefreshToken"],
                "an access token of another client": self._sign_in(other_client, email)["AccessToken"],
                "an access token of another pool": abroad["AccessToken"],
                "an ID token of another pool": abroad["IdToken"],
            }
        finally:
            cognito.delete_user_pool_client(UserPoolId=pool, ClientId=other_client)
            cognito.delete_user_pool(UserPoolId=other_pool)

    def _client_of(self, pool: str) -> str:
        answer = self._stack.client("cognito-idp").create_user_pool_client(
            UserPoolId=pool, ClientName="another", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"]
        )
        return str(answer["UserPoolClient"]["ClientId"])

    def _sign_in(self, client: str, name: str) -> dict[str, str]:
        answer = self._stack.client("cognito-idp").initiate_auth(
            ClientId=client,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
        )
        return dict(answer["AuthenticationResult"])

    @cached_property
    def _jwk(self) -> dict[str, str]:
        """The pool's public key as it publishes it."""
        url = f"{self._stack.emulator}/{self._stack.pool_id}/.well-known/jwks.json"
        keys = httpx.get(url, timeout=60).json()["keys"]
        return next(key for key in keys if key["kid"] == self.header["kid"])


def header_of(token: str) -> dict[str, Any]:
    """The header of a token."""
    return jwt.get_unverified_header(token)


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a token, unverified."""
    return dict(jwt.decode(token, options={"verify_signature": False}))


def segments(header: dict[str, Any], claims: dict[str, Any]) -> str:
    """The part of a token that is signed."""
    return ".".join(encoded(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))


def encoded(data: bytes) -> str:
    """Base64 for URLs, without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
