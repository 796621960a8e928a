"""What the resolver holds, and where the table of policies does not cover it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.urls import URLPattern, URLResolver, get_resolver

from gallery.access.policies import TABLE, Policy, entry_of, of_route

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Route:
    """A pattern of the resolver: its name with namespaces, its address, its view, all patterns on the way."""

    name: str
    address: str
    view: Callable[..., Any]
    patterns: tuple[Any, ...]

    @property
    def methods(self) -> frozenset[str] | None:
        """Return the methods of a view of the REST interface, None for any other view."""
        return offered_methods(self.view)


def routes() -> list[Route]:
    """Return every route of the site."""
    return list(_routes(get_resolver().url_patterns, (), ()))


def _routes(
    patterns: list[URLPattern | URLResolver], namespaces: tuple[str, ...], above: tuple[Any, ...]
) -> Iterator[Route]:
    for each in patterns:
        way = (*above, each.pattern)
        if isinstance(each, URLResolver):
            inner = (*namespaces, each.namespace) if each.namespace else namespaces
            yield from _routes(each.url_patterns, inner, way)
        else:
            name = ":".join((*namespaces, each.name or each.lookup_str))
            yield Route(name, "".join(map(str, way)), each.callback, way)


@cache
def offered_methods(view: Callable[..., Any]) -> frozenset[str] | None:
    """Return the methods that a view of the REST interface has, without HEAD and OPTIONS; None for others."""
    view_class = getattr(view, "cls", None)
    if view_class is None:
        return None
    actions = getattr(view, "actions", None)
    return frozenset(
        method
        for method in _METHODS
        if method.lower() in view_class.http_method_names
        and (method.lower() in actions if actions is not None else hasattr(view_class, method.lower()))
    )


@cache
def _names_of_actions() -> dict[tuple[type, str, str | None], str]:
    names: dict[tuple[type, str, str | None], str] = {}
    for route in routes():
        for method in route.methods or ():
            actions = getattr(route.view, "actions", None)
            names[route.view.cls, method, actions and actions[method.lower()]] = route.name  # type: ignore[attr-defined]
    return names


def policy_of_action(view_class: type, method: str, action: str | None) -> Policy | None:
    """Return the policy of an action of the REST interface, for its description."""
    name = _names_of_actions().get((view_class, method, action), "")
    return of_route(name, method, None)


def gaps() -> list[str]:
    """Return in words what the table of policies lacks for the routes that there are."""
    found: list[str] = []
    views: dict[str, Callable[..., Any]] = {}
    for route in routes():
        if route.name in TABLE and views.setdefault(route.name, route.view) is not route.view:
            found.append(f"two routes are called {route.name}, one of them is {route.address}")
        found += _missing(route)
    return found


def _missing(route: Route) -> list[str]:
    entry = entry_of(route.name)
    if entry is None:
        return [f"the route {route.name} ({route.address}) has no policy"]
    if isinstance(entry, Policy):
        return []
    lacking = sorted((route.methods or frozenset()) - entry.keys())
    return [f"the method {method} of {route.name} ({route.address}) has no policy" for method in lacking]


def require_policies() -> None:
    """Keep a web server from starting while a route has no policy. Raises: ImproperlyConfigured."""
    if found := gaps():
        raise ImproperlyConfigured(
            f"Add what is missing to TABLE in gallery/access/policies.py: {'; '.join(found)}."
        )
