"""TCP proxies that stand between the application and a server: one counts, one cuts, one speaks TLS."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from tests.identity_provider import rsa_key

LOOPBACK = "127.0.0.1"


class Proxy:
    """Hands on what client and server say, connection by connection, until it is closed.

    `round_trips` counts how often a client spoke after the server did, or first: what it had to wait for. `cut_after`
    names bytes after which the client's connection is reset; what it sent has reached the server by then.
    """

    def __init__(self, host: str, port: int) -> None:
        self._upstream = (host, port)
        self._listener = socket.create_server((LOOPBACK, 0))
        self._open: list[socket.socket] = [self._listener]
        self.port: int = self._listener.getsockname()[1]
        self.round_trips = 0
        self.connections = 0
        self.cut_after: bytes | None = None
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Closes the proxy and every connection through it."""
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        server = socket.create_connection(self._upstream)
        self._open += [client, server]
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with client, server, suppress(OSError):
            self._pass_on(client, server)

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        selector = DefaultSelector()
        selector.register(client, EVENT_READ, server)
        selector.register(server, EVENT_READ, client)
        speaker = server
        while True:
            for key, _ in selector.select():
                data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                if not data:
                    return
                if key.fileobj is client and speaker is server:
                    self.round_trips += 1
                speaker = key.fileobj  # type: ignore[assignment]
                key.data.sendall(data)
                if self.cut_after is not None and key.fileobj is client and self.cut_after in data:
                    return


@contextmanager
def proxy_to(host: str, port: int) -> Iterator[Proxy]:
    """A proxy in front of the server at `host` and `port`."""
    proxy = Proxy(host, port)
    try:
        yield proxy
    finally:
        proxy.close()


class Listener:
    """A server on a free port that runs `talk` with each client, in a thread of its own."""

    def __init__(self, talk: Callable[[socket.socket], None]) -> None:
        self._talk = talk
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            self._talk(client)


@dataclass(frozen=True)
class Certificate:
    """A certificate for a host, and the authority that signed it, as PEM files."""

    authority: Path
    chain: Path
    key: Path


def certificate_for(host: str, folder: Path) -> Certificate:
    """A new certificate for `host` by an authority of its own, valid today."""
    folder.mkdir(parents=True)
    authority, server = rsa_key(f"authority of {folder}"), rsa_key("server")
    root = _signed("Test authority", "Test authority", authority.public_key(), authority, is_authority=True)
    leaf = _signed(host, "Test authority", server.public_key(), authority, is_authority=False)
    files = Certificate(folder / "authority.pem", folder / "chain.pem", folder / "key.pem")
    pem = serialization.Encoding.PEM
    files.authority.write_bytes(root.public_bytes(pem))
    files.chain.write_bytes(leaf.public_bytes(pem))
    files.key.write_bytes(server.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return files


def tls_in_front_of(host: str, port: int, certificate: Certificate) -> Listener:
    """A PostgreSQL server as RDS offers it, over TLS: this end decrypts, and the server behind speaks plainly."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.chain, certificate.key)

    def talk(client: socket.socket) -> None:
        client.recv(8)
        client.sendall(b"S")
        with context.wrap_socket(client, server_side=True) as inside, socket.create_connection((host, port)) as server:
            answers = threading.Thread(target=_copy, args=(server, inside), daemon=True)
            answers.start()
            _copy(inside, server)

    return Listener(talk)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)


def _signed(
    subject: str, issuer: str, public_key: object, authority: object, *, is_authority: bool
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(public_key)  # type: ignore[arg-type]
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if not is_authority:
        builder = builder.add_extension(x509.SubjectAlternativeName([_alternative(subject)]), critical=False)
    return builder.sign(authority, hashes.SHA256())  # type: ignore[arg-type]


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
