"""Faults of Redis and of the disk: one clear line, a fixed exit code, the last good data untouched, nothing claimed."""

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from marketctl.redis import connection as redis_store
from marketctl.redis import publish
from marketctl.redis.program import find_server
from marketctl.redis.publish import _script
from tools.torture_world import RedisServer

L1 = "marketctl:{BYBIT}:l1"


def live(server: RedisServer) -> tuple[Any, Any]:
    """Return the raw quotes and the run that wrote them."""
    return server.say("HGETALL", L1), server.say("HGET", f"{L1}:meta", "run_id")


# Redis --------------------------------------------------------------------------------------

Fault = Callable[[RedisServer], Iterator[str]]


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


@pytest.mark.parametrize("fault", REDIS_FAULTS, ids=lambda fault: fault.__name__)
def test_redis_fault(at_desk, clean_redis, monkeypatch, fault):
    at_desk.write(clean_redis.url)
    good = at_desk.call("run", "--once", "-p", "BYBIT")
    assert (good.code, good.lines) == (0, [])
    assert [one["stored"] for one in good.results.values()] == [["file", "redis"], ["redis", "file"], ["file", "redis"]]
    mirror, quotes = at_desk.file("prices").read_bytes(), live(clean_redis)
    wallet = at_desk.head("wallet")
    monkeypatch.setattr(redis_store, "READ_S", 0.15)
    monkeypatch.setattr(redis_store, "CONNECT_S", 0.5)
    with contextmanager(fault)(clean_redis) as url:
        at_desk.write(url)
        hurt = at_desk.call("run", "--once", "-p", "BYBIT")
        alone = at_desk.call("prices", "collect", "-p", "BYBIT", "-q", as_json=False)
        assert at_desk.file("prices").read_bytes() == mirror
    where = f"Redis at {url.partition('//')[0]}//{url.rpartition('@')[2].rpartition('/')[2]}"
    prices = hurt.results["BYBIT prices"]
    assert prices["message"].startswith(REDIS_FAULTS[fault].format(where=where)), prices["message"]
    assert (prices["status"], prices["reason"], prices["stored"], prices["published"]) == ("failed", "redis", [], 0)
    for job in ("wallet", "stats"):
        told = hurt.results[f"BYBIT {job}"]
        assert (told["status"], told["stored"]) == ("ok", ["file"])
        assert told["message"].startswith("written to the file, but not copied to Redis: ")
    assert (hurt.code, len(hurt.lines)) == (3, 3)  # prices, and a line for each copy
    assert (alone.code, len(alone.lines)) == (1, 1), alone.lines
    assert "password@" not in hurt.said + alone.said
    assert at_desk.head("wallet") != wallet
    if fault is not down:
        assert live(clean_redis) == quotes
    monkeypatch.undo()
    at_desk.write(clean_redis.url)
    again = at_desk.call("run", "--once", "-p", "BYBIT")
    assert (again.code, again.lines) == (0, [])
    assert again.results["BYBIT prices"]["stored"] == ["redis", "file"]


@pytest.mark.parametrize("fault", [lost_primary, loading], ids=lambda fault: fault.__name__)
def test_readers_of_a_redis_that_answers_nothing_read_the_mirror_and_say_so_once(at_desk, clean_redis, fault):
    at_desk.write(clean_redis.url)
    assert at_desk.call("run", "--once").code == 0
    with contextmanager(fault)(clean_redis) as url:
        at_desk.write(url)
        told = REDIS_FAULTS[fault].format(where=f"Redis at {url}")
        for words in ("prices show BYBIT", "prices compare BTC/USDT", "asset BTC --only prices", "status"):
            shown = at_desk.call(*words.split(), as_json=False)
            assert (words, shown.code) == (words, 0)
            assert [line for line in shown.lines if "Redis" in line] == [f"quotes are from the mirror: {told}"]
        checked = at_desk.call("check", "BYBIT", as_json=False)
        assert (checked.code, told in checked.said) == (1, True)


