"""Content-addressed attachments with hash, thumbnail, EXIF time and place.

`files.store(content, name)`, `files.store_many(contents)`, `files.attach(file, subject, kind, by, name)`, `files.attach_many(subject, by, files)`,
`files.of(subject, kind)`, `files.of_many(subjects)`, `files.withdraw(attachment, by, why)`, `files.machine_link(attachment)`.
"""

from typing import TYPE_CHECKING

from chengheng.common.facade import facade

if TYPE_CHECKING:
    from chengheng.common.files.attaching import attach, attach_many, machine_link, of, of_many, on_attach, withdraw
    from chengheng.common.files.keeping import store, store_many
    from chengheng.common.files.models import Attachment, File

__all__ = [
    "Attachment",
    "File",
    "attach",
    "attach_many",
    "machine_link",
    "of",
    "of_many",
    "on_attach",
    "store",
    "store_many",
    "withdraw",
]
__getattr__ = facade(
    __name__,
    dict.fromkeys(("attach", "attach_many", "machine_link", "of", "of_many", "on_attach", "withdraw"), "attaching")
    | dict.fromkeys(("Attachment", "File"), "models")
    | {"store": "keeping", "store_many": "keeping"},
)
