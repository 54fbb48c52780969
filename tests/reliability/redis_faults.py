"""Faults of a Redis, one a function: each gives the address at which a run meets it, and mends it at the end."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tools.torture_world import RedisServer

L1 = "marketctl:{BYBIT}:l1"
Fault = Callable[[RedisServer], Iterator[str]]


@contextmanager
def listening(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """Answer each connection on a local port, one after another."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        stopped = threading.Event()

        def serve() -> None:
            while not stopped.is_set():
                with suppress(OSError):
                    connection, _ = server.accept()
                    with connection:
                        if not stopped.is_set():
                            answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            stopped.set()
            with suppress(OSError), socket.create_connection(server.getsockname(), 1):
                pass
            thread.join()


def live(server: RedisServer) -> tuple[Any, Any]:
    """Return the raw quotes and the run that wrote them."""
    return server.say("HGETALL", L1), server.say("HGET", f"{L1}:meta", "run_id")


def down(server: RedisServer) -> Iterator[str]:
    server.kill()
    try:
        yield server.url
    finally:
        server.start()


def wants_password(server: RedisServer) -> Iterator[str]:
    server.say("CONFIG", "SET", "requirepass", "right-password")
    try:
        yield server.url
    finally:
        server.say("CONFIG", "SET", "requirepass", "", password="right-password")


def wrong_password(server: RedisServer) -> Iterator[str]:
    for url in wants_password(server):
        yield url.replace("//", "//:wr0ng-password@")


def no_rights(server: RedisServer) -> Iterator[str]:
    server.say("ACL", "SETUSER", "reader", "on", ">reader-password", "~*", "+@read", "+@connection")
    yield server.url.replace("//", "//reader:reader-password@")
    server.say("ACL", "DELUSER", "reader")


def replica(server: RedisServer) -> Iterator[str]:
    server.say("REPLICAOF", "127.0.0.1", "1")
    yield server.url
    server.say("REPLICAOF", "NO", "ONE")


def lost_primary(server: RedisServer) -> Iterator[str]:
    server.say("CONFIG", "SET", "replica-serve-stale-data", "no")
    server.say("REPLICAOF", "127.0.0.1", "1")
    yield server.url
    server.say("REPLICAOF", "NO", "ONE")
    server.say("CONFIG", "SET", "replica-serve-stale-data", "yes")


def out_of_memory(server: RedisServer) -> Iterator[str]:
    server.say("CONFIG", "SET", "maxmemory", "1")
    yield server.url
    server.say("CONFIG", "SET", "maxmemory", "0")


def cannot_save(server: RedisServer) -> Iterator[str]:
    in_the_way = server.folder / "dump.rdb"
    in_the_way.mkdir()
    server.say("CONFIG", "SET", "save", "3600 1")
    server.say("BGSAVE")
    while server.say("INFO", "persistence")["rdb_last_bgsave_status"] != "err":
        pass
    yield server.url
    in_the_way.rmdir()
    server.say("CONFIG", "SET", "save", "")


def slow(server: RedisServer) -> Iterator[str]:
    with server.stopped():
        yield server.url


def certificate(folder: Path) -> Path:
    """Write a key and a certificate nobody vouches for."""
    x509 = pytest.importorskip("cryptography.x509")
    from datetime import UTC, datetime, timedelta

    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    none = serialization.NoEncryption()
    text = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, none)
    path = folder / "server.pem"
    path.write_bytes(text + made.public_bytes(serialization.Encoding.PEM))
    return path


def bad_certificate(server: RedisServer) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(server.folder))

    def answer(connection: socket.socket) -> None:
        with suppress(OSError):
            context.wrap_socket(connection, server_side=True).close()

    with listening(answer) as port:
        yield f"rediss://:tls-password@127.0.0.1:{port}"


def no_tls_there(server: RedisServer) -> Iterator[str]:
    yield server.url.replace("redis:", "rediss:")


def no_redis_there(_server: RedisServer) -> Iterator[str]:
    def answer(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    with listening(answer) as port:
        yield f"redis://127.0.0.1:{port}"


def loading(server: RedisServer) -> Iterator[str]:
    def answer(connection):
        while connection.recv(65536):
            connection.sendall(b"-LOADING Redis is loading the dataset in memory\r\n")

    with listening(answer) as port:
        yield f"redis://127.0.0.1:{port}"


REDIS_FAULTS: dict[Fault, str] = {
    down: "cannot reach {where}",
    wants_password: "{where} wants a password",
    wrong_password: "{where} refused the password",
    no_rights: "{where} does not let this user do it",
    replica: "{where} is a read-only replica",
    lost_primary: "{where} is a replica that has lost its primary, and answers nothing",
    loading: "{where} is still loading its data",
    out_of_memory: "{where} is out of memory",
    cannot_save: "{where} cannot save to its disk and refuses to write",
    slow: "{where} did not answer in time",
    bad_certificate: "{where} has a certificate that cannot be trusted",
    no_tls_there: "{where} did not answer in time",
    no_redis_there: "{where} does not answer as a Redis does",
}
