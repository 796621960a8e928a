"""Lists of the admin take from an address what their own links say; what is done from them has bounds."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from gallery.access import audit
from gallery.access.scopes import Scope
from gallery.accounts import tokens
from gallery.ingest import datasets
from gallery.ingest.removals import bin
from gallery.jobs.errors import TooManyWaitingError
from gallery.models import AccessToken, AuditEntry, Dataset, FailedFile, Image, Job
from semsearch_site import admin_site
from tests.support.experiment_rows import stored_images

pytestmark = pytest.mark.django_db

HUGE = "9" * 30
ENDLESS = "(.*)*(.*)*(.*)*!"


@pytest.fixture
def staff(staff_client: Client) -> Client:
    """Return a client of staff that gets answers, not exceptions."""
    staff_client.raise_request_exception = False
    return staff_client


@pytest.fixture
def job(dataset: Dataset) -> Job:
    """Return an import that failed, with two files that it could not use."""
    job = Job.objects.create(kind="import", dataset=dataset, state=Job.State.FAILED)
    FailedFile.objects.bulk_create(
        FailedFile(job=job, name=f"{number}.png", code="broken", reason="Broken.") for number in range(2)
    )
    return job


def list_of(model: type[Any]) -> str:
    """Return the address of a list."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


@pytest.mark.parametrize(
    ("model", "query"),
    [
        (Image, f"filename__regex={ENDLESS}"),
        (Image, f"filename__iregex={ENDLESS}"),
        (Image, f"dataset__slug__regex={ENDLESS}"),
        (Image, "filename__regex=("),
        (Image, "metadata__camera__icontains=x"),
        (Image, f"id__in=1,{HUGE}"),
        (Image, f"pk__in=1,{HUGE}"),
        (Image, "created_at__year=99999"),
        (Image, f"dataset__id__exact={'9' * 5000}"),
        (Image, f"q={'a ' * 1500}"),
        (AuditEntry, "details__has_keys=3"),
        (AccessToken, "digest__startswith=a"),
        (User, "last_login__iso_year=0"),
        (Group, "nothing=1"),
    ],
)
def test_a_list_asks_the_database_for_nothing_but_what_its_links_ask(
    staff: Client, dataset: Dataset, model: type[Any], query: str
) -> None:
    stored_images(dataset, ["a"])
    audit.record("dataset.create", dataset)
    answer = staff.get(f"{list_of(model)}?{query}")
    assert answer.status_code == 302
    assert answer["Location"].endswith("?e=1")


@pytest.mark.parametrize(
    ("model", "query"),
    [
        (Image, "created_at__lt=9999-12-31 23:59:59-14:00"),
        (AuditEntry, "at__gte=0001-01-01 00:00:00%2B14:00"),
    ],
)
def test_a_moment_beyond_the_calendar_is_compared_by_postgresql_and_refused_by_sqlite(
    staff: Client, dataset: Dataset, model: type[Any], query: str
) -> None:
    answer = staff.get(f"{list_of(model)}?{query}")
    assert answer.status_code == (200 if connection.vendor == "postgresql" else 302)


def test_every_link_of_every_list_leads_to_a_list(job: Job) -> None:
    assert job.dataset is not None
    stored_images(job.dataset, ["a"])
    user = User.objects.create_superuser("staff")
    user.groups.add(Group.objects.create(name="Editors"))
    audit.record("dataset.create", job.dataset)
    asked = 0
    for model, its_admin in admin.site._registry.items():

        def shown(query: str, model: type[Any] = model, its_admin: Any = its_admin) -> Any:
            request = RequestFactory().get(list_of(model) + query)
            request.user = user
            return its_admin.get_changelist_instance(request)

        page = shown("")
        for query in {choice["query_string"] for spec in page.filter_specs for choice in spec.choices(page)}:
            asked += 1
            shown(query)  # raises what leads back
    assert asked > 40


def test_the_page_before_a_deletion_counts_what_goes_along_and_reads_none_of_it(
    staff: Client, job: Job
) -> None:
    page = reverse("admin:gallery_job_delete", args=[job.pk])
    with CaptureQueriesContext(connection) as few:
        answer = staff.get(page)
    assert dict(answer.context["model_count"]) == {"jobs": 1, "failed files": 2}
    FailedFile.objects.bulk_create(
        FailedFile(job=job, name=f"{number}.jpg", code="broken", reason="Broken.") for number in range(50)
    )
    with CaptureQueriesContext(connection) as many:
        answer = staff.get(page)
    assert dict(answer.context["model_count"]) == {"jobs": 1, "failed files": 52}
    assert len(many) == len(few)


def test_who_may_not_delete_what_would_go_along_may_not_delete(client: Client) -> None:
    owner = User.objects.create_user("owner")
    tokens.make_token(owner, "mine", [Scope.READ])
    helper = User.objects.create_user("helper", is_staff=True)
    helper.user_permissions.set(
        ContentType.objects.get_for_model(User).permission_set.filter(
            codename__in=["view_user", "delete_user"]
        )
    )
    client.force_login(helper)
    page = reverse("admin:auth_user_delete", args=[owner.pk])
    assert client.get(page).context["perms_lacking"] == {"access token"}
    assert client.post(page, {"post": "yes"}).status_code == 403
    assert User.objects.filter(pk=owner.pk).exists()


def test_an_action_takes_the_first_of_very_many_rows(
    staff: Client, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_site, "MOST_CHOSEN", 2)
    stored_images(dataset, ["a"] * 5)
    chosen = {"action": "delete_selected", "select_across": "1", "_selected_action": "1"}
    page = staff.post(list_of(Image), chosen)
    assert page.context["model_count"] == {"images": 2}.items()
    assert "At most 2 are taken at once" in page.content.decode()
    ids = [image.pk for image in page.context["queryset"]]
    staff.post(list_of(Image), {"action": "delete_selected", "_selected_action": ids, "post": "yes"})
    assert Image.objects.count() == 3


def test_whoever_takes_a_slug_first_has_it_and_the_other_is_told_so(
    staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    Dataset.objects.create(slug="mine", name="Mine")
    # as where both were checked before either was stored
    monkeypatch.setattr(Dataset, "validate_unique", lambda self, exclude=None: None)
    answer = staff.post(reverse("admin:gallery_dataset_add"), {"slug": "mine", "name": "Mine, too"})
    assert answer.status_code == 409
    assert "Somebody else changed or deleted the same in this moment" in answer.content.decode()
    assert Dataset.objects.get().name == "Mine"


def test_what_was_deleted_while_it_was_changed_is_said_to_be_gone(
    staff: Client, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = datasets.save

    def deleted_before(row: Dataset) -> Dataset:
        Dataset.objects.filter(pk=row.pk).delete()
        return save(row)

    monkeypatch.setattr(datasets, "save", deleted_before)
    page = reverse("admin:gallery_dataset_change", args=[dataset.pk])
    answer = staff.post(page, {"slug": "mine", "name": "Another"})
    assert answer.status_code == 404
    assert "The dataset Another has been deleted." in answer.content.decode()


def test_what_may_be_asked_for_again_says_when(
    staff: Client, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def waiting(row: Dataset) -> None:
        raise TooManyWaitingError("Very many jobs wait.")

    monkeypatch.setattr(bin, "delete_dataset", waiting)
    answer = staff.post(reverse("gallery:delete_dataset", args=[dataset.slug]))
    assert (answer.status_code, answer["Retry-After"]) == (503, "60")
    assert "Very many jobs wait." in answer.content.decode()