def test_slow_redis_that_publishes_after_we_gave_up_is_not_called_unpublished(at_desk, clean_redis, monkeypatch):
    """The script had been sent: whether it ran cannot be known, and that is what is said."""
    at_desk.write(clean_redis.url)
    assert at_desk.call("prices", "collect", "-p", "BYBIT").code == 0
    before = at_desk.head("prices")
    run_script = redis_store.RedisConnection.run_script
    with ExitStack() as stack:

        def late(self, script, *given, **at_once):
            if script == _script():
                stack.enter_context(clean_redis.stopped())
            return run_script(self, script, *given, **at_once)

        monkeypatch.setattr(redis_store, "READ_S", 0.15)
        monkeypatch.setattr(redis_store.RedisConnection, "run_script", late)
        hurt = at_desk.call("prices", "collect", "-p", "BYBIT")
    result = hurt.results["BYBIT prices"]
    assert (hurt.code, result["reason"], result["stored"]) == (1, "redis", [])
    assert result["message"].endswith("whether the quotes went out is not known")
    assert at_desk.head("prices") == before
    assert live(clean_redis)[1].decode() == hurt.document["run_id"] != before  # it did go out
    monkeypatch.undo()
    assert at_desk.call("prices", "collect", "-p", "BYBIT").code == 0
    assert live(clean_redis)[1].decode() == at_desk.head("prices")


@pytest.mark.parametrize("key", ["l1", "l1:meta", "events"])
def test_key_of_a_wrong_type_stops_the_publish_and_is_named(at_desk, clean_redis, key):
    at_desk.write(clean_redis.url)
    clean_redis.say("SET", f"marketctl:{{BYBIT}}:{key}", "mine")
    hurt = at_desk.call("run", "--once", "-p", "BYBIT")
    prices = hurt.results["BYBIT prices"]
    assert (hurt.code, prices["status"], prices["reason"], prices["stored"]) == (3, "failed", "redis", [])
    assert f"key marketctl:{{BYBIT}}:{key} is a string, not a " in prices["message"]
    assert hurt.results["BYBIT wallet"]["stored"] == ["file", "redis"]
    assert clean_redis.say("GET", f"marketctl:{{BYBIT}}:{key}") == b"mine"
    assert not at_desk.file("prices").exists()


@pytest.mark.parametrize("key", ["marketctl:providers"])
def test_set_of_providers_of_a_wrong_type_is_named(at_desk, clean_redis, key):
    at_desk.write(clean_redis.url)
    clean_redis.say("SET", key, "mine")
    hurt = at_desk.call("prices", "collect", "-p", "BYBIT")
    assert (hurt.code, len(hurt.lines)) == (1, 1)
    assert f"key {key} is a string, not a set: something else wrote it" in hurt.lines[0]
    assert clean_redis.say("GET", key) == b"mine"


@pytest.mark.parametrize(("key", "job"), [("wallet", "wallet"), ("wallet:meta", "wallet"), ("stats", "stats")])
def test_copies_do_not_replace_what_is_not_ours(at_desk, clean_redis, key, job):
    at_desk.write(clean_redis.url)
    clean_redis.say("RPUSH", f"marketctl:{{BYBIT}}:{key}", "mine")
    told = at_desk.call("run", "--once", "-p", "BYBIT").results[f"BYBIT {job}"]
    assert (told["status"], told["stored"]) == ("ok", ["file"])
    assert f"key marketctl:{{BYBIT}}:{key} is a list" in told["message"]
    assert clean_redis.say("LRANGE", f"marketctl:{{BYBIT}}:{key}", 0, -1) == [b"mine"]


def test_history_of_a_wrong_type_is_told_and_prices_go_out(at_desk, clean_redis):
    at_desk.write(clean_redis.url)
    clean_redis.say("SET", "marketctl:{BYBIT}:h:BTC/USDT", "mine")
    told = at_desk.call("prices", "collect", "-p", "BYBIT")
    assert (told.code, told.results["BYBIT prices"]["stored"]) == (0, ["redis", "file"])
    assert told.results["BYBIT prices"]["message"].startswith("published, but without history: marketctl:{BYBIT}:h:")


