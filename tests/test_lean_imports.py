"""Libraries are imported without what is not used of them, and that is there when somebody asks."""

import subprocess
import sys

import pytest

from tests.libraries import of_today


def run(program: str, *words: str) -> str:
    """Run a program in a process of its own, which has to end well; return what it printed."""
    command = [sys.executable, "-W", "error", "-c", program, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


LATE = """
import sys
from marketctl import lean_imports
kept = {name: module for name, module in sys.modules.items() if name in lean_imports.LATE}
lean_imports.import_click()
late = {name for name in lean_imports.LATE if type(sys.modules[name]).__module__ == "marketctl.lean_imports"}
assert late == set(lean_imports.LATE).difference(kept), late
assert late and all(sys.modules[name] is module for name, module in kept.items())
"""


def test_what_hardly_a_run_needs_is_loaded_when_it_is_used():
    run(
        LATE
        + """
import click, traceback, inspect, ipaddress
stand_in = inspect
assert click.UUID.convert("12345678123456781234567812345678", None, None).version is None
assert str(click.UUID.convert("12345678-1234-5678-1234-567812345678", None, None).__class__.__name__) == "UUID"
try:
    raise KeyError("lost")
except KeyError:
    assert traceback.format_exc().endswith("KeyError: 'lost'\\n")
assert ipaddress.ip_address("127.0.0.1").is_loopback
from ipaddress import IPv4Address
assert type(ipaddress.ip_address("10.0.0.1")) is IPv4Address
assert stand_in.signature(run := lambda one, *, two=2: None).parameters["two"].default == 2
import inspect
assert inspect is not stand_in and inspect.isclass(stand_in.Signature) and stand_in.Signature is inspect.Signature
import zipfile, bz2, lzma, idna, encodings.idna
assert zipfile.ZipFile and bz2.decompress(bz2.compress(b"a")) == lzma.decompress(lzma.compress(b"a")) == b"a"
assert idna.encode("bücher.de") == "bücher.de".encode("idna") == b"xn--bcher-kva.de"
from dataclasses import dataclass
@dataclass
class Two:
    one: int
    two: str = "b"
assert Two.__doc__ in ("Two(one: int, two: str = 'b')", "Two(one: 'int', two: 'str' = 'b')"), Two.__doc__
"""
    )


def test_click_and_redis_ask_inspect_without_loading_it():
    run(
        LATE
        + """
import inspect as stand_in
from marketctl.lean_imports import _INSPECT
assert stand_in is _INSPECT
async def slow(): ...
def quick(): ...
told = [stand_in.iscoroutinefunction(one) for one in (quick, print)], stand_in.cleandoc("\\tone  line ")
assert sys.modules["inspect"] is not stand_in or told  # the last one was asked of the real module
import inspect
assert inspect is not stand_in
assert told == ([inspect.iscoroutinefunction(one) for one in (quick, print)], inspect.cleandoc("\\tone  line "))
assert stand_in.iscoroutinefunction(slow) and inspect.iscoroutinefunction(slow)
assert stand_in.cleandoc("one\\n  two\\n   three") == "one\\ntwo\\n three"
"""
    )


def test_a_module_that_is_loaded_already_is_left_as_it_is():
    run("import inspect, traceback, ipaddress\nkeep = inspect\n" + LATE + "import inspect\nassert inspect is keep")


@pytest.mark.parametrize(
    "words", [("--version",), ("--help",), ("providers", "--help"), ("prices", "collect", "--help")]
)
def test_the_command_line_reads_the_same_with_stand_ins_and_without(words):
    real = "import inspect, textwrap, traceback, uuid\n"
    program = "from marketctl.__main__ import main\nmain()"
    assert run(program, *words) == run(real + program, *words) != ""


@of_today
def test_what_was_left_out_of_a_library_is_there_when_somebody_asks():
    program = """
import sys
from marketctl.lean_imports import import_redis, import_requests
import_requests()
import_redis("unix:///redis.sock")
assert "redis.client" not in sys.modules and "importlib.metadata" not in sys.modules
import redis
from redis import Redis
assert redis.Redis is Redis and redis.__version__ and redis.from_url("redis://localhost").connection_pool
import importlib.metadata
assert importlib.metadata.version("redis")
import requests, redis.asyncio, charset_normalizer
assert requests.compat.urlparse and redis.asyncio.Redis and charset_normalizer.from_bytes
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


REDIS_PARTS = ("asyncio", "redis.cache", "redis.observability", "redis.observability.recorder", "ssl")


@of_today
@pytest.mark.parametrize(
    ("first", "url", "there"),
    [
        ("import marketctl.__main__", "redis://host", set()),
        ("import marketctl.__main__", "rediss://host", {"ssl"}),
        ("", "redis://host", set(REDIS_PARTS)),
    ],
    ids=["our own process", "our own, over TLS", "somebody else's"],
)
def test_parts_of_redis_are_left_out_of_our_own_process_alone_and_there_when_somebody_asks(first, url, there):
    program = f"""
import sys
{first}
from marketctl import lean_imports
lean_imports.import_redis({url!r})
parts = {REDIS_PARTS!r}
had = {{name for name in parts if name in sys.modules}}
assert had == {there!r}, had
from redis.connection import Connection, ConnectionPool
for connection in (Connection(host="127.0.0.1", port=1), ConnectionPool.from_url({url!r}).make_connection()):
    connection.disconnect()
import asyncio
assert asyncio.run(asyncio.sleep(0, 7)) == 7
import redis.event
assert redis.event.asyncio.Lock is asyncio.Lock
import redis.observability.recorder as recorder
from redis.cache import CacheConfig
assert CacheConfig().get_max_size() > 0 and not isinstance(recorder, lean_imports._StandIn)
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_patterns_of_urllib3_are_compiled_when_they_are_used_and_say_the_same():
    program = """
import re
from marketctl import lean_imports
at_once = re.compile
lean_imports.import_requests()
assert re.compile is at_once
from urllib3.util import url
late = [name for name, found in vars(url).items() if isinstance(found, lean_imports._LatePattern)]
assert "_IPV6_ADDRZ_RE" in late, late
for host in ("api.bybit.com", "127.0.0.1", "2001:db8::1", ""):
    assert url._IPV6_ADDRZ_RE.match(host) is None
    assert at_once(url._IPV6_ADDRZ_RE._told[0]).match(host) is None
assert url.parse_url("https://api.bybit.com:8443/a").host == "api.bybit.com"
assert "match" not in vars(url._IPV6_ADDRZ_RE)  # it takes longest to compile, and has nothing to say of these
told = url.parse_url("https://[2001:db8::1%25eth0]:8443/a b?c=d")
assert (told.host, told.port, told.request_uri) == ("[2001:db8::1%eth0]", 8443, "/a%20b?c=d"), told
assert isinstance(url._IPV6_ADDRZ_RE.match.__self__, re.Pattern)
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_another_thread_imports_beside_msgspec_is_there_for_it():
    program = """
import builtins
from threading import Thread
from marketctl import lean_imports

told = []

def work():
    from typing_extensions import TypeIs, get_type_hints
    import charset_normalizer
    from importlib.metadata import version
    told.append((TypeIs, charset_normalizer.__version__, version("msgspec")))

usual = builtins.__import__

def importing(name, globals=None, *more):
    if name == "typing_extensions" and globals["__name__"] == "msgspec._utils" and not told:
        other = Thread(target=work)
        other.start()
        other.join(20)
    return usual(name, globals, *more)

builtins.__import__ = importing
lean_imports.import_msgspec()
import charset_normalizer, msgspec.inspect, typing_extensions
assert told == [(typing_extensions.TypeIs, charset_normalizer.__version__, msgspec.__version__)], told
assert typing_extensions.__file__
assert msgspec.inspect.type_info(int) == msgspec.inspect.IntType()
"""
    run(program)


def test_threads_that_want_msgspec_at_the_same_moment_all_get_it():
    program = """
import builtins
from threading import Thread
from marketctl.http.columns import read_long

told = []
other = Thread(target=lambda: told.append(str(read_long(b'{"a": 1.50}')["a"])))
usual = builtins.__import__

def importing(name, globals=None, *more):
    if name == "_core" and globals["__name__"] == "msgspec" and other.ident is None:
        other.start()
        other.join(0.3)  # it waits for us, or has taken what we are about to want
    return usual(name, globals, *more)

builtins.__import__ = importing
told.append(read_long(b'[{"a": 1}]', ("a",)).column("a"))
other.join(20)
assert sorted(map(str, told)) == ["1.50", "[1]"], told
"""
    run(program)


def test_zlib_ng_is_imported_alone_and_its_package_is_whole_when_somebody_asks():
    program = """
import sys, zlib
import marketctl.__main__
from marketctl import lean_imports
fast = lean_imports.import_zlib()
assert fast is sys.modules["zlib_ng.zlib_ng"]
assert not {"gzip", "zlib_ng.gzip_ng", "zlib_ng._version"}.intersection(sys.modules)
text = b"1.50 " * 100000
assert zlib.decompress(fast.compress(text, 2)) == fast.decompress(zlib.compress(text)) == text
assert fast.crc32(text) == zlib.crc32(text)
import zlib_ng, zlib_ng.gzip_ng
assert zlib_ng.__version__ and zlib_ng.gzip_ng.decompress(zlib_ng.gzip_ng.compress(text)) == text
"""
    run(program)
