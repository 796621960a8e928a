"""What the gallery announces; it does not know who listens.

`images_added` and `images_removed` are sent with `dataset_id: int` and `image_ids: list[int]`.
`images_added` comes after the rows are committed, `images_removed` inside the removing
transaction and before the rows go, so that what hangs on them can go with them.
`dataset_removed` comes before a dataset's row is deleted.
"""

from __future__ import annotations

from django.dispatch import Signal

images_added = Signal()
images_removed = Signal()
