"""The part of the configuration about whom the exporter answers, beside the web configuration file."""

from typing import Annotated

from msgspec import Meta

from exporter.config_section import Section


class WebAccess(Section, frozen=True):
    """Whom the exporter answers; TLS and passwords are in the file of --web.config.file."""

    token_review: Annotated[
        bool,
        Meta(
            description="Answer only who shows a token whose owner may `get` the page's path by the cluster's RBAC; "
            "not for role node, which has no way to the API server."
        ),
    ] = False
