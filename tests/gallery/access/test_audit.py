"""The audit: each change leaves an entry that says who, from where and what, and no entry ever changes."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, connection, models, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from gallery import jobs
from gallery.access import audit, audit_triggers
from gallery.access.scopes import Scope
from gallery.accounts import tokens
from gallery.errors import AppendOnlyError
from gallery.ingest.removals import removal
from gallery.models import AuditEntry, Dataset, FailedAttempts, Image, Job
from search.models import Experiment, FeatureSpec
from tests.conftest import image_bytes
from tests.support.experiment_rows import experiment_row, stored_images

pytestmark = pytest.mark.django_db

PASSWORD = "a long password"


def entries(*actions: str) -> list[AuditEntry]:
    """Return the entries of these actions, all without them, the oldest first."""
    found = AuditEntry.objects.order_by("pk")
    return list(found.filter(action__in=actions) if actions else found)


def only(action: str) -> AuditEntry:
    """Return the one entry of an action."""
    (found,) = entries(action)
    return found


def told(entry: AuditEntry) -> tuple[str, ...]:
    """Return who, what kind of target, which, and of which dataset."""
    return (entry.actor, entry.target_kind, entry.target, entry.dataset)


def test_what_the_api_does_to_datasets_stands_in_the_audit(staff_client: Client) -> None:
    staff_client.post("/api/v1/datasets/", {"slug": "cats", "name": "Cats"})
    for change in ({"name": "Felines"}, {"description": "They purr."}):
        staff_client.patch(
            "/api/v1/datasets/cats/", change, content_type="application/json", REMOTE_ADDR="192.0.2.7"
        )
    staff_client.delete("/api/v1/datasets/cats/")
    done = entries("dataset.create", "dataset.rename", "dataset.describe", "dataset.delete")
    assert [entry.action for entry in done] == [
        "dataset.create", "dataset.rename", "dataset.describe", "dataset.delete",
    ]  # fmt: skip
    assert told(done[0]) == ("staff", "dataset", "Cats", "cats")
    assert done[1].details == {"name": {"before": "Cats", "after": "Felines"}}
    assert done[1].address == "192.0.2.7"
    assert done[1].user_id == User.objects.get(username="staff").pk
    assert done[3].target == "Felines"


def test_an_image_that_is_added_labelled_and_deleted_is_entered_each_time(
    staff_client: Client, dataset: Dataset
) -> None:
    upload = SimpleUploadedFile("tom.png", image_bytes(1))
    added = staff_client.post("/api/v1/images/", {"file": upload, "dataset": "mine", "label": "cats"}).json()
    pk = added["image"]["id"]
    staff_client.post(f"/admin/gallery/image/{pk}/change/", {"category": "tigers"})
    staff_client.delete(f"/api/v1/images/{pk}/")
    assert told(only("image.add")) == ("staff", "image", "tom.png", "mine")
    assert only("image.label").details == {"before": "cats", "after": "tigers"}
    assert only("image.delete").details == {"images": {str(pk): "tom.png"}, "more": []}
    assert told(only("image.delete")) == ("staff", "image", "tom.png", "mine")
    assert {entry.target_id for entry in entries("image.add", "image.delete")} == {str(pk)}


def test_an_import_is_one_entry_however_many_images_it_brings(
    staff_client: Client, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for number in range(5):
            archive.writestr(f"cats/{number}.png", image_bytes(number))
    before = AuditEntry.objects.count()
    upload = SimpleUploadedFile("cats.zip", content.getvalue())
    job = staff_client.post("/api/v1/datasets/mine/upload/", {"file": upload}).json()
    jobs.perform(job["id"])
    assert Image.objects.count() == 5
    assert AuditEntry.objects.count() == before + 1
    started = only("import.start")
    assert told(started) == ("staff", "dataset", "Mine", "mine")
    assert started.details["job"] == job["id"]


def test_jobs_that_are_cancelled_and_tried_again_are_entered(staff_client: Client, dataset: Dataset) -> None:
    job = Job.objects.create(kind="extract", dataset=dataset)
    staff_client.post(f"/api/v1/jobs/{job.pk}/cancel/")
    staff_client.post(f"/api/v1/jobs/{job.pk}/cancel/")  # there is nothing to stop any more
    staff_client.post(f"/api/v1/jobs/{job.pk}/retry/")
    for action in ("job.cancel", "job.retry"):
        assert told(only(action)) == ("staff", "job", f"extract features #{job.pk}", "mine")


def test_jobs_that_are_deleted_in_the_admin_are_entered(staff_client: Client, dataset: Dataset) -> None:
    first, *others = (Job.objects.create(kind="extract", dataset=dataset) for _ in range(3))
    staff_client.post(f"/admin/gallery/job/{first.pk}/delete/", {"post": "yes"})
    selected = [job.pk for job in others]
    chosen = {"action": "delete_selected", "_selected_action": selected, "post": "yes"}
    staff_client.post("/admin/gallery/job/", chosen)
    assert not Job.objects.exists()
    assert sorted(entry.target_id for entry in entries("job.delete")) == sorted(
        str(pk) for pk in (first.pk, *selected)
    )


def test_experiments_maps_and_promotions_are_entered(staff_client: Client, dataset: Dataset) -> None:
    stored_images(dataset, ["cats", "dogs"])
    asked = {"dataset": "mine", "models": ["efficientnet-lite0"]}
    for address, more in (("experiments", {}), ("projections", {"method": "pca"})):
        answer = staff_client.post(f"/api/v1/{address}/", asked | more, content_type="application/json")
        assert answer.status_code == 202, answer.content
    experiment = experiment_row(dataset, FeatureSpec.objects.order_by("-pk")[0])
    assert experiment.metric == Experiment.Metric.COSINE
    assert staff_client.post(f"/api/v1/experiments/{experiment.pk}/promote/").status_code == 202
    for action in ("experiment.compute", "map.compute", "configuration.promote"):
        assert told(only(action)) == ("staff", "dataset", "Mine", "mine")


def test_deleting_many_images_names_some_and_numbers_all(dataset: Dataset) -> None:
    ids = stored_images(dataset, ["cats"] * 30)
    removal.remove_images(ids)
    entry = only("image.delete")
    assert told(entry)[1:] == ("dataset", "Mine", "mine")
    assert [int(pk) for pk in entry.details["images"]] + entry.details["more"] == ids


def test_a_change_that_is_rolled_back_leaves_no_entry(staff_client: Client, dataset: Dataset) -> None:
    ids = stored_images(dataset, ["cats"])
    with transaction.atomic():
        removal.remove_images(ids)
        transaction.set_rollback(True)
    assert Image.objects.count() == 1
    assert not entries("image.delete")


def test_a_change_is_undone_where_its_entry_cannot_be_made(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise DatabaseError("the disk is full")

    monkeypatch.setattr(AuditEntry.objects, "create", fails)
    ids = stored_images(dataset, ["cats"])
    with pytest.raises(DatabaseError):
        removal.remove_images(ids)
    assert Image.objects.count() == 1


def test_signing_in_and_out_and_being_refused_is_entered(client: Client) -> None:
    User.objects.create_superuser("staff", password=PASSWORD)
    address = "/admin/login/"
    client.post(address, {"username": "staff", "password": "wrong"}, REMOTE_ADDR="192.0.2.9")
    client.post(address, {"username": "staff", "password": PASSWORD}, REMOTE_ADDR="192.0.2.7")
    client.post("/admin/logout/")
    refused, came, left = entries("account.refused", "account.sign_in", "account.sign_out")
    assert (refused.actor, refused.target, refused.address) == ("", "staff", "192.0.2.9")
    assert (came.action, came.actor, came.address) == ("account.sign_in", "staff", "192.0.2.7")
    assert (left.action, left.actor) == ("account.sign_out", "staff")
    assert "wrong" not in str(AuditEntry.objects.values_list("details", "target"))


def test_what_is_granted_to_accounts_and_groups_is_entered() -> None:
    member = User.objects.create_user("member", password=PASSWORD)
    group = Group.objects.create(name="curators")
    permission = Permission.objects.get(codename="change_image")
    group.permissions.add(permission)
    member.groups.add(group)
    member.is_staff = True
    member.save()
    member.set_password("another long password")
    member.save()
    member.save()  # nothing changed
    member.groups.clear()
    member.delete()
    assert [(entry.action, entry.target) for entry in entries()] == [
        ("member.create", "member"),
        ("group.create", "curators"),
        ("group.change", "curators"),
        ("member.change", "member"),
        ("member.change", "member"),
        ("account.password", "member"),
        ("member.change", "member"),
        ("member.delete", "member"),
    ]
    granted, joined, staffed, _, cleared = (entry.details for entry in entries()[2:7])
    assert granted == {"of": "permissions", "given": [str(permission)]}
    assert joined == {"of": "groups", "given": ["curators"]}
    assert staffed == {"is_staff": {"before": False, "after": True}}
    assert cleared == {"of": "groups", "cleared": []}


def test_a_command_is_named_with_the_user_of_this_machine(sample_folder: Callable[..., Path]) -> None:
    folder = sample_folder(count=1, categories=2)
    call_command("import_dataset", str(folder), name="new", no_extract=True)
    assert only("dataset.create").actor == audit.by_command("import_dataset")
    assert only("import.start").actor.startswith("command: import_dataset by ")


def test_a_program_that_says_nothing_of_itself_is_known_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    audit._program.cache_clear()
    monkeypatch.setattr(sys, "argv", ["./manage.py", "createsuperuser"])
    User.objects.create_superuser("staff", password=PASSWORD)
    audit._program.cache_clear()
    assert only("member.create").actor.startswith("command: createsuperuser by ")


def test_what_a_job_does_refers_to_it_and_jobs_that_follow_from_it_are_not_entered(dataset: Dataset) -> None:
    with audit.acting_as(audit.by_job(7, "import")):
        jobs.enqueue(jobs.IMPORT, dataset, path="/nowhere")
        removal.remove_images(stored_images(dataset, ["cats"]))
    assert not entries("import.start")
    assert only("image.delete").actor == "job: import 7"


def test_a_word_that_the_audit_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no action 'dataset\.paint'"):
        audit.record("dataset.paint")


def test_an_entry_is_never_changed_or_removed_through_its_model() -> None:
    entry = audit.record("dataset.create", "one")
    entry.target = "other"
    for forbidden in (
        entry.save,
        entry.delete,
        AuditEntry.objects.all().delete,
        lambda: AuditEntry.objects.update(target="other"),
        lambda: AuditEntry.objects.bulk_update([entry], ["target"]),
    ):
        with pytest.raises(AppendOnlyError), transaction.atomic():
            forbidden()
    assert only("dataset.create").target == "one"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE gallery_auditentry SET target = 'other'",
        "UPDATE gallery_auditentry SET target = 'other' WHERE id = 0",
        "DELETE FROM gallery_auditentry",
        "sqlite: INSERT OR REPLACE INTO gallery_auditentry SELECT * FROM gallery_auditentry",
        "postgresql: TRUNCATE gallery_auditentry",
    ],
)
def test_the_database_itself_refuses_to_change_or_remove_an_entry(statement: str) -> None:
    audit.record("dataset.create", "one")
    vendor, _, rest = statement.rpartition(": ")
    if vendor not in ("", connection.vendor):
        pytest.skip(f"a statement of {vendor}")
    if "id = 0" in rest and connection.vendor == "sqlite":
        pytest.skip("SQLite asks for each row, and there is none")
    with pytest.raises(IntegrityError, match=audit_triggers.REFUSAL), transaction.atomic():
        connection.cursor().execute(rest)
    assert only("dataset.create").target == "one"


def test_rows_of_another_manager_are_refused_too() -> None:
    audit.record("dataset.create", "one")
    with pytest.raises(IntegrityError), transaction.atomic():
        models.QuerySet(AuditEntry).delete()
    assert only("dataset.create")


def test_old_entries_go_as_the_setting_says_and_what_removes_them_is_entered(settings: Any) -> None:
    from gallery.tasks import prune_audit

    now = timezone.now()
    for name, days in (("old", 31), ("new", 29)):
        AuditEntry.objects.create(action="dataset.create", target=name, at=now - timedelta(days=days))
    prune_audit()
    assert len(entries("dataset.create")) == 2, "everything is kept unless a setting says otherwise"
    settings.AUDIT_KEEP_DAYS = 30
    prune_audit()
    assert only("dataset.create").target == "new"
    assert only("audit.prune").details["entries"] == 1
    with pytest.raises(IntegrityError), transaction.atomic():
        connection.cursor().execute("DELETE FROM gallery_auditentry")


@pytest.mark.django_db(transaction=True)
def test_the_triggers_are_back_after_a_migration() -> None:
    call_command("migrate", "gallery", "0007", verbosity=0)
    call_command("migrate", verbosity=0)
    audit.record("dataset.create", "one")
    with pytest.raises(IntegrityError):
        connection.cursor().execute("DELETE FROM gallery_auditentry")


def test_the_admin_shows_filters_and_searches_the_audit_and_changes_nothing(
    staff_client: Client, dataset: Dataset
) -> None:
    for name in ("cats", "dogs"):
        staff_client.post("/api/v1/datasets/", {"slug": name, "name": name})
    page = "/admin/gallery/auditentry/"
    for query, expected in (
        ("action=dataset.create", {"cats", "dogs"}),
        ("dataset=cats", {"cats"}),
        ("actor=staff&action=dataset.create", {"cats", "dogs"}),
        ("q=dogs", {"dogs"}),
        ("q=nothing", set()),
    ):
        answer = staff_client.get(f"{page}?{query}")
        assert answer.status_code == 200
        shown = answer.context["cl"].result_list
        assert {entry.target for entry in shown if entry.action == "dataset.create"} == expected
    entry = entries("dataset.create")[0]
    one = f"{page}{entry.pk}/"
    assert staff_client.get(f"{one}change/").status_code == 200
    for address in (f"{page}add/", f"{one}delete/"):
        assert staff_client.get(address).status_code == 403
    assert staff_client.post(f"{one}change/", {"target": "other"}).status_code == 403
    selected = {"action": "delete_selected", "_selected_action": entry.pk, "post": "yes"}
    staff_client.post(page, selected)
    assert AuditEntry.objects.filter(pk=entry.pk).exists()


def test_a_page_of_the_audit_counts_no_further_than_it_shows(
    staff_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gallery.admin import BoundedPaginator

    monkeypatch.setattr(BoundedPaginator, "MOST", 150)
    AuditEntry.objects.bulk_create(AuditEntry(action="dataset.create", target=str(n)) for n in range(400))
    with CaptureQueriesContext(
        connection,
    ) as queries:
        answer = staff_client.get("/admin/gallery/auditentry/")
    assert answer.context["cl"].result_count == 150
    assert [row.target for row in answer.context["cl"].result_list[:2]] == ["399", "398"]
    counting = [
        query["sql"] for query in queries if "COUNT(" in query["sql"] and "auditentry" in query["sql"]
    ]
    assert counting
    assert all("LIMIT 150" in sql for sql in counting)


def test_an_entry_outlives_its_account_its_dataset_and_its_token(staff_client: Client) -> None:
    staff_client.post("/api/v1/datasets/", {"slug": "cats", "name": "Cats"})
    Dataset.objects.all().delete()
    User.objects.all().delete()
    assert told(only("dataset.create")) == ("staff", "dataset", "Cats", "cats")


def test_tokens_and_waits_after_wrong_guesses_are_entered(client: Client) -> None:
    owner = User.objects.create_superuser("owner", password=PASSWORD)
    token, text = tokens.make_token(owner, "notebook", [Scope.READ], days=7)
    pk = token.pk
    tokens.revoke(token)
    made, revoked = entries("token.create", "token.revoke")
    assert (made.target_id, made.details) == (
        str(pk),
        {"owner": "owner", "scopes": ["read"], "days": 7},
    )
    assert (revoked.target_id, text in str(revoked.details)) == (made.target_id, False)
    assert client.get("/api/v1/datasets/", headers={"Authorization": f"Token {text}"}).status_code == 401
    assert entries("token.refused")[0].address == "127.0.0.1"

    for _ in range(6):
        client.post("/accounts/sign-in/", {"username": "owner", "password": "wrong"})
    locked = entries("account.locked")[0]
    assert (locked.target, locked.details) == ("password of owner from 127.0.0.1", {"wait_s": 30})
    client.force_login(owner)
    (row,) = FailedAttempts.objects.filter(who=locked.target)
    client.post(reverse("admin:gallery_failedattempts_delete", args=[row.pk]), {"post": "yes"})
    (unlocked,) = entries("account.unlocked")
    assert (unlocked.target, unlocked.actor) == (locked.target, "owner")


def test_an_entry_names_the_token_that_was_used_and_never_what_it_is_made_of(db: None) -> None:
    owner = User.objects.create_superuser("owner", password=PASSWORD)
    token, text = tokens.make_token(owner, "robot", [Scope.WRITE])
    program = Client(headers={"Authorization": f"Token {text}"})
    assert program.post("/api/v1/datasets/", {"slug": "cats", "name": "Cats"}).status_code == 201
    entry = only("dataset.create")
    assert (entry.actor, entry.token) == ("owner", f"robot ({token.prefix}…)")
    everything = str(list(AuditEntry.objects.values_list()))
    assert text not in everything
    assert token.digest not in everything
