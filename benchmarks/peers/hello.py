"""The smallest command line with click."""

import click


@click.command()
def hello():
    """Say hello."""
    click.echo("hello")


hello()
