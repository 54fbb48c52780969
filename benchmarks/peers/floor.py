"""The floor: raw sockets, gunzip, json, one HSET each as bytes. No library at all, no error handling."""

import json
import os
import socket
import zlib

from endpoints import PATHS, rows

URLS = json.loads(os.environ["BENCH_URLS"])
store = socket.socket(socket.AF_UNIX)
store.connect(os.environ["BENCH_REDIS"].removeprefix("unix://"))
for name, path in PATHS.items():
    host, _, port = URLS[name].rpartition("/")[2].partition(":")
    asked = socket.create_connection((host, int(port)))
    asked.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept-Encoding: gzip\r\n\r\n".encode())
    data = b""
    while b"\r\n\r\n" not in data:
        data += asked.recv(262144)
    head, _, data = data.partition(b"\r\n\r\n")
    size = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    while len(data) < size:
        data += asked.recv(262144)
    fields = []
    for symbol, row in rows(name, json.loads(zlib.decompress(data, 31))).items():
        fields += (symbol.encode(), json.dumps(row).encode())
    command = [b"HSET", f"floor:{name}".encode(), *fields]
    store.sendall(b"*%d\r\n" % len(command) + b"".join([b"$%d\r\n%b\r\n" % (len(one), one) for one in command]))
    store.recv(100)
