"""The table of what few pixels cost."""

from __future__ import annotations

from benchmarks.tables.text import Figures, Row, Table, shown

# the best and the last of the default network, the last of two smaller ones
SHOWN = (
    ("efficientnet-lite2", "stage7", "Lite2"),
    ("efficientnet-lite2", "top", "Lite2"),
    ("efficientnet-lite0", "top", "Lite0"),
    ("squeezenet", "top", "SqueezeNet"),
)


def resolution(figures: Figures) -> Table:
    """Return the weighted and the plain precision of some layers, by the shorter side of all images."""
    rows = figures["rows"]
    sides = list(dict.fromkeys(row["shorter_side"] for row in rows))

    def line(model: str, layer: str, title: str) -> Row:
        own = {row["shorter_side"]: row for row in rows if (row["model"], row["layer"]) == (model, layer)}
        return (
            f"{title}, {layer}",
            *(
                f"{shown(own[side]['weighted_precision'], 1)} / {shown(own[side]['precision'], 1)}"
                for side in sides
            ),
        )

    heads = [
        f"{side} px" if side else f"as they are (median {figures['median_shorter_side']} px)"
        for side in sides
    ]
    return Table(("weighted precision@10 / precision@10, %", *heads), [line(*one) for one in SHOWN])