def test_redis_before_6_2_is_refused_and_nothing_changes(at_desk, clean_redis, monkeypatch):
    """Such a server does not know XTRIM MINID; ours is made to find a word there that it does not know either."""
    at_desk.write(clean_redis.url)
    assert at_desk.call("prices", "collect", "-p", "BYBIT").code == 0
    before = live(clean_redis)
    script = _script().replace("'MINID'", "'MINIDX'")
    monkeypatch.setattr(publish, "_script", lambda: script)
    hurt = at_desk.call("prices", "collect", "-p", "BYBIT", "-q", as_json=False)
    assert hurt.code == 1
    assert hurt.lines == [
        f"BYBIT prices: failed (redis): Redis at {clean_redis.url} is too old. "
        "Next: Install Redis 6.2 or newer, or Valkey."
    ]
    assert live(clean_redis) == before


class Relay:
    """Stands between us and Redis; strikes once, before it passes the n-th piece of ours on, or the reply to it."""

    def __init__(self, server: RedisServer, moment: int, how: str) -> None:
        self.server, self.moment, self.how = server, moment, how
        self.count = 0
        self.lose_reply = False

    def strike(self) -> None:
        self.server.kill()
        if self.how != "gone":
            self.server.start()

    def answer(self, connection: socket.socket) -> None:
        try:
            upstream = socket.create_connection(("127.0.0.1", self.server.port))
        except OSError:
            return
        with upstream:
            back = threading.Thread(target=self.pump, args=(upstream, connection))
            back.start()
            with suppress(OSError):
                while piece := connection.recv(1 << 20):
                    self.count += 1
                    if self.count == self.moment and self.how == "reply lost":
                        self.lose_reply = True
                    elif self.count == self.moment:
                        self.strike()
                    upstream.sendall(piece)
            with suppress(OSError):
                upstream.shutdown(socket.SHUT_RDWR)
            back.join()

    def pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(1 << 20):
                if self.lose_reply:
                    self.lose_reply = False
                    self.strike()
                    break
                target.sendall(piece)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("how", ["restarted", "gone", "reply lost"])
def test_redis_restarted_in_the_midst_of_a_publish(at_desk, tmp_path, how):
    """Whole set and mirror of one run, or both as before - wherever in the run the server goes down."""
    with RedisServer(tmp_path / "redis", "--appendonly", "yes", "--appendfsync", "always") as server:
        at_desk.write(server.url)
        assert at_desk.call("prices", "collect", "-p", "BYBIT").code == 0
        for moment in range(1, 40):
            before, stood = at_desk.head("prices"), live(server)[1]  # where a reply was lost Redis may be ahead
            server.say("DEL", "marketctl:{BYBIT}:lock:prices")  # of the run before: 15 s later it were gone

            relay = Relay(server, moment, how)
            with listening(relay.answer) as port:
                at_desk.write(f"redis://127.0.0.1:{port}")
                told = at_desk.call("prices", "collect", "-p", "BYBIT")
            if server.process is None:
                server.start()
            quotes, run_id = live(server)
            result = told.results["BYBIT prices"]
            assert len(quotes) == int(server.say("HGET", f"{L1}:meta", "count"))
            if told.code == 0:
                assert result["stored"] == ["redis", "file"]
                assert run_id.decode() == at_desk.head("prices") == told.document["run_id"]
            else:
                assert (told.code, len(told.lines), result["reason"], result["stored"]) == (1, 1, "redis", [])
                assert at_desk.head("prices") == before
                assert run_id == stood or result["message"].endswith("is not known")
            if relay.count < moment:
                assert told.code == 0
                return
    raise AssertionError("the run says no more than forty things to Redis")


def test_publish_whose_reply_was_lost_is_answered_again_and_not_done_twice(at_desk, clean_redis, monkeypatch):
    at_desk.write(clean_redis.url)
    run_script = redis_store.RedisConnection.run_script

    def twice(self, script, *given, **at_once):
        first, again = run_script(self, script, *given, **at_once), None
        if script == _script():
            again = run_script(self, script, *given, **at_once)
            assert again[1:9] == first[1:9]
        return again or first

    monkeypatch.setattr(redis_store.RedisConnection, "run_script", twice)
    for count in (1, 2):
        told = at_desk.call("prices", "collect", "-p", "BYBIT").results["BYBIT prices"]
        assert (told["status"], told["stored"], told["published"]) == ("ok", ["redis", "file"], told["quotes"])
        assert clean_redis.say("HGET", f"{L1}:meta", "seq") == str(count).encode()
        assert clean_redis.say("XLEN", "marketctl:{BYBIT}:events") == count


