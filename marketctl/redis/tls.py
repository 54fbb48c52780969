"""Which file of a rediss:// URL is no good: OpenSSL says what is wrong, but not with which of them."""

from marketctl.text import printable


def bad_file(url: str) -> str | None:
    """Name the option and the file that cannot be used, and why; None where all can. Asked once a connection failed."""
    import ssl
    from pathlib import Path
    from urllib.parse import parse_qsl, urlsplit

    given = dict(parse_qsl(urlsplit(url).query))
    ours, key = given.get("ssl_certfile"), given.get("ssl_keyfile")
    name, why = "", ""
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        for name in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile"):
            if name in given:
                with Path(given[name]).open("rb"):
                    why = "holds no certificate in PEM"
                if name != "ssl_keyfile":
                    context.load_verify_locations(given[name])
        if ours:
            name, why = (
                ("ssl_keyfile" if key else "ssl_certfile"),
                "holds no private key in PEM, or ssl_password is wrong",
            )
            context.load_cert_chain(ours, key, given.get("ssl_password", ""))
    except ssl.SSLError as error:
        why = "is not the key of ssl_certfile" if error.reason == "KEY_VALUES_MISMATCH" else why
    except OSError as error:
        why = f"cannot be read: {error.strerror}"
    else:
        return None
    return f"{name} {printable(given[name])} {why}"
