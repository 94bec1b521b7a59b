"""Sending a stored file: whole or one range, so that no browser takes it for a page of ours.

Only pictures, video and sound are shown in place; the rest is offered for saving. The type is the sniffed one, with
`nosniff`, an empty policy and a sandbox: whatever the bytes are, nothing in them runs with the site's rights.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header, quote_etag

from chengheng.common.errors import NotFound
from chengheng.common.files import pages
from chengheng.common.files.keeping import thumbnail
from chengheng.common.files.models import Attachment
from chengheng.common.files.rules import parse_range

CHUNK = 256 * 1024
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; media-src 'self'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, max-age=3600",
}


def _pieces(path: Path, first: int, length: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(first)
        while length > 0:
            data = file.read(min(CHUNK, length))
            if not data:
                return
            length -= len(data)
            yield data


def send(request: HttpRequest, attachment: Attachment, *, save: bool = False) -> HttpResponseBase:
    """The content of an attachment, with ranges (RFC 9110 §14) and revalidation. `save` offers it for saving."""
    file = attachment.file
    if not file.path.exists():
        raise NotFound
    tag = quote_etag(file.sha256)
    if tag in request.headers.get("If-None-Match", ""):
        return _with_headers(HttpResponse(status=304), tag)
    whole_only = request.headers.get("If-Range", tag) != tag
    wanted = None if whole_only else parse_range(request.headers.get("Range", ""), file.size)
    if wanted is False:
        return _with_headers(HttpResponse(status=416, headers={"Content-Range": f"bytes */{file.size}"}), tag)
    first, last = wanted if isinstance(wanted, tuple) else (0, file.size - 1)
    length = last - first + 1
    response: HttpResponseBase
    if request.method == "HEAD":
        response = HttpResponse(content_type=_content_type(file.media_type))
    else:
        response = StreamingHttpResponse(_pieces(file.path, first, length), content_type=_content_type(file.media_type))
    response["Content-Length"] = str(length)
    if isinstance(wanted, tuple):
        response.status_code = 206
        response["Content-Range"] = f"bytes {first}-{last}/{file.size}"
    as_file = save or not file.inline
    response["Content-Disposition"] = content_disposition_header(as_file, attachment.name) or "attachment"
    return _with_headers(response, tag)


def send_thumbnail(request: HttpRequest, attachment: Attachment) -> HttpResponseBase:
    """The small picture as WebP; NotFound when there is none."""
    content = thumbnail(attachment.file)
    if content is None:
        raise NotFound
    tag = quote_etag(f"{attachment.file.sha256[:32]}t")
    if tag in request.headers.get("If-None-Match", ""):
        return _with_headers(HttpResponse(status=304), tag)
    return _with_headers(HttpResponse(content, content_type="image/webp"), tag)


def send_page(request: HttpRequest, attachment: Attachment, number: int) -> HttpResponseBase:
    """A page of a PDF as WebP. Raises NotFound, NoPages."""
    tag = quote_etag(f"{attachment.file.sha256[:32]}p{number}")
    if tag in request.headers.get("If-None-Match", ""):
        return _with_headers(HttpResponse(status=304), tag)
    return _with_headers(HttpResponse(pages.picture(attachment.file, number), content_type="image/webp"), tag)


def _content_type(media_type: str) -> str:
    return "text/plain; charset=utf-8" if media_type == "text/plain" else media_type


def _with_headers(response: HttpResponseBase, tag: str) -> HttpResponseBase:
    for name, value in _HEADERS.items():
        response[name] = value
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = tag
    return response
