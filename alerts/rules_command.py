"""`lanewatch rules`: the rules as files, for whoever does not use the chart."""

from pathlib import Path

import click

from alerts.links import RUNBOOKS

_FORMS = ("prometheus", "operator", "mimir")


@click.group("rules")
def rules() -> None:
    """Write the rules as files that a ruler loads, or look after them where they run."""


@rules.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMS),
    default="prometheus",
    show_default=True,
    help="prometheus: rule files, also for Thanos; operator: PrometheusRule objects; mimir: one namespace.",
)
@click.option(
    "--out",
    required=True,
    metavar="DIRECTORY",
    type=click.Path(file_okay=False, writable=True, path_type=Path),
    help="Where to write; made if it is not there.",
)
@click.option("--burn-in", "is_burn_in", is_flag=True, help="Label each alert so that the shipped routes tell nobody.")
@click.option("--runbooks", default=RUNBOOKS, show_default=True, metavar="URL", help="Where your runbooks live.")
def render(form: str, out: Path, *, is_burn_in: bool, runbooks: str) -> None:
    """Write every rule into DIRECTORY, and print the name of each file."""
    from alerts.render import BURN_IN, render_as  # noqa: PLC0415  # only this command needs them

    files = render_as(form, runbooks, labels=BURN_IN if is_burn_in else {})
    out.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        out.joinpath(name).write_text(text, encoding="utf-8")
        click.echo(str(out / name))
