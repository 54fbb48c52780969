"""marketctl.celery_app with a lease of 2 s, so that a test need not wait 15 s for a dead worker's lock."""

from marketctl.redis import lock as turn

turn.LEASE_S = 2.0

from marketctl.celery_app import app  # noqa: E402

__all__ = ["app"]
