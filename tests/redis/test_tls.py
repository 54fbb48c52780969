"""Redis over TLS: an authority of one's own, the host's name, certificates on both sides."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from marketctl.errors import RedisFailed
from marketctl.redis.connection import RedisConnection
from marketctl.redis.program import find_server
from tests.authority import Authority


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority, a server's certificate for 127.0.0.1, one for another host, and a client's."""
    made = Authority(tmp_path_factory.mktemp("authority"))
    made.sign("server", "127.0.0.1", "localhost")
    made.sign("elsewhere", "redis.example")
    made.sign("client", "client")
    return made.folder


def serve(authority: Path, folder: Path, name: str, clients: str) -> tuple[subprocess.Popen[bytes], int]:
    """Start a server with this certificate; `clients` says whether they need one. Skips where it knows no TLS."""
    port = free_port()
    command = [
        *(find_server(), "--port", "0", "--tls-port", str(port), "--dir", str(folder), "--save", ""),
        *("--tls-cert-file", f"{authority}/{name}.crt", "--tls-key-file", f"{authority}/{name}.key"),
        *("--tls-ca-cert-file", f"{authority}/ca.crt", "--tls-auth-clients", clients),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    said = b""
    for line in process.stdout:
        said += line
        if b"Ready to accept connections" in line:
            return process, port
    process.communicate(timeout=10)
    if b"tls" in said.lower():
        pytest.skip("this server was built without TLS")
    raise AssertionError(said.decode())


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.communicate(timeout=10)


@pytest.fixture(scope="module")
def plain(authority: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    process, port = serve(authority, tmp_path_factory.mktemp("plain"), "server", "no")
    yield port
    end(process)


def ask(url: str, folder: Path) -> bytes:
    with RedisConnection(url, folder, "p") as store:
        return store.call("PING")


def test_authority_of_ones_own_is_named_in_the_url(plain: int, authority: Path, tmp_path: Path) -> None:
    for host in ("127.0.0.1", "localhost"):
        assert ask(f"rediss://{host}:{plain}?ssl_ca_certs={authority}/ca.crt", tmp_path) == b"PONG"


def test_unknown_authority_is_refused(plain: int, tmp_path: Path) -> None:
    with pytest.raises(RedisFailed, match=r"cannot be trusted: (self-signed cert|unable to get)") as caught:
        ask(f"rediss://:hunter2@127.0.0.1:{plain}", tmp_path)
    assert caught.value.hint is not None
    assert "ssl_ca_certs=FILE" in caught.value.hint
    assert "hunter2" not in caught.value.message


def test_certificate_of_another_host_is_refused(authority: Path, tmp_path: Path) -> None:
    """Else the password would go to whoever holds any certificate of a trusted authority."""
    process, port = serve(authority, tmp_path, "elsewhere", "no")
    try:
        with pytest.raises(RedisFailed, match="cannot be trusted: IP address mismatch, certificate is not valid for"):
            ask(f"rediss://127.0.0.1:{port}?ssl_ca_certs={authority}/ca.crt", tmp_path)
    finally:
        end(process)


def test_certificates_on_both_sides(authority: Path, tmp_path: Path) -> None:
    process, port = serve(authority, tmp_path, "server", "yes")
    url = f"rediss://127.0.0.1:{port}?ssl_ca_certs={authority}/ca.crt"
    try:
        ours = f"&ssl_certfile={authority}/client.crt&ssl_keyfile={authority}/client.key"
        assert ask(url + ours, tmp_path) == b"PONG"
        with pytest.raises(RedisFailed):
            ask(url, tmp_path)
    finally:
        end(process)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("ssl_ca_certs={0}/none.crt", "ssl_ca_certs {0}/none.crt cannot be read: No such file or directory"),
        ("ssl_ca_certs={0}", "ssl_ca_certs {0} cannot be read: Is a directory"),
        ("ssl_ca_certs={0}/server.key", "ssl_ca_certs {0}/server.key holds no certificate in PEM"),
        (
            "ssl_ca_certs={0}/ca.crt&ssl_certfile={0}/no.crt&ssl_keyfile={0}/client.key",
            "ssl_certfile {0}/no.crt cannot be read: No such file or directory",
        ),
        (
            "ssl_certfile={0}/client.key&ssl_keyfile={0}/client.key",
            "ssl_certfile {0}/client.key holds no certificate in PEM",
        ),
        (
            "ssl_certfile={0}/client.crt&ssl_keyfile={0}/no.key",
            "ssl_keyfile {0}/no.key cannot be read: No such file or directory",
        ),
        (
            "ssl_certfile={0}/client.crt&ssl_keyfile={0}/server.key",
            "ssl_keyfile {0}/server.key is not the key of ssl_certfile",
        ),
        (
            "ssl_certfile={0}/client.crt&ssl_password=hunter2",
            "ssl_certfile {0}/client.crt holds no private key in PEM, or ssl_password is wrong",
        ),
    ],
)
def test_the_file_that_is_no_good_is_named(authority: Path, tmp_path: Path, options: str, told: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        url = f"rediss://:hunter2@127.0.0.1:{port}?{options.format(authority)}"
        with pytest.raises(RedisFailed) as caught:
            ask(url, tmp_path)
    assert caught.value.message == f"cannot reach Redis at rediss://127.0.0.1:{port}: {told.format(authority)}"
    assert caught.value.hint == "Correct that option of redis_url."
