"""The reference of networks: what the registry holds, as a table."""

from __future__ import annotations

from search.extractors.networks.registry import NETWORKS, Network

HEAD = "| name | network | input, pixels | parameters | channels of `top` |\n|---|---|---:|---:|---:|"


def as_markdown() -> str:
    """Return a row for each network that ships."""
    return "\n".join([HEAD, *map(_row, NETWORKS)])


def _row(network: Network) -> str:
    if network.compute is not None:
        return f"| `{network.name}` | {network.title} | | | |"
    top = network.described()[-1]
    figures = (f"{number:,}" for number in (network.input_size, top.parameters, top.shape[2]))
    return f"| `{network.name}` | {network.title} | {' | '.join(figures)} |"
