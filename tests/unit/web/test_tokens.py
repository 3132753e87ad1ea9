from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chalicelib.errors import Unauthenticated, Unavailable
from chalicelib.web import tokens
from tests.clock import Clock
from tests.environment import configured
from tests.identity_provider import CLIENT_ID, KEY_ID, IdentityProvider, rsa_key
from tests.people import Person

PERSON = Person(groups=("users", "admins"))
NOW = int(time.time())
ISSUER = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_MarketTst"


@pytest.fixture
def pool(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[IdentityProvider]:
    """A token service that the application trusts, and that nobody has asked anything yet."""
    monkeypatch.setattr(tokens, "time", clock)
    provider = IdentityProvider()
    with configured(**provider.settings):
        yield provider
    provider.stop()


def test_an_honest_access_token_is_accepted(pool: IdentityProvider) -> None:
    claims = tokens.verify(pool.token(PERSON))

    assert claims["sub"] == str(PERSON.id)
    assert claims["cognito:groups"] == ["users", "admins"]


@pytest.mark.parametrize("seconds", [-20, 0, 5, 300, 86_000])
def test_a_token_is_accepted_as_long_as_it_lasts_give_or_take_clock_skew(pool: IdentityProvider, seconds: int) -> None:
    tokens.verify(pool.token(PERSON, exp=int(time.time()) + seconds))


Forgery = Callable[[IdentityProvider], str]


def _claims(**changes: Any) -> Forgery:
    """A token that is honest but for these claims (None leaves one out)."""
    return lambda pool: pool.sign(pool.claims(PERSON, **changes))


def _header(**changes: Any) -> Forgery:
    """A token whose header is not that of the pool; what a foreign key signed."""
    return lambda pool: jwt.encode(pool.claims(PERSON), rsa_key("theirs"), "RS256", {"kid": KEY_ID} | changes)


def _text(change: Callable[[str], str]) -> Forgery:
    """An honest token, changed as a text."""
    return lambda pool: change(pool.token(PERSON))


def _signed_by(key: Any, algorithm: str) -> Forgery:
    return lambda pool: jwt.encode(pool.claims(PERSON), key, algorithm, {"kid": KEY_ID})


def _by_hand(header: dict[str, Any], signature: bytes = b"") -> Forgery:
    """Claims under a header that no library would write."""
    return lambda pool: ".".join(map(_encoded, (header, pool.claims(PERSON)))) + "." + _base64(signature)


def _hmac_with_the_public_key(algorithm: str, encoding: Any, form: Any) -> Forgery:
    """The classic confusion of algorithms: the public key as the secret of an HMAC."""

    def forge(pool: IdentityProvider) -> str:
        secret = pool.key.public_key().public_bytes(encoding, form)
        signing_input = f"{_encoded({'alg': algorithm, 'kid': KEY_ID})}.{_encoded(pool.claims(PERSON))}"
        signature = jwt.get_algorithm_by_name(algorithm).sign(signing_input.encode(), secret)
        return f"{signing_input}.{_base64(signature)}"

    return forge


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _encoded(value: Any) -> str:
    return _base64(json.dumps(value).encode())


_PEM, _DER = serialization.Encoding.PEM, serialization.Encoding.DER
_SPKI, _PKCS1 = serialization.PublicFormat.SubjectPublicKeyInfo, serialization.PublicFormat.PKCS1
_JWK = jwt.algorithms.RSAAlgorithm.to_jwk(rsa_key("theirs").public_key(), as_dict=True)

FORGERIES: dict[str, Forgery] = {
    # not signed, or signed in another way
    "alg none": _by_hand({"alg": "none", "kid": KEY_ID}),
    "alg None": _by_hand({"alg": "None", "kid": KEY_ID}),
    "alg nOnE": _by_hand({"alg": "nOnE", "kid": KEY_ID}),
    "alg NONE with a signature": _by_hand({"alg": "NONE", "kid": KEY_ID}, b"x" * 256),
    "alg missing": _by_hand({"kid": KEY_ID}),
    "alg null": _by_hand({"alg": None, "kid": KEY_ID}),
    "alg a list": _by_hand({"alg": ["RS256"], "kid": KEY_ID}),
    "alg RS256 without a signature": _by_hand({"alg": "RS256", "kid": KEY_ID}),
    "alg RS256 with zeros": _by_hand({"alg": "RS256", "kid": KEY_ID}, b"\0" * 256),
    "HS256 with the public key as PEM": _hmac_with_the_public_key("HS256", _PEM, _SPKI),
    "HS256 with the public key as PKCS1": _hmac_with_the_public_key("HS256", _PEM, _PKCS1),
    "HS256 with the public key as DER": _hmac_with_the_public_key("HS256", _DER, _SPKI),
    "HS512 with the public key": _hmac_with_the_public_key("HS512", _PEM, _SPKI),
    "HS256 with a secret": _signed_by("s" * 64, "HS256"),
    "ES256": _signed_by(ec.generate_private_key(ec.SECP256R1()), "ES256"),
    "RS384 with our key": lambda pool: jwt.encode(pool.claims(PERSON), pool.key, "RS384", {"kid": KEY_ID}),
    "RS512 with our key": lambda pool: jwt.encode(pool.claims(PERSON), pool.key, "RS512", {"kid": KEY_ID}),
    "PS256 with our key": lambda pool: jwt.encode(pool.claims(PERSON), pool.key, "PS256", {"kid": KEY_ID}),
    "another key under our name": _header(),
    # the header names or brings its own key
    "kid unknown": _header(kid="unknown"),
    "kid missing": lambda pool: jwt.encode(pool.claims(PERSON), rsa_key("theirs"), "RS256"),
    "kid missing, our key": lambda pool: jwt.encode(pool.claims(PERSON), pool.key, "RS256"),
    "kid path": _header(kid="../../../../dev/null"),
    "kid SQL": _header(kid="x' UNION SELECT 'a"),
    "kid URL": _header(kid="https://attacker.example/key"),
    "kid empty": _header(kid=""),
    "kid NUL": _header(kid="\0"),
    "kid None as text": _header(kid="None"),
    "kid of a megabyte": _header(kid="k" * 1_000_000),
    "kid a number": _by_hand({"alg": "RS256", "kid": 1}),
    "kid a list": _by_hand({"alg": "RS256", "kid": [KEY_ID]}),
    "kid an object": _by_hand({"alg": "RS256", "kid": {}}),
    "jku": _header(jku="https://attacker.example/jwks.json"),
    "x5u": _header(x5u="https://attacker.example/cert.pem"),
    "x5c": _header(x5c=["MIIB"]),
    "jwk": _header(jwk=_JWK),
    "jwk without kid": lambda pool: jwt.encode(pool.claims(PERSON), rsa_key("theirs"), "RS256", {"jwk": _JWK}),
    "crit unknown": lambda pool: pool.sign(pool.claims(PERSON), headers={"crit": ["exp"]}),
    "header not an object": lambda pool: f"{_encoded([1])}.{_encoded(pool.claims(PERSON))}.{_base64(b'x')}",
    # from elsewhere, or for somebody else
    "iss of another pool": _claims(iss=ISSUER[:-1] + "u"),
    "iss of another region": _claims(iss=ISSUER.replace("eu-central-1.", "us-east-1.")),
    "iss with a slash": _claims(iss=ISSUER + "/"),
    "iss in http": _claims(iss=ISSUER.replace("https", "http")),
    "iss missing": _claims(iss=None),
    "iss a list": _claims(iss=[ISSUER]),
    "iss empty": _claims(iss=""),
    "client another": _claims(client_id="other"),
    "client missing": _claims(client_id=None),
    "client empty": _claims(client_id=""),
    "client a list": _claims(client_id=[CLIENT_ID]),
    "client as audience only": _claims(client_id=None, aud=CLIENT_ID),
    "ID token": lambda pool: pool.id_token(PERSON),
    "ID token with a client": _claims(token_use="id"),
    "refresh token": _claims(token_use="refresh"),
    "use missing": _claims(token_use=None),
    "use in capitals": _claims(token_use="ACCESS"),
    "use a list": _claims(token_use=["access"]),
    "sub missing": _claims(sub=None),
    "sub a number": _claims(sub=1),
    # not now
    "exp past": _claims(exp=NOW - 3600),
    "exp just past": _claims(exp=NOW - 60),
    "exp missing": _claims(exp=None),
    "exp a text": _claims(exp=str(NOW + 3600)),
    "exp a float": _claims(exp=NOW + 3600.5),
    "exp true": _claims(exp=True),
    "exp negative": _claims(exp=-1),
    "exp zero": _claims(exp=0),
    "exp 10 to the 30": _claims(exp=10**30),
    "exp 1e400": lambda pool: _with_raw_exp(pool, "1e400"),
    "exp NaN": lambda pool: _with_raw_exp(pool, "NaN"),
    "exp a list": _claims(exp=[NOW + 3600]),
    "exp an object": _claims(exp={}),
    "exp of words": _claims(exp="never"),
    "exp in a year": _claims(exp=NOW + 365 * 86_400),
    "nbf future": _claims(nbf=NOW + 3600),
    "nbf a word": _claims(nbf="now"),
    "iat future": _claims(iat=NOW + 3600),
    "iat missing": _claims(iat=None),
    "iat a text": _claims(iat=str(NOW)),
    "iat true": _claims(iat=True),
    "iat 10 to the 30": _claims(iat=10**30),
    # no token at all
    "empty": lambda _: "",
    "dots": lambda _: "..",
    "one segment": lambda _: "token",
    "two segments": _text(lambda token: token.rpartition(".")[0]),
    "four segments": _text(lambda token: token + ".AAAA"),
    "five segments": _text(lambda token: f"{token}.AAAA.AAAA"),
    "signature cut": _text(lambda token: token[:-10]),
    "signature changed": _text(lambda token: token[:-20] + ("A" if token[-20] != "A" else "B") + token[-19:]),
    "payload changed": _text(lambda token: token.replace(".", ".e30", 1)),
    "space inside": _text(lambda token: token.replace(".", " .", 1)),
    "newline after": _text(lambda token: token + "\n."),
    "NUL after": _text(lambda token: token + "\0"),
    "unicode": lambda _: "eyJ.é.☃",
    "lone surrogate": lambda _: "\ud800.\ud800.\ud800",
    "fullwidth": _text(lambda token: token.replace("e", "\uff45", 1)),
    "no base64": lambda _: "!!!.???.***",
    "deep JSON": lambda _: f"{_base64(b'[' * 4000)}.{_base64(b'[' * 1000)}.AAAA",
    "megabyte": lambda _: "a" * 1_000_000,
    "quoted": _text(lambda token: f'"{token}"'),
    "bearer twice": _text(lambda token: f"Bearer {token}"),
}


def _with_raw_exp(pool: IdentityProvider, number: str) -> str:
    """A number that JSON libraries would not write, signed with the pool's own key."""
    payload = json.dumps(pool.claims(PERSON, exp=0)).replace('"exp": 0', f'"exp": {number}')
    assert number in payload
    return jwt.PyJWS().encode(payload.encode(), pool.key, "RS256", {"kid": KEY_ID})


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_forged_token_is_unauthenticated(forge: Forgery, pool: IdentityProvider) -> None:
    with pytest.raises(Unauthenticated):
        tokens.verify(forge(pool))


def test_the_corpus_of_forgeries_is_large_and_would_be_honest_but_for_the_forgery(pool: IdentityProvider) -> None:
    assert len(FORGERIES) >= 60
    tokens.verify(_claims()(pool))
    tokens.verify(_text(lambda token: token)(pool))


def test_a_thousand_unknown_keys_cost_one_fetch_a_minute(pool: IdentityProvider, clock: Clock) -> None:
    tokens.verify(pool.token(PERSON))
    clock.advance(tokens.REFETCH_SECONDS)
    fetched = pool.fetches

    for _ in range(1000):
        _refused(_header(kid=str(uuid4()))(pool))

    assert pool.fetches == fetched + 1
    clock.advance(tokens.REFETCH_SECONDS)
    _refused(_header(kid=str(uuid4()))(pool))
    assert pool.fetches == fetched + 2


def test_known_keys_are_fetched_once(pool: IdentityProvider) -> None:
    for _ in range(20):
        tokens.verify(pool.token(PERSON))

    assert pool.fetches == 1


def test_a_new_key_of_the_pool_is_accepted_after_a_minute_at_the_latest(pool: IdentityProvider, clock: Clock) -> None:
    tokens.verify(pool.token(PERSON))
    public = jwt.algorithms.RSAAlgorithm.to_jwk(rsa_key("rotated").public_key(), as_dict=True)
    pool.answer_with = lambda: (200, json.dumps({"keys": [public | {"kid": "new", "use": "sig"}]}).encode())
    rotated = jwt.encode(pool.claims(PERSON), rsa_key("rotated"), "RS256", {"kid": "new"})

    clock.advance(tokens.REFETCH_SECONDS)

    tokens.verify(rotated)


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256"])
def test_rs256_is_the_one_algorithm_whatever_the_key_set_says(pool: IdentityProvider, algorithm: str) -> None:
    public = jwt.algorithms.RSAAlgorithm.to_jwk(pool.key.public_key(), as_dict=True)
    keys = {"keys": [public | {"kid": KEY_ID, "use": "sig", "alg": algorithm}]}
    pool.answer_with = lambda: (200, json.dumps(keys).encode())

    _refused(jwt.encode(pool.claims(PERSON), pool.key, algorithm, {"kid": KEY_ID}))


def test_a_key_that_the_pool_withdrew_is_forgotten(pool: IdentityProvider, clock: Clock) -> None:
    tokens.verify(pool.token(PERSON))
    public = jwt.algorithms.RSAAlgorithm.to_jwk(rsa_key("rotated").public_key(), as_dict=True)
    pool.answer_with = lambda: (200, json.dumps({"keys": [public | {"kid": "new", "use": "sig"}]}).encode())

    clock.advance(tokens.FRESH_SECONDS + 1)

    _refused(pool.token(PERSON))


OUTAGES: dict[str, Callable[[], tuple[int, bytes]]] = {
    "error": lambda: (500, b"oops"),
    "html": lambda: (200, b"<html>maintenance</html>"),
    "no keys": lambda: (200, b'{"keys":[]}'),
    "another shape": lambda: (200, b"[]"),
    "not UTF-8": lambda: (200, b"\xff\xfe"),
    "broken key": lambda: (200, b'{"keys":[{"kty":"RSA","kid":"a","use":"sig","n":"!","e":"?"}]}'),
}


@pytest.mark.parametrize("outage", OUTAGES.values(), ids=OUTAGES.keys())
def test_while_keys_cannot_be_fetched_the_last_good_ones_serve(
    outage: Any, pool: IdentityProvider, clock: Clock
) -> None:
    tokens.verify(pool.token(PERSON))
    pool.answer_with = outage
    clock.advance(tokens.FRESH_SECONDS + 1)

    tokens.verify(pool.token(PERSON))

    _refused(_header(kid="unknown")(pool))
    clock.advance(tokens.LAST_GOOD_SECONDS)
    with pytest.raises(Unavailable):
        tokens.verify(pool.token(PERSON))


@pytest.mark.parametrize("outage", OUTAGES.values(), ids=OUTAGES.keys())
def test_a_pool_that_was_never_reached_is_unavailable_and_asked_again(outage: Any, pool: IdentityProvider) -> None:
    working, pool.answer_with = pool.answer_with, outage
    with pytest.raises(Unavailable):
        tokens.verify(pool.token(PERSON))

    pool.answer_with = working

    tokens.verify(pool.token(PERSON))


def test_a_pool_that_does_not_listen_is_unavailable(pool: IdentityProvider) -> None:
    pool.stop()

    with pytest.raises(Unavailable):
        tokens.verify(pool.token(PERSON))


def test_an_answer_that_breaks_off_is_an_outage(pool: IdentityProvider) -> None:
    pool.promised_bytes = 1000

    with pytest.raises(Unavailable):
        tokens.verify(pool.token(PERSON))


def test_keys_are_refreshed_while_they_are_in_use_however_long_the_environment_lives(
    pool: IdentityProvider, clock: Clock
) -> None:
    for _ in range(30):
        tokens.verify(pool.token(PERSON))
        clock.advance(3600)

    assert 2 <= pool.fetches <= 30


def _refused(token: str) -> None:
    with pytest.raises(Unauthenticated):
        tokens.verify(token)
