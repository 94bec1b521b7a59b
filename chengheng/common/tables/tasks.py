"""Large exports, and the clearing away of those that nobody fetched."""

from __future__ import annotations

import os
import time
from typing import Any

from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from chengheng.common import jobs

KEEP_EXPORTS_DAYS = 7


@jobs.task("tables.export")
def export(job: jobs.Progress, code: str, question: str, columns: list[str], form: str) -> dict[str, Any]:
    """Write the export to the file store; the job's page links to it. Permission is asked again at this time."""
    from chengheng.common.tables import actions, declaration, exporting

    table = declaration.get(code)()
    params = QueryDict(question)
    listing = actions.listing_for_export(job.actor, table, params, columns)
    total = exporting.count_for_export(listing)
    job.step(0, total, _("Writing rows"))

    def step(done: int) -> None:
        job.step(min(done, total), total)

    target = exporting.export_folder() / f"{job.job.pk}.{form}"
    draft = target.with_suffix(".part")
    try:
        with draft.open("wb") as file:
            draft.chmod(0o600)
            if form == "xlsx":
                exporting.write_xlsx(listing, file, step)
            else:
                for line in exporting.csv_lines(listing, step):
                    file.write(line)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    actions.record_export(listing, params, form, total)
    job.step(total, total)
    job.result(url=reverse("tables:fetch", args=[job.job.pk]), text=_("%(rows)s rows") % {"rows": f"{total:,}"})
    return {"file": target.name, "name": actions.file_name(table, form)}


@jobs.queue.periodic(cron="43 3 * * *")
@jobs.queue.task(name="tables.clear_exports", queue="default")
def clear_exports(timestamp: int) -> None:
    """Delete exports older than `KEEP_EXPORTS_DAYS` days."""
    from chengheng.common.tables.exporting import export_folder

    for path in export_folder().iterdir():
        if path.is_file() and path.stat().st_mtime < time.time() - KEEP_EXPORTS_DAYS * 86_400:
            path.unlink(missing_ok=True)
