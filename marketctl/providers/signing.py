"""What the signatures have in common. Imports its machinery when first asked: most runs sign nothing."""

from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING

from marketctl.errors import ConfigError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey


def hmac_hex(secret: str, message: str, digest: str = "sha256") -> str:
    """Return the lower-case hex HMAC of a text. Raises ConfigError for a private key in place of a secret."""
    return _hmac(secret, message, digest).hex()


def hmac_base64(secret: str, message: str, digest: str = "sha256") -> str:
    """Return the base64 HMAC of a text. Raises ConfigError for a private key in place of a secret."""
    return base64_text(_hmac(secret, message, digest))


def base64_text(data: bytes) -> str:
    """Return bytes in base64."""
    from base64 import b64encode

    return b64encode(data).decode()


def _hmac(secret: str, message: str, digest: str) -> bytes:
    import hmac

    if is_pem(secret):
        raise ConfigError(
            "api_secret is a key in PEM, and here only keys of the kind HMAC can sign",
            hint="make a key of that kind: its secret is one word",
        )
    return hmac.digest(secret.encode(), message.encode(), digest)


def is_pem(secret: str) -> bool:
    """Tell whether a secret is a key in PEM, and not a word for HMAC."""
    return secret.lstrip().startswith("-----BEGIN")


def rsa_signature(private_key: str, message: bytes, name: str = "private_key") -> bytes:
    """Sign by RSASSA-PKCS1-v1_5 with SHA-256; the key is PEM, base64 of PEM, or PEM without its first and last line.

    Raises ConfigError, which calls the key by this name, for what is no such key, and without the package.
    """
    try:
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256
    except ImportError as error:
        raise ConfigError(
            "to sign with an RSA key needs a package more", hint="pip install cryptography (the extra rapira)"
        ) from error
    return _rsa_key(private_key, name).sign(message, PKCS1v15(), SHA256())


@lru_cache(maxsize=4)
def _rsa_key(private_key: str, name: str) -> "RSAPrivateKey":
    """Return the key of a text: to prove one takes fifty times as long as to sign. Raises ConfigError."""
    from base64 import b64decode

    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key

    found = private_key.replace("\\n", "\n").strip().encode()
    try:
        if not found.startswith(b"-----BEGIN"):
            found = b64decode(b"".join(found.split()), validate=True)
        load = load_pem_private_key if found.startswith(b"-----BEGIN") else load_der_private_key
        key = load(found, None)
    except TypeError:
        hint = "take it off: openssl pkey -in KEY.pem -out PLAIN.pem; give PLAIN.pem"
        wrong = "is a private key with a passphrase, expected one without", hint
    except (ValueError, UnsupportedAlgorithm):
        wrong = _instead(found)
    else:
        if isinstance(key, RSAPrivateKey):
            return key
        kind = "EC" if isinstance(key, EllipticCurvePrivateKey) else type(key).__name__.removesuffix("PrivateKey")
        wrong = f"is a private key of the kind {kind}, expected RSA", "make an RSA key for this exchange"
    # Here, without a cause: its words may hold parts of the key.
    raise ConfigError(f"{name} {wrong[0]}", hint=wrong[1])


def _instead(found: bytes) -> tuple[str, str]:
    """Say what was found where a private key is expected, and what to do."""
    import re

    from cryptography.hazmat.primitives.serialization import load_der_public_key

    label = re.match(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----", found)
    kind = label[1].decode() if label else ""
    if not kind:
        with suppress(ValueError):
            load_der_public_key(found)
            kind = "PUBLIC KEY"
    if kind.endswith("PUBLIC KEY"):
        hint = "give the private key that belongs to it: the exchange alone wants the public one"
    elif kind.startswith("OPENSSH"):
        hint = "write it as PEM: ssh-keygen -p -m PEM -f FILE"
    else:
        hint = "give the PEM, or its base64 as an exchange hands it out, without a passphrase"
        if not kind or kind.endswith("PRIVATE KEY"):
            return "is no readable RSA key", hint
    return f"is a PEM of the kind {kind}, expected PRIVATE KEY or RSA PRIVATE KEY", hint
