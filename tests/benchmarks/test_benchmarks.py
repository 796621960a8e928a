"""What all benchmarks share: turns, medians, the table; the figures themselves are not judged here."""

from __future__ import annotations

import inspect
from importlib import import_module

import pytest
from django.core.management import CommandError, call_command

from benchmarks import machine, rounds, suite


def test_every_second_round_goes_the_other_way_about() -> None:
    order: list[str] = []

    def measure(name: str) -> int:
        order.append(name)
        return len(order)

    found = rounds.in_turn({name: lambda name=name: measure(name) for name in ("a", "b")}, 3)  # type: ignore[misc]
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert found == {"a": [1, 4, 5], "b": [2, 3, 6]}


@pytest.mark.parametrize(
    ("less_is_better", "ratio", "spread"), [(True, 4.0, [2.0, 5.0]), (False, 0.25, [0.2, 0.5])]
)
def test_a_ratio_is_of_medians_and_greater_is_better_for_us(
    less_is_better: bool, ratio: float, spread: list[float]
) -> None:
    ours, theirs = [[2.0, 2.0], [1.0], [4.0]], [[8.0, 9.0], [5.0], [8.0]]
    assert rounds.compared(ours, theirs, less_is_better=less_is_better) == {
        "ratio": ratio,
        "ratio_spread": spread,
    }


@pytest.mark.parametrize("name", suite.BENCHMARKS)
def test_a_benchmark_is_a_function_that_takes_the_options_it_names(name: str) -> None:
    benchmark = suite.BENCHMARKS[name]
    module, _, function = benchmark.function.partition(":")
    parameters = inspect.signature(getattr(import_module(f"benchmarks.{module}"), function)).parameters
    assert set(benchmark.options) <= set(parameters)
    assert all(parameter.default is not inspect.Parameter.empty for parameter in parameters.values())


def test_the_table_has_a_line_for_each_figure_that_is_there() -> None:
    found = {"query": {"query_ms_p50": 20.0, "peer_query_ms_p50": 90.0, "ratio": 4.5, "ratio_spread": [4, 5]}}
    head, line = suite.table(found)
    assert head.split() == ["semsearch", "compared", "ratio", "spread", "with"]
    assert line.startswith("query: query, median ms")
    assert line.split("  ")[-1] == "the original's way"
    assert all(value in line for value in ("20.0", "90.0", "4.5", "4 to 5"))


def test_figures_that_are_rows_are_shown_as_a_table() -> None:
    lines = suite.listed({"count": 3, "pages": [{"page": "one", "ms": 1.5}, {"page": "another", "ms": 12}]})
    assert lines[0].split() == ["count", "3"]
    assert [line.split() for line in lines[1:]] == [
        ["pages"],
        ["page", "ms"],
        ["one", "1.5"],
        ["another", "12"],
    ]
    assert lines[3].index("1.5") + 3 == lines[4].index("12") + 2


def test_a_benchmark_refuses_an_option_that_is_not_its_own() -> None:
    with pytest.raises(CommandError, match="benchmark query does not take --count"):
        call_command("benchmark", "query", count=3)


def test_the_machine_is_described() -> None:
    found = machine.machine()
    assert found["cores"] >= 1
    assert found["memory_gb"] > 0
    assert found["libraries"]["numpy"]
    assert str(found["cores"]) in machine.described(found)
