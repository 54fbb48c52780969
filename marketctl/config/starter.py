"""The registry and the credentials file that `marketctl init` writes, as they are shipped."""

from pathlib import Path


def read_starter(name: str) -> str:
    """Return the text of `providers.toml` or `credentials.toml`; the first is the one at the root of the project."""
    return (Path(__file__).parent / "starter" / name).read_text(encoding="utf-8")
