"""Style sheets, scripts and the modules that scripts import, all under names made of their content."""

from __future__ import annotations

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # without types
    """Names every static file by its content, so that browsers keep it for ever and never see an old one.

    A module's name changes with what it imports, so the names are worked out from the innermost module
    outwards, one step of imports a pass.
    """

    support_js_module_import_aggregation = True
    max_post_process_passes = 20
