"""What standard output and standard error can show."""

import os
import sys

import click

from probes.paint import Paint, plain


def painter() -> Paint:
    """Return what gives texts their colours, on a terminal whose user did not refuse them."""
    return _paint if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else plain


def fit(text: str) -> str:
    """Return `text` as a terminal that knows only ASCII can show it."""
    if (sys.stdout.encoding or "").lower().replace("-", "") == "utf8":
        return text
    return text.replace("█", "#").encode("ascii", "replace").decode("ascii")


def tell(text: str) -> None:
    """Say on a terminal what is under way; nothing said clears the line."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{text}", nl=False, err=True)


def _paint(text: str, colour: str) -> str:
    return click.style(text, fg=colour, bold=True)
