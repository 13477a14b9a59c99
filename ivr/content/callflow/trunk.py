"""The trunk: the connection to the telephone network."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from ivr.content.callflow.fields import Prefix
from ivr.core.yamlfile import Loc, ModelProblem, Strict

MOST_ADDRESSES = {4: 2**16, 6: 2**96}
"""Addresses of the largest network from which calls are accepted: a /16 of IPv4, a /32 of IPv6."""


class Trunk(Strict):
    """The SIP trunk; its password is IVR_TRUNK_PASSWORD.

    register: whether Asterisk registers with the provider.
    country: the prefix of national numbers.
    allowed: networks from which calls are accepted, beside the host.
    """

    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:-]*$")] = ""
    port: Annotated[int, Field(ge=1, le=65535)] = 5060
    username: Annotated[str, Field(pattern=r"^[A-Za-z0-9._@+-]*$")] = ""
    register_: Annotated[bool, Field(alias="register")] = False
    country: Prefix = "+33"
    codecs: Annotated[list[Literal["alaw", "ulaw", "g722"]], Field(min_length=1)] = ["alaw", "ulaw"]
    allowed: list[str] = []

    def problems_at(self, loc: Loc) -> Iterator[ModelProblem]:
        """Yield contradictions between fields; ``loc``: the place of the trunk in the file."""
        if self.register_ and not (self.host and self.username):
            message = "register is true, but host or username is empty"
            yield ModelProblem((*loc, "register"), message, "fill in both, or write register: false")
        for index, network in enumerate(self.allowed):
            wrong = _network_problem(network)
            if wrong is not None:
                yield ModelProblem((*loc, "allowed", index), *wrong)


def _network_problem(network: str) -> tuple[str, str] | None:
    """What is wrong with a network from which calls are accepted, and what to write instead."""
    try:
        accepted = ipaddress.ip_network(network)
    except ValueError:
        hint = "write for example 203.0.113.7 or 203.0.113.0/24"
        return f"{network!r} is no address or network", hint
    if accepted.num_addresses > MOST_ADDRESSES[accepted.version]:
        hint = "write the operator's own addresses or networks"
        return f"{network!r} lets a large part of the internet place calls", hint
    return None
