"""What the signatures have in common. Imports its machinery when first asked: most runs sign nothing."""

import base64
from urllib.parse import quote


def hmac_hex(secret: str, message: str, digest: str = "sha256") -> str:
    """Return the lower-case hex HMAC of a text."""
    import hmac

    return hmac.new(secret.encode(), message.encode(), digest).hexdigest()


def hmac_base64(secret: str, message: str, digest: str = "sha256") -> str:
    """Return the base64 HMAC of a text."""
    import hmac

    return base64.b64encode(hmac.new(secret.encode(), message.encode(), digest).digest()).decode()


def encode_query(params: dict[str, str] | list[tuple[str, str]]) -> str:
    """Encode parameters by RFC 3986 (upper-case hex, space as %20), in the order given."""
    pairs = params.items() if isinstance(params, dict) else params
    return "&".join(f"{quote(key, safe='-_.~')}={quote(value, safe='-_.~')}" for key, value in pairs)
