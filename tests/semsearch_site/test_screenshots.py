"""The pictures of README and documents: there, small, and compared with a threshold that sees a change."""

from __future__ import annotations

import numpy as np
from PIL import Image

from semsearch_site.docs import screenshots
from semsearch_site.docs.screenshots import DIFFERENCE, FOLDER, LARGEST_BYTES, SHOTS, SIZE, THEMES, difference


def test_every_image_is_kept_in_both_themes_and_small() -> None:
    wanted = {f"{shot.name}-{theme}.webp" for shot in SHOTS for theme in THEMES}
    assert {file.name for file in FOLDER.iterdir()} == wanted
    for file in FOLDER.iterdir():
        assert file.stat().st_size <= LARGEST_BYTES, file
        with Image.open(file) as image:
            assert image.size == (SIZE["width"], SIZE["height"]), file


def test_the_threshold_sees_a_changed_part_and_no_other_rendering_of_letters() -> None:
    with Image.open(FOLDER / "live-light.webp") as kept:
        image = kept.convert("RGB")
    # letters that lie a little elsewhere
    moved = Image.fromarray(np.roll(np.asarray(image)[:80], 1, axis=1))
    letters = image.copy()
    letters.paste(moved, (0, 0))
    assert 0 < difference(image, letters) < DIFFERENCE
    # one picture of the results is gone
    gone = image.copy()
    gone.paste((250, 250, 248), (356, 150, 800, 700))
    assert difference(image, gone) > DIFFERENCE
    assert difference(image, image.resize((640, 400))) == 255.0


def test_times_of_this_machine_are_replaced_wherever_they_stand_and_nothing_else() -> None:
    answer = {"rows": [{"extract_ms": 3.5, "name": "top"}], "timings_ms": {"total": 9.9}, "total": 7}
    fixed = screenshots._fixed(answer)
    assert fixed["rows"][0] == {"extract_ms": 21.0, "name": "top"}
    assert fixed["timings_ms"] == {"total": 13.6}
    assert fixed["total"] == 7  # a number of things is no time
