"""How we speak with shells that ask what fits a word."""

from click.shell_completion import FishComplete, add_completion_class


class Fish(FishComplete):
    """As click speaks with fish, but a comma in a help's line does not end it."""

    source_template = FishComplete.source_template.replace('string split ","', 'string split --max 1 ","')


def speak_to_shells() -> None:
    """Have what a shell asks for told our way."""
    add_completion_class(Fish)
