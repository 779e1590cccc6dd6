"""The part of the file about the agents of other nodes: where they are, and what opens their doors.

Passwords and tokens stand in files or variables that it names. Refuses what would be less shut than it looks: TLS that
is spoken to nobody, and a password for whoever carries a label.
"""

from collections.abc import Iterator
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from exporter.config_section import URL, VARIABLE, Name, Section
from exporter.errors import ConfigError

_OUR_AGENTS: Final = {"app.kubernetes.io/name": "lanewatch", "app.kubernetes.io/component": "node"}
_OF_TLS: Final = ("ca_file", "server_name", "insecure_skip_verify", "client_certificate_file", "client_key_file")
_OF_USERS: Final = ("username", "password_file", "password_variable", "bearer_token_file")
_BESIDE: Final = (  # neither is of use without the other
    ("client_certificate_file", "client_key_file"),
    ("client_key_file", "client_certificate_file"),
    ("password_file", "username"),
    ("password_variable", "username"),
)
_NOT_BOTH: Final = (
    ("bearer_token_file", "username"),
    ("password_file", "password_variable"),
    ("insecure_skip_verify", "ca_file"),
    ("insecure_skip_verify", "server_name"),
)


class AgentsOf(Section, frozen=True):
    """The agents of other nodes, that the cluster watcher asks for their cards."""

    enabled: Annotated[bool, Meta(description="Ask the agents of the nodes that host a lane.")] = True
    labels: Annotated[dict[str, str], Meta(min_length=1, description="Labels that the agents' pods carry.")] = (
        msgspec.field(default_factory=lambda: dict(_OUR_AGENTS))
    )
    namespace: Annotated[str, Meta(description="Namespace of the agents; empty: wherever their labels are.")] = ""
    urls: Annotated[
        dict[Name, Annotated[str, Meta(pattern=URL)]],
        Meta(description="Node -> address of its agent's metrics, for agents that no label finds."),
    ] = msgspec.field(default_factory=dict)
    port: Annotated[int, Meta(ge=1, le=65535, description="Port of the agents.")] = 19840
    read: Annotated[
        Literal["lanes", "all"], Meta(description="lanes: of nodes that host a lane; all: of every node with GPUs.")
    ] = "lanes"
    interval_seconds: Annotated[float, Meta(ge=1, le=300, description="Seconds between two questions.")] = 15.0
    scheme: Annotated[
        Literal["http", "https"], Meta(description="What the agents speak that are found; an address of `urls` says.")
    ] = "http"
    ca_file: Annotated[
        str,
        Meta(description="PEM file of the authorities to trust; empty: the usual ones. A file is followed."),
    ] = ""
    server_name: Annotated[
        str, Meta(description="Name that the agents' certificate must carry; empty: the address that is asked.")
    ] = ""
    insecure_skip_verify: Annotated[
        bool, Meta(description="Take any certificate: whoever is in between may read what is shown and said.")
    ] = False
    client_certificate_file: Annotated[
        str, Meta(description="PEM file of the certificate to show to agents that ask for one.")
    ] = ""
    client_key_file: Annotated[str, Meta(description="PEM file of its key.")] = ""
    username: Annotated[str, Meta(description="User that the agents know.")] = ""
    password_file: Annotated[
        str, Meta(description="File that holds the user's password. Never the password itself.")
    ] = ""
    password_variable: Annotated[
        str, Meta(pattern=f"{VARIABLE}|^$", description="Environment variable with it, where there is no file.")
    ] = ""
    bearer_token_file: Annotated[str, Meta(description="File that holds a token to show, in place of a password.")] = ""

    @property
    def speaks_tls(self) -> bool:
        """Whether any agent is asked over TLS."""
        return self.scheme == "https" or any(url.startswith("https:") for url in self.urls.values())


def refuse_contradictory_agents(agents: AgentsOf, at: str, *, are_found: bool) -> None:
    """Raise `ConfigError` for doors that cannot be opened so; `are_found`: labels tell who an agent is."""
    given = {name for name in (*_OF_TLS, *_OF_USERS) if getattr(agents, name)}
    for problem in (*_of_tls(agents, given), *_of_users(agents, given), *_of_strangers(agents, given)):
        if are_found or not problem.startswith("namespace"):
            raise ConfigError(f"{at}.{problem}")


def _of_tls(agents: AgentsOf, given: set[str]) -> Iterator[str]:
    for name in _OF_TLS:
        if name in given and not agents.speaks_tls:
            yield f"scheme: expected https beside `{name}`, found `{agents.scheme}`"


def _of_users(agents: AgentsOf, given: set[str]) -> Iterator[str]:
    if ":" in agents.username:  # what follows may be the password
        yield "username: expected a name without a colon, found one with it (not shown)"
    for name, other in _NOT_BOTH:
        if {name, other} <= given:
            yield f"{name}: expected it or `{other}`, found both"
    for name, needed in _BESIDE:
        if name in given and needed not in given:
            yield f"{needed}: expected one beside `{name}`, found none"
    if "username" in given and given.isdisjoint({"password_file", "password_variable"}):
        yield "password_file: expected it or `password_variable` beside `username`, found neither"


def _of_strangers(agents: AgentsOf, given: set[str]) -> Iterator[str]:
    """Yield what would show a password or a token to every pod that carries the labels."""
    shown = sorted(given & {"username", "bearer_token_file"})
    is_verified = agents.scheme == "https" and not agents.insecure_skip_verify
    if shown and not is_verified and not agents.namespace:
        yield f"namespace: expected one beside `{shown[0]}` where no certificate is verified, found none"
