"""The search visualization in a browser: choose, click, switch, walk by keys, come back by the address."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, expect

from gallery.models import Dataset, Image, Job
from gallery.system.home.shipped_files import program
from search import job_kinds
from search.models import Experiment
from tests.support.browser import LAYERS, asked, scroll_a_little
from tests.support.experiment_rows import stored_images
from tests.support.rounding import rounded

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

MOST_CELLS = 300
# on a machine that does other things as well; alone it takes about 10 ms
SWITCHED_WITHIN_MS = 250


def neighbours(page: Page) -> list[int]:
    """Return the ids of the shown neighbours in order."""
    ids: list[int] = page.locator("#neighbours a").evaluate_all(
        "links => links.map(link => Number(link.dataset.image))"
    )
    return ids


def open_query(page: Page, image: Image | None = None) -> Image:
    """Click an image, or the first coin, and wait for its neighbours."""
    image = image or Image.objects.filter(category="coins").earliest("pk")
    page.locator(f'.grid-picture[data-image="{image.pk}"]').click()
    expect(page.locator("#answer")).not_to_have_attribute("aria-busy", "true")
    expect(page.locator("#neighbours li")).to_have_count(10)
    return image


def served(client: Client, image: Image, **wanted: str) -> dict[str, Any]:
    """Return what the API says an image found in an experiment."""
    experiment = Experiment.objects.get(
        spec__model=wanted["model"], spec__layer=wanted["layer"], metric=wanted["metric"]
    )
    found: dict[str, Any] = client.get(
        f"/api/v1/experiments/{experiment.pk}/neighbours/", {"image": image.pk}
    ).json()
    return found


def test_a_clicked_image_shows_its_neighbours_as_the_api_ranks_and_marks_them(
    explore: Page, client: Client
) -> None:
    image = open_query(explore)
    found = served(client, image, model="efficientnet-lite0", layer="top", metric="cosine")
    assert neighbours(explore) == [neighbour["id"] for neighbour in found["neighbours"]]
    marks = explore.locator("#neighbours li").evaluate_all("items => items.map(item => item.dataset.right)")
    assert marks == [str(neighbour["relevant"]).lower() for neighbour in found["neighbours"]]
    expect(explore.locator("#answer-title")).to_have_text("coins")
    expect(explore.locator("#answer-title")).to_be_focused()
    first = explore.locator("#neighbours li").first
    expect(first).to_contain_text("right: ")
    expect(first.locator(".neighbour-score")).to_have_text(f"{found['neighbours'][0]['score']:.3f}")
    assert asked(explore)["image"] == str(image.pk)


def test_the_weighted_precision_is_worked_out_for_the_query(explore: Page, client: Client) -> None:
    image = open_query(explore, Image.objects.filter(category="birds").earliest("pk"))
    explore.locator('a[data-layer="stem"]').click()
    found = served(client, image, model="efficientnet-lite0", layer="stem", metric="cosine")
    weights = [11 - neighbour["rank"] for neighbour in found["neighbours"] if neighbour["relevant"]]
    assert 0 < len(weights) < 10
    terms = " + ".join(map(str, weights)) + (f" = {sum(weights)}" if len(weights) > 1 else "")
    expect(explore.locator(".formula")).to_have_text(
        f"The right ones: {terms}, of 55 in all: {rounded(100 * sum(weights) / 55)} %"
    )
    tiles = explore.locator(".tile strong")
    expect(tiles.nth(0)).to_have_text(f"{rounded(100 * found['weighted_precision'])} %")
    expect(tiles.nth(1)).to_have_text(f"{rounded(100 * found['precision'])} %")
    expect(tiles.nth(2)).to_have_text(f"{rounded(100 * found['average_precision'])} %")
    mean = Experiment.objects.get(spec__layer="stem", spec__model="efficientnet-lite0", metric="cosine")
    assert mean.weighted_precision is not None
    expect(explore.locator(".tile-mean").first).to_contain_text(rounded(100 * mean.weighted_precision))


def test_the_query_is_compared_over_every_network_and_layer_and_the_best_is_named(
    explore: Page, client: Client
) -> None:
    image = open_query(explore, Image.objects.filter(category="birds").earliest("pk"))
    scores = {
        (row.spec.model, row.spec.layer): row.queries.get(image=image).weighted_precision or 0.0
        for row in Experiment.objects.filter(metric="cosine").select_related("spec")
    }
    explore.locator("#everywhere > summary").click()
    bars = explore.locator(".fared a")
    expect(bars).to_have_count(len(scores))
    shown: list[tuple[str, str, str, str]] = bars.evaluate_all(
        "bars => bars.map(bar => [bar.dataset.model, bar.dataset.layer, "
        "bar.querySelector('.fared-score').textContent, bar.dataset.best ?? 'no'])"
    )
    most = max(scores.values())
    for model, layer, text, best in shown:
        score = scores[model, layer]
        assert abs(float(text) - 100 * score) <= 0.51
        assert (best == "") == (score > most - 1e-6)
    expect(explore.locator("#everywhere-of")).to_contain_text(f"{rounded(100 * most)} %")
    # each network names its best score, marks the layers that have it, and numbers its layers
    heads = explore.locator("#everywhere-list h3").all_text_contents()
    marked: list[list[str]] = explore.locator(".fared a[data-best-own]").evaluate_all(
        "bars => bars.map(bar => [bar.dataset.model, bar.dataset.layer])"
    )
    most_of = {model: max(one for (of, _), one in scores.items() if of == model) for model, _ in scores}
    assert sorted(marked) == sorted(
        [model, layer] for (model, layer), one in scores.items() if one > most_of[model] - 1e-6
    )
    assert sorted(head.split(", best ")[1] for head in heads) == sorted(
        f"{rounded(100 * one)} %" for one in most_of.values()
    )
    numbers = explore.locator('.fared a[data-model="efficientnet-lite0"] > .number:last-child')
    expect(numbers).to_have_text([str(number) for number in range(1, 9)])
    # a bar chooses its network and its layer at once
    explore.locator('.fared a[data-model="colour-histogram"]').click()
    expect(explore.locator("a.layer")).to_have_count(1)
    explore.locator('.fared a[data-layer="stage3"]').click()
    assert (asked(explore)["model"], asked(explore)["layer"]) == ("efficientnet-lite0", "stage3")


def test_every_switch_is_quick_and_asks_the_server_nothing(explore: Page, client: Client) -> None:
    image = open_query(explore)
    requests: list[str] = []
    explore.on("request", lambda request: requests.append(request.url))
    for layer in reversed(LAYERS):
        explore.locator(f'a[data-layer="{layer}"]').click()
        found = served(client, image, model="efficientnet-lite0", layer=layer, metric="cosine")
        assert neighbours(explore) == [neighbour["id"] for neighbour in found["neighbours"]]
    explore.get_by_label("Euclidean").check()
    found = served(client, image, model="efficientnet-lite0", layer="stem", metric="euclidean")
    assert neighbours(explore) == [neighbour["id"] for neighbour in found["neighbours"]]
    explore.locator('a[data-model="colour-histogram"]').click()
    expect(explore.locator("a.layer")).to_have_count(1)
    took: list[float] = explore.evaluate(
        "performance.getEntriesByName('explore:switch').map(entry => entry.duration)"
    )
    assert len(took) >= 10
    assert sorted(took)[len(took) // 2] < SWITCHED_WITHIN_MS
    assert [url for url in requests if "/api/" in url] == []


def test_neighbours_that_stay_glide_to_their_new_rank(explore: Page) -> None:
    open_query(explore)
    before = neighbours(explore)
    explore.locator('a[data-layer="stage3"]').click()
    moving = explore.evaluate(
        "document.getAnimations().filter(one => one.effect.target.matches('.neighbour')).length"
    )
    assert neighbours(explore) != before
    assert moving > 0


def test_nothing_moves_for_those_who_want_it_still(explore: Page) -> None:
    explore.emulate_media(reduced_motion="reduce")
    open_query(explore)
    explore.locator('a[data-layer="stage3"]').click()
    assert (
        explore.evaluate(
            "document.getAnimations().filter(one => one.effect.target.matches('.neighbour')).length"
        )
        == 0
    )


def test_the_arrows_walk_layers_neighbours_and_images(explore: Page) -> None:
    # the first of the grid: others may be its last, with nothing to the right
    first = explore.locator(".grid-picture").first.get_attribute("data-image")
    image = open_query(explore, Image.objects.get(pk=first))
    explore.keyboard.press("ArrowUp")
    explore.keyboard.press("ArrowUp")
    assert asked(explore)["layer"] == "stage6"
    explore.keyboard.press("ArrowDown")
    assert asked(explore)["layer"] == "stage7"
    expect(explore.locator("a.layer[aria-current]")).to_have_attribute("data-layer", "stage7")

    shown = neighbours(explore)
    explore.locator("#neighbours a").first.focus()
    explore.keyboard.press("ArrowRight")
    expect(explore.locator("#neighbours a").nth(1)).to_be_focused()
    explore.keyboard.press("Enter")
    expect(explore).to_have_url(re.compile(rf"image={shown[1]}\b"))
    expect(explore.locator("#query-image")).to_have_attribute("data-image", str(shown[1]))

    explore.go_back()
    expect(explore.locator("#query-image")).to_have_attribute("data-image", str(image.pk))
    explore.keyboard.press("Escape")
    expect(explore.locator("#pictures")).to_be_visible()
    expect(explore.locator(f'.grid-picture[data-image="{image.pk}"]')).to_be_focused()
    explore.keyboard.press("ArrowRight")
    expect(explore.locator(f'.grid-picture[data-image="{image.pk}"]')).not_to_be_focused()
    linked = explore.evaluate("document.activeElement.dataset.image")
    explore.keyboard.press("ArrowLeft")
    expect(explore.locator(f'.grid-picture[data-image="{image.pk}"]')).to_be_focused()
    explore.keyboard.press("Enter")
    expect(explore.locator("#neighbours li")).to_have_count(10)
    explore.keyboard.press("ArrowRight")
    expect(explore).to_have_url(re.compile(rf"image={linked}\b"))


def test_keys_in_a_field_belong_to_the_field(explore: Page) -> None:
    explore.get_by_label("By category").check()
    expect(explore.get_by_label("Go to a category")).to_be_visible()
    explore.get_by_label("Go to a category").focus()
    before = explore.url
    explore.keyboard.press("ArrowDown")
    expect(explore.get_by_label("Go to a category")).to_be_focused()
    assert asked(explore)["layer"] == "top"
    assert explore.url == before


def test_an_address_restores_everything_and_back_leads_through_what_was(explore: Page) -> None:
    image = open_query(explore)
    explore.locator('a[data-layer="stage4"]').click()
    explore.get_by_label("Euclidean").check()
    explore.get_by_label("5", exact=True).check()
    expect(explore.locator("#neighbours li")).to_have_count(5)
    before, shown = asked(explore), neighbours(explore)
    assert before == {
        "dataset": "mine",
        "model": "efficientnet-lite0",
        "layer": "stage4",
        "pooling": "average",
        "metric": "euclidean",
        "image": str(image.pk),
        "k": "5",
    }
    explore.reload()
    expect(explore.locator("#neighbours li")).to_have_count(5)
    assert (asked(explore), neighbours(explore)) == (before, shown)
    expect(explore.locator("a.layer[aria-current]")).to_have_attribute("data-layer", "stage4")
    expect(explore.get_by_label("Euclidean")).to_be_checked()
    for link in explore.locator("[data-sections] a").all():
        assert f"image={image.pk}" in str(link.get_attribute("href"))

    explore.go_back()
    expect(explore.locator("#neighbours li")).to_have_count(10)
    explore.go_back()
    expect(explore.get_by_label("Cosine")).to_be_checked()
    explore.go_back()
    expect(explore.locator("a.layer[aria-current]")).to_have_attribute("data-layer", "top")
    explore.go_back()
    expect(explore.locator("#pictures")).to_be_visible()
    explore.go_forward()
    expect(explore.locator("#query-image")).to_have_attribute("data-image", str(image.pk))


def test_an_address_with_only_an_image_shows_the_dataset_it_is_in(page: Page, explored: Dataset) -> None:
    other = Dataset.objects.create(slug="other", name="Other")
    [alone] = stored_images(other, ["cats"])
    page.goto(f"/?image={alone}")
    expect(page.locator("#datasets a[aria-current]")).to_have_attribute("data-dataset", "other")
    expect(page.locator("#answer-title")).to_have_text("cats")
    assert asked(page)["dataset"] == "other"


def test_an_image_that_is_gone_is_said_to_be_and_all_others_are_shown(page: Page, explored: Dataset) -> None:
    page.goto("/?image=999999")
    expect(page.get_by_role("alert")).to_contain_text("999999")
    scroll_a_little(page)
    expect(page.locator(".grid-picture")).to_have_count(16)
    assert "image" not in asked(page)


def test_images_stand_by_category_where_asked(explore: Page) -> None:
    explore.get_by_label("By category").check()
    expect(explore.locator(".grid-head strong")).to_have_text(["birds", "coins", "flowers", "fruit"])
    assert asked(explore)["order"] == "category"
    categories = dict(Image.objects.values_list("pk", "category"))
    shown: list[list[str]] = explore.locator(".grid-picture").evaluate_all(
        "links => links.map(link => [link.parentElement.dataset.position, link.dataset.image])"
    )
    in_order = sorted((int(position), int(pk)) for position, pk in shown)
    assert [categories[pk] for _, pk in in_order] == sorted(categories.values())


def test_another_dataset_is_named_over_its_images(explore: Page) -> None:
    other = Dataset.objects.create(slug="other", name="The others")
    Image.objects.filter(category="birds").update(dataset=other)
    explore.goto("/?dataset=mine")
    expect(explore.locator("#pictures-title")).to_have_text("Mine 12")
    explore.locator('#datasets a[data-dataset="other"]').click()
    expect(explore.locator("#pictures-title")).to_have_text("The others 4")
    assert explore.locator("#on-map").get_attribute("href").startswith("/embeddings/?dataset=other")


def test_an_image_leads_to_its_place_on_the_map(explore: Page) -> None:
    image = open_query(explore)
    expect(explore.locator("#map-with")).to_have_attribute(
        "href",
        re.compile(rf"^/embeddings/\?dataset=mine&model=efficientnet-lite0&layer=top.*&image={image.pk}$"),
    )


def test_categories_and_confusions_are_shown_on_demand(explore: Page) -> None:
    explore.locator("#categories summary").click()
    expect(explore.locator(".category-scores tbody tr")).to_have_count(4)
    expect(explore.locator(".matrix tbody td")).to_have_count(16)
    experiment = Experiment.objects.get(spec__layer="top", spec__model="efficientnet-lite0", metric="cosine")
    row = next(row for row in experiment.confusion if row["category"] == "birds")
    birds = next(found["count"] for found in row["neighbours"] if found["category"] == "birds")
    total = sum(found["count"] for found in row["neighbours"])
    cell = explore.locator(".matrix tbody td").first
    expect(cell).to_have_attribute("title", f"birds found birds: {birds} of {total}")


def test_the_strongest_feature_maps_are_shown_on_demand_and_follow_the_layer(explore: Page) -> None:
    open_query(explore)
    explore.locator("#maps summary").click()
    expect(explore.locator("#map-list li")).to_have_count(12, timeout=60_000)
    expect(explore.locator("#maps-of")).to_contain_text("top: 12 of 1,280 channels, 7 × 7 each")
    image = explore.locator("#map-list img").first
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 50
    explore.locator('a[data-layer="stage2"]').click()
    expect(explore.locator("#maps-of")).to_contain_text("stage2: 12 of 24 channels, 56 × 56 each")


def test_a_network_that_cannot_be_used_says_why(explore: Page) -> None:
    explore.locator("#absent > summary").click()
    row = explore.locator(".network-absent").filter(has_text="VGG16")
    row.locator("summary").click()
    expect(row.locator("p").first).to_contain_text(re.compile("weights", re.IGNORECASE))


def test_the_chosen_network_is_connected_with_each_of_its_layers(explore: Page) -> None:
    expect(explore.locator("#connections path")).to_have_count(8)
    expect(explore.locator("#connections path[data-chosen]")).to_have_attribute("data-of", "top")
    expect(explore.locator("#depth-curve circle")).to_have_count(8)


def test_without_experiments_a_visitor_learns_the_command(page: Page, explored: Dataset) -> None:
    Experiment.objects.all().delete()
    page.goto("/")
    expect(page.locator("#notices")).to_contain_text("No experiments have been computed")
    expect(page.locator("#notices code")).to_have_text(f"{program()} run_experiments --dataset mine")
    scroll_a_little(page)
    expect(page.locator(".grid-picture")).to_have_count(16)


def test_staff_starts_a_computation_and_results_come_in_by_themselves(
    staff_page: Page, explored: Dataset
) -> None:
    kept = list(Experiment.objects.filter(spec__model="colour-histogram"))
    Experiment.objects.all().delete()
    staff_page.goto("/")
    staff_page.get_by_role("button", name="Compute experiments").click()
    expect(staff_page.locator(".computing")).to_contain_text("3 jobs")
    queued = Job.objects.filter(kind=job_kinds.EXPERIMENT, state=Job.State.QUEUED)
    assert queued.count() == 3
    running = queued.first()
    assert running is not None
    now = timezone.now()
    Job.objects.filter(pk=running.pk).update(
        state=Job.State.RUNNING, started_at=now, heartbeat_at=now, done=4, total=16, message="Measuring"
    )
    expect(staff_page.locator(".computing")).to_contain_text("Measuring")
    expect(staff_page.locator(".computing progress")).to_have_attribute("value", "25")
    for experiment in kept:
        experiment.save(force_insert=True)
    Job.objects.filter(kind=job_kinds.EXPERIMENT).update(state=Job.State.SUCCEEDED)
    expect(staff_page.locator(".computing")).to_have_count(0)
    expect(staff_page.locator("a.network[aria-current]")).to_have_attribute("data-model", "colour-histogram")


def test_staff_is_offered_what_was_not_computed(staff_page: Page, explored: Dataset) -> None:
    staff_page.goto("/?model=efficientnet-lite0")
    staff_page.get_by_label("Manhattan").click()
    expect(staff_page.locator("#offer")).to_contain_text("Manhattan has not been computed")
    staff_page.get_by_role("button", name="Compute it").click()
    expect(staff_page.locator(".computing")).to_be_visible()
    job = Job.objects.get(kind=job_kinds.EXPERIMENT, state=Job.State.QUEUED)
    assert job.parameters == {
        "model": "efficientnet-lite0",
        "poolings": ["average"],
        "metrics": ["manhattan"],
    }


def test_a_visitor_cannot_choose_what_was_not_computed(explore: Page) -> None:
    expect(explore.get_by_label("Manhattan")).to_be_disabled()
    expect(explore.get_by_label("Pyramid")).to_be_disabled()


def test_experiments_out_of_date_are_said_to_be(explore: Page) -> None:
    expect(explore.locator("#notices .notice")).to_have_count(0)
    Image.objects.filter(category="coins").update(category="money")
    explore.reload()
    expect(explore.locator("#notices")).to_contain_text("The experiments are out of date")


def test_without_labels_there_are_neighbours_and_no_marks(explore: Page) -> None:
    Image.objects.update(category="")
    Experiment.objects.update(weighted_precision=None, precision=None, average_precision=None)
    explore.reload()
    expect(explore.locator("#notices")).to_contain_text("This dataset has no labels")
    explore.locator(".grid-picture").first.click()
    expect(explore.locator("#neighbours li")).to_have_count(10)
    expect(explore.locator("#neighbours .mark")).to_have_count(0)
    expect(explore.locator("#scores .tile")).to_have_count(0)


@pytest.mark.parametrize("count", [4_000, pytest.param(20_000, marks=pytest.mark.hostile)])
def test_a_grid_of_thousands_holds_few_elements_and_reaches_the_last(
    page: Page, live_server: Any, count: int
) -> None:
    dataset = Dataset.objects.create(slug="large", name="Large")
    stored_images(dataset, [f"category {number % 200:03d}" for number in range(count)])
    page.goto("/?dataset=large&order=category")
    expect(page.locator("#pictures-count")).to_have_text(f"{count:,}")
    expect(page.locator(".grid-picture").first).to_be_visible()
    assert page.locator(".grid-cell").count() < MOST_CELLS
    for share in (0.25, 0.5, 0.75, 1):
        page.evaluate(f"scrollTo(0, {share} * document.documentElement.scrollHeight)")
        expect(page.locator(".grid-picture").nth(20)).to_be_attached()
        assert page.locator(".grid-cell").count() < MOST_CELLS
    last = page.locator(f'.grid-cell[data-position="{count - 1}"] a')
    expect(last).to_be_in_viewport()
    expect(last).to_have_attribute("title", re.compile("category 199"))
    page.evaluate("scrollTo(0, 0)")
    page.locator(".grid-picture").first.focus()
    page.keyboard.press("End")
    expect(last).to_be_focused()
    page.get_by_label("Go to a category").select_option(label=f"category 100 ({count // 200})")
    expect(page.locator(f'.grid-cell[data-position="{count // 2}"] a')).to_be_in_viewport()


@pytest.mark.parametrize("path", ["/", "/?image={image}"])
def test_a_small_screen_shows_everything_without_scrolling_sideways(
    page: Page, explored: Dataset, path: str
) -> None:
    page.set_viewport_size({"width": 375, "height": 740})
    image = Image.objects.first()
    assert image is not None
    page.goto(path.format(image=image.pk))
    expect(page.locator(".neighbour" if "image" in path else ".grid-picture").first).to_be_visible()
    page.locator("#categories summary").click()
    expect(page.locator(".matrix")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    expect(page.locator("a.layer[aria-current]")).to_be_in_viewport(ratio=0.9)
