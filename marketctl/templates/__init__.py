"""Files that marketctl writes for its users, as they are shipped."""

from pathlib import Path


def read_template(name: str) -> str:
    """Return the text of a shipped file."""
    return (Path(__file__).parent / name).read_text(encoding="utf-8")
