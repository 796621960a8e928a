"""The admin site: Django's own, but for what its lists take from an address, and how much at once.

Django's lists take every lookup of every field of theirs, as `?filename__regex=…`: patterns that Python would
match for years while all other threads wait, values that no database takes, terms without number. And before
it deletes it reads every row that would go, and names it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import FieldDoesNotExist
from django.db import DataError
from django.db.models import CASCADE, DateField, Model, QuerySet
from django.http import HttpRequest, HttpResponse

# what list filters and our own links ask for
LOOKUPS = ("exact", "isnull")
DATE_LOOKUPS = (*LOOKUPS, "gte", "lt")
MOST_SEARCHED = 200  # characters, each of which may be a term
# rows that an action takes at once: a form that names more is not read (DATA_UPLOAD_MAX_NUMBER_FIELDS)
MOST_CHOSEN = 900


class BoundedList(ChangeList):
    """A list that is filtered as its own filters and links do it; any other address leads back to it."""

    def get_filters(self, request: HttpRequest) -> Any:
        """Return the filters that an address asks for. Raises: IncorrectLookupParameters."""
        own = {getattr(one, "parameter_name", None) for one in self.list_filter}
        for name in self.get_filters_params():
            if name not in own and not is_plain(self.model, name):
                raise IncorrectLookupParameters(f"Lists are not filtered by {name}.")
        return super().get_filters(request)

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        """Return the rows of the list. Raises: IncorrectLookupParameters."""
        if len(self.query) > MOST_SEARCHED:
            raise IncorrectLookupParameters(f"Search for at most {MOST_SEARCHED} characters.")
        return super().get_queryset(request, exclude_parameters)

    def get_results(self, request: HttpRequest) -> None:
        """Read the page. Raises: IncorrectLookupParameters, also for values that the database refuses."""
        try:
            super().get_results(request)
        except (DataError, OverflowError, ValueError) as error:
            raise IncorrectLookupParameters(error) from error


def is_plain(model: type[Model], lookup: str) -> bool:
    """Whether a lookup leads to a field and compares its whole value, or asks from when to when."""
    *way, last = lookup.split("__")
    field: Any = None
    try:
        for part in way:
            field = _field(model, part)
            model = getattr(field, "related_model", None) or model
        try:
            _field(model, last)
        except FieldDoesNotExist:
            return last in (DATE_LOOKUPS if isinstance(field, DateField) else LOOKUPS) and field is not None
    except FieldDoesNotExist:
        return False
    return field is None or bool(field.is_relation)


def _field(model: type[Model], name: str) -> Any:
    return model._meta.get_field(name)


class BoundedAdmin(admin.ModelAdmin[Any]):
    """The admin of a model, whose list is bounded, and what is done from there."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BoundedList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find nothing by what no list looks for: fields that complete what is typed ask here as well."""
        if len(search_term) > MOST_SEARCHED:
            return queryset.none(), False
        return super().get_search_results(request, queryset, search_term)

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        """Do an action to the rows that are chosen, of very many to the first ones."""
        if request.POST.get("select_across") == "1":
            first = list(queryset.values_list("pk", flat=True)[: MOST_CHOSEN + 1])
            if len(first) > MOST_CHOSEN:
                queryset = queryset.filter(pk__in=first[:MOST_CHOSEN])
                words = (
                    f"At most {MOST_CHOSEN} are taken at once: these are the first, repeat it for the others."
                )
                messages.warning(request, words)
        return super().response_action(request, queryset, *args, **kwargs)

    def get_deleted_objects(
        self, objs: QuerySet[Any] | Sequence[Any], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Name the rows that go, and count those that go with them: of one there may be millions."""
        counts: Counter[str] = Counter()
        refused = set()
        for model, rows in _with_them(objs):
            if count := rows.count():
                counts[str(model._meta.verbose_name_plural)] += count
                known = self.admin_site._registry.get(model)
                if known is not None and not known.has_delete_permission(request):
                    refused.add(str(model._meta.verbose_name))
        return [str(one) for one in objs], dict(counts), refused, []


class Site(admin.AdminSite):
    """Django's admin site, with lists of ours, whoever registers them."""

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Register models, each with lists that are bounded."""
        bases = (admin_class, BoundedAdmin) if admin_class else (BoundedAdmin,)
        bounded = type(bases[0].__name__, bases, {"__module__": bases[0].__module__})
        super().register(model_or_iterable, bounded, **options)


def _with_them(objs: QuerySet[Any] | Sequence[Any]) -> Iterator[tuple[type[Model], QuerySet[Any]]]:
    """Yield some rows, and by model those that the database would delete with them."""
    if not objs:
        return
    model = type(objs[0])
    waiting = [(model, model._base_manager.filter(pk__in=[one.pk for one in objs]))]
    followed: set[Any] = set()
    while waiting:
        model, rows = waiting.pop()
        yield model, rows
        for relation in set(model._meta.related_objects) - followed:
            if getattr(relation, "on_delete", None) is CASCADE:
                followed.add(relation)
                of: Any = relation.related_model
                waiting.append((of, of._base_manager.filter(**{f"{relation.field.name}__in": rows})))
