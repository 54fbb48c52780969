"""What the signatures have in common. Imports its machinery when first asked: most runs sign nothing."""

import base64


def hmac_hex(secret: str, message: str, digest: str = "sha256") -> str:
    """Return the lower-case hex HMAC of a text."""
    import hmac

    return hmac.new(secret.encode(), message.encode(), digest).hexdigest()


def hmac_base64(secret: str, message: str, digest: str = "sha256") -> str:
    """Return the base64 HMAC of a text."""
    import hmac

    return base64.b64encode(hmac.new(secret.encode(), message.encode(), digest).digest()).decode()
