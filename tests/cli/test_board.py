"""marketctl board: where it is to listen."""

import pytest


@pytest.mark.parametrize(
    ("bind", "words"),
    [
        ("8080", "'8080'"),
        ("a:b", "'a:b'"),
        ("unix:", "'unix:'"),
        ("", "''"),
        ("127.0.0.1:65536", "'127.0.0.1:65536'"),
        ("127.0.0.1:" + "9" * 5000, "'127.0.0.1:" + "9" * 50 + "'"),
        ("127.0.0.1:٣", "'127.0.0.1:٣'"),
    ],
)
def test_no_address_is_bad_usage(ctl, bind, words):
    told = f"{words} is no address, expected HOST:PORT or unix:PATH. Try 'marketctl board -h'.\n"
    assert ctl("board", "--bind", bind) == (2, "", f"marketctl: Invalid value for '--bind': {told}")