# Files --------------------------------------------------------------------------------------


def in_place(desk, what: str) -> Path:
    """Return the path of one of a provider's files."""
    return {"journal": desk.data / "wallet/BYBIT.changes.jsonl", "lock": desk.data / "state/BYBIT.prices.lock"}.get(
        what
    ) or desk.file(what)


@pytest.mark.parametrize(
    ("what", "job", "stored", "words"),
    [
        ("prices", "prices", ["redis"], "published to Redis, but not mirrored: cannot write"),
        ("wallet", "wallet", [], "cannot read"),
        ("journal", "wallet", [], "cannot append to"),
        ("stats", "stats", [], "cannot write"),
        ("state", "prices", ["redis", "file"], "cannot read"),
    ],
)
def test_folder_in_place_of_a_file(at_desk, clean_redis, what, job, stored, words):
    at_desk.write(clean_redis.url)
    assert at_desk.call("run", "--once", "-p", "BYBIT").code == 0
    wallet = at_desk.file("wallet").read_bytes()
    path = in_place(at_desk, what)
    path.unlink(missing_ok=True)
    path.mkdir()
    hurt = at_desk.call("run", "--once", "-p", "BYBIT")
    result = hurt.results[f"BYBIT {job}"]
    assert (result["status"], result["reason"], result["stored"]) == ("failed", "storage", stored)
    assert result["message"].startswith(words), result["message"]
    assert f"{path}: Is a directory" in result["message"]
    assert result["hint"] == "Move that folder away."
    assert hurt.code == (1 if what == "state" else 3)
    assert len(hurt.lines) == (2 if what == "state" else 1)  # one cause is told once
    if what == "prices":
        assert result["published"] > 0
    if what == "journal":  # a change that could not be told is not taken over: the next run tells it
        assert at_desk.file("wallet").read_bytes() == wallet
    path.rmdir()
    assert at_desk.call("run", "--once", "-p", "BYBIT").code == 0


@pytest.mark.parametrize("what", ["lock", "data"])
def test_lock_that_cannot_be_made_ends_the_run_with_one_line(at_desk, what):
    path = in_place(at_desk, "lock") if what == "lock" else at_desk.data
    if what == "lock":
        path.mkdir(parents=True)
    else:
        path.write_text("a file")
    told = at_desk.call("run", "--once", "-q", as_json=False)
    (line,) = told.lines
    if what == "lock":
        assert told.code == 1
        assert line.startswith(f"marketctl: cannot open the lock {at_desk.data}/state/")
    else:  # what can be decided when the registry is read is decided then
        assert told.code == 4
        assert str(at_desk.data) in line


def test_data_folder_that_vanishes_between_and_in_the_midst_of_runs_is_made_anew(at_desk, sandbox, clean_redis):
    at_desk.write(clean_redis.url)
    assert at_desk.call("run", "--once").code == 0
    shutil.rmtree(at_desk.data)
    assert at_desk.call("run", "--once").code == 0
    api = sandbox.apis["BYBIT"]
    answer, gone = api.answer, []

    def vanish(call: Any) -> Any:
        if not gone:
            gone.append(shutil.rmtree(at_desk.data))
        return answer(call)

    api.answer = vanish
    try:
        told = at_desk.call("run", "--once")
    finally:
        del api.answer
    assert gone
    assert (told.code, told.lines) == (0, [])
    kept = ["cache", "history", "prices", "state", "stats", "wallet"]
    assert sorted(one.name for one in at_desk.data.iterdir()) == kept


def run_apart(desk, *words: str, before: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command line in a process of its own, after some preparation there."""
    code = f"import sys\n{before}\nfrom marketctl.cli import main\nmain(sys.argv[1:])"
    return subprocess.run(
        [sys.executable, "-c", code, "--config", str(desk.path), *words], capture_output=True, text=True, timeout=60
    )


def test_limit_on_file_sizes_keeps_the_last_good_files(at_desk, clean_redis):
    at_desk.write(clean_redis.url)
    assert at_desk.call("run", "--once", "-p", "BYBIT").code == 0
    before = {job: at_desk.file(job).read_bytes() for job in ("wallet", "prices")}
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))"
    told = run_apart(at_desk, "run", "--once", "-p", "BYBIT", "--json", "-q", before=limit)
    results = {one["job"]: one for one in json.loads(told.stdout)["results"]}
    assert told.returncode == 3
    assert {job: results[job]["reason"] for job in ("wallet", "prices")} == {"wallet": "storage", "prices": "storage"}
    assert (results["prices"]["stored"], results["wallet"]["stored"]) == (["redis"], [])
    assert results["prices"]["hint"] == "Raise the limit on file sizes (ulimit -f)."
    assert {job: at_desk.file(job).read_bytes() for job in ("wallet", "prices")} == before
    assert live(clean_redis)[1].decode() != at_desk.head("prices")
    assert len(told.stderr.splitlines()) == 2
    assert not list(at_desk.data.rglob("*.tmp"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k,mode=755", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("a disk of its own needs the right to mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_full_disk_keeps_the_last_good_files(at_desk, clean_redis, small_disk):
    at_desk.write(clean_redis.url, data_dir=str(small_disk / "data"))
    assert at_desk.call("run", "--once", "-p", "BYBIT").code == 0
    data = small_disk / "data"
    before = {str(path): path.read_bytes() for path in data.rglob("*.json") if path.parent.name != "state"}
    with suppress(OSError), (small_disk / "ballast").open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    hurt = at_desk.call("run", "--once", "-p", "BYBIT", "-q")
    assert (hurt.code, len(hurt.lines)) == (1, 3)
    for one in hurt.results.values():
        assert (one["reason"], one["hint"]) == ("storage", "Free some space on that disk.")
        assert "No space left on device" in one["message"]
    assert [one["stored"] for one in hurt.results.values()] == [[], ["redis"], []]
    assert {str(path): path.read_bytes() for path in data.rglob("*.json") if path.parent.name != "state"} == before
    assert not list(data.rglob("*.tmp"))
    (small_disk / "ballast").unlink()
    assert at_desk.call("run", "--once", "-p", "BYBIT").code == 0


def test_read_only_disk_is_told_in_one_line(at_desk, clean_redis, small_disk):
    at_desk.write(clean_redis.url, data_dir=str(small_disk / "data"))
    assert at_desk.call("run", "--once", "-p", "BYBIT").code == 0
    quotes = live(clean_redis)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    hurt = at_desk.call("run", "--once", "-p", "BYBIT", "-q", as_json=False)
    assert hurt.code == 1
    assert hurt.lines == [
        f"marketctl: cannot open the lock {small_disk}/data/state/.gate.lock: Read-only file system. "
        "Next: Name a folder that can be written with --data-dir."
    ]
    assert live(clean_redis) == quotes


def refuse_as_replica(server):
    server.say("REPLICAOF", "127.0.0.1", 1)
    return lambda: server.say("REPLICAOF", "NO", "ONE")


def refuse_without_memory(server):
    server.say("CONFIG", "SET", "maxmemory", 1)
    return lambda: server.say("CONFIG", "SET", "maxmemory", 0)


def refuse_without_replicas(server):
    server.say("CONFIG", "SET", "min-replicas-to-write", 1)
    return lambda: server.say("CONFIG", "SET", "min-replicas-to-write", 0)


@pytest.mark.parametrize(
    ("refuse", "word"),
    [
        (refuse_as_replica, "is a read-only replica"),
        (refuse_without_memory, "is out of memory"),
        (refuse_without_replicas, "has too few replicas and refuses to write"),
    ],
)
def test_check_fails_where_redis_cannot_be_written(at_desk, clean_redis, refuse, word):
    at_desk.write(clean_redis.url)
    assert at_desk.call("prices", "collect", "-p", "BYBIT").code == 0
    changes = clean_redis.say("INFO", "persistence")["rdb_changes_since_last_save"]
    assert at_desk.call("check", "BYBIT", "--format", "nagios", as_json=False).code == 0
    undo = refuse(clean_redis)
    try:
        assert at_desk.call("check", "BYBIT", "--format", "nagios", as_json=False).code == 2
        hurt = at_desk.call("check", "BYBIT", as_json=False)
        assert hurt.code == 1
        assert f"cannot be written: Redis at {clean_redis.url} {word}" in hurt.said
    finally:
        undo()
    assert clean_redis.say("INFO", "persistence")["rdb_changes_since_last_save"] == changes


@pytest.mark.parametrize("output", ["table", "nagios"])
def test_check_fails_where_the_live_set_is_gone(at_desk, clean_redis, output):
    at_desk.write(clean_redis.url)
    assert at_desk.call("prices", "collect", "-p", "BYBIT").code == 0
    assert clean_redis.say("DEL", "marketctl:{BYBIT}:l1") == 1  # meta and the mirror are as they were
    hurt = at_desk.call("check", "BYBIT", "--format", output, as_json=False)
    assert hurt.code == {"table": 1, "nagios": 2}[output]
    assert "the live quotes are gone: expired, evict" in hurt.said


def test_cluster_without_its_slots_is_told_as_that(at_desk, tmp_path):
    with RedisServer(tmp_path / "cluster", "--cluster-enabled", "yes") as server:
        at_desk.write(server.url)
        hurt = at_desk.call("prices", "collect", "-p", "BYBIT", "-q", as_json=False)
    (line,) = hurt.lines
    assert f"Redis at {server.url}: the cluster is down: Hash slot not served. Next: Run redis-cli cluster info" in line


class SentinelServer(RedisServer):
    """A Redis Sentinel, which wants a file of settings before everything else."""

    def _spawn(self) -> "subprocess.Popen[bytes]":
        settings = self.folder / "sentinel.conf"
        settings.write_text(f"port {self.port}\nbind 127.0.0.1\nsentinel monitor desk 127.0.0.1 1 2\n")
        return subprocess.Popen([find_server(), str(settings), "--sentinel"], stdout=subprocess.DEVNULL)


def test_port_of_a_redis_sentinel_is_told_as_that(at_desk, tmp_path):
    with SentinelServer(tmp_path / "sentinel") as server:
        at_desk.write(server.url)
        hurt = at_desk.call("prices", "collect", "-p", "BYBIT", "-q", as_json=False)
    (line,) = hurt.lines
    assert f"Redis at {server.url} is a Redis Sentinel, which holds no data. Next: Point redis_url to" in line


def test_readers_need_no_memory_and_no_transactions(at_desk, clean_redis):
    at_desk.write(clean_redis.url)
    assert at_desk.call("prices", "collect", "-p", "BYBIT").code == 0
    shown = at_desk.call("prices", "show", "BYBIT", "BTC/USDT")
    assert shown.document["results"][0]["source"] == "redis"
    clean_redis.say("ACL", "SETUSER", "looker", "on", ">pw", "~*", "+@read", "+@connection", "-multi", "-exec")
    at_desk.write(clean_redis.url.replace("//", "//looker:pw@"))
    clean_redis.say("CONFIG", "SET", "maxmemory", 1)
    try:
        for words in (("BYBIT",), ("BYBIT", "BTC/USDT")):
            again = at_desk.call("prices", "show", *words)
            assert (again.code, again.lines, again.document["results"][0]["source"]) == (0, [], "redis")
    finally:
        clean_redis.say("CONFIG", "SET", "maxmemory", 0)
        clean_redis.say("ACL", "DELUSER", "looker")


def test_password_where_none_is_set_is_told_as_that(at_desk, clean_redis):
    at_desk.write(clean_redis.url.replace("//", "//:unset@"))
    (line,) = at_desk.call("prices", "collect", "-p", "BYBIT", "-q", as_json=False).lines
    assert f"Redis at {clean_redis.url} has no password set, and redis_url has one. Next: Take it out" in line
