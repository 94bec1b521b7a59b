"""The one table of settings: every environment variable that the product reads, its default and its meaning.

Nothing else in the product reads the environment. `chengheng check --settings` and docs/operations.md print this table.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Setting:
    """One environment variable: its name, its default as text, and what it does."""

    name: str
    default: str
    meaning: str


SETTINGS: tuple[Setting, ...] = (
    Setting("CHENGHENG_DATA", "./var", "Data folder: embedded database, file store, secrets, logs."),
    Setting("DATABASE_URL", "", "postgresql://… of a PostgreSQL ≥ 15; empty means the embedded PostgreSQL 18."),
    Setting("CHENGHENG_HOST", "127.0.0.1", "Address that web and live listen on."),
    Setting("CHENGHENG_PORT", "8000", "Port of pages and API."),
    Setting("CHENGHENG_LIVE_PORT", "8001", "Port of the event stream and the media gateways."),
    Setting(
        "CHENGHENG_ALLOWED_HOSTS",
        "localhost,127.0.0.1,[::1]",
        "Host names that the site answers to, comma separated.",
    ),
    Setting("CHENGHENG_HTTPS", "0", "1 when served behind TLS: secure cookies and HSTS."),
    Setting("CHENGHENG_TRUSTED_PROXIES", "", "Addresses of reverse proxies whose X-Forwarded-For is believed."),
    Setting("CHENGHENG_WEB_WORKERS", "2", "Processes of the web server."),
    Setting("CHENGHENG_WEB_THREADS", "4", "Requests that each of them works on at once (a database connection each)."),
    Setting("CHENGHENG_METRICS_TOKEN", "", "Bearer token that opens /metrics to other machines; empty: loopback only."),
    Setting("CHENGHENG_DEMO", "0", "1 offers the demo users on the sign-in page. Never on a site with real data."),
    Setting("CHENGHENG_DEBUG", "0", "1 shows error pages with code, for development only."),
    Setting("CHENGHENG_LANGUAGE", "zh-hans", "Language of pages until a user chooses: zh-hans or en."),
    Setting("CHENGHENG_EXPORT_ROWS", "200000", "Most rows that one export of a list may hold."),
    Setting(
        "CHENGHENG_EMAIL_URL",
        "",
        "smtp://user:password@host:port (smtps://, or ?starttls=1) for notices by e-mail; empty switches them off.",
    ),
    Setting("CHENGHENG_EMAIL_FROM", "Chengheng <chengheng@localhost>", "Sender of those e-mails."),
    Setting("CHENGHENG_SITE_URL", "", "Address of the site as people reach it, for links in e-mails and webhooks."),
    Setting(
        "CHENGHENG_INSIDE_HOSTS",
        "",
        "Hosts or networks inside the house that webhooks and the SMS gateway may reach, comma separated.",
    ),
    Setting(
        "CHENGHENG_MAP_TILES",
        "",
        "Address of raster tiles under the map, https://…/{z}/{x}/{y}.png in WGS-84 web Mercator; empty draws none.",
    ),
    Setting(
        "CHENGHENG_REMOTE_WRITE_URL",
        "",
        "Address of a Prometheus remote write receiver that gets every probe's result, for graphs elsewhere; empty: none.",
    ),
    Setting("CHENGHENG_REMOTE_WRITE_TOKEN", "", "Bearer token for that receiver."),
    Setting("CHENGHENG_SIP_ID", "12010000002000000001", "This platform's own 20-digit ID of GB/T 28181."),
    Setting("CHENGHENG_SIP_REALM", "", "Domain that devices enter; empty: the first ten digits of the ID."),
    Setting("CHENGHENG_SIP_HOST", "", "Address that signalling and media listen on; empty: CHENGHENG_HOST."),
    Setting("CHENGHENG_SIP_PORT", "5060", "Port of GB/T 28181 signalling, UDP and TCP; 0 switches video off."),
    Setting("CHENGHENG_MEDIA_HOST", "", "Address that devices send media to (in SDP); empty: found per device."),
    Setting("CHENGHENG_MEDIA_PORTS", "30000-30999", "Range of ports for media, UDP and TCP."),
    Setting(
        "CHENGHENG_JANUS_PORT", "8188", "Port on loopback by which live commands Janus; 0 switches conferences off."
    ),
    Setting(
        "CHENGHENG_CONFERENCE_HOST",
        "",
        "This machine's address that browsers send picture and sound of conferences to; empty: its first one.",
    ),
    Setting("CHENGHENG_CONFERENCE_PORTS", "20000-21999", "Range of UDP ports for picture and sound of conferences."),
    Setting(
        "CHENGHENG_CONFERENCE_PUBLIC",
        "",
        "The same address as seen from outside, when a router or firewall translates it.",
    ),
    Setting(
        "CHENGHENG_TERMINAL_PORT",
        "5070",
        "Port of SIP terminals in conferences, UDP and TCP, on CHENGHENG_SIP_HOST; 0 switches them off.",
    ),
    Setting(
        "CHENGHENG_TURN_URLS",
        "",
        "Relays for venues whose network lets no UDP through, as browsers write them: turn:host:3478 turns:host:5349; empty: none.",
    ),
    Setting("CHENGHENG_TURN_SECRET", "", "The secret that the relay shares (coturn: static-auth-secret)."),
    Setting(
        "CHENGHENG_CHROMIUM",
        "",
        "Chromium that reads list pages which build themselves by script: name or path; empty: the one that is installed, if any.",
    ),
    Setting(
        "CHENGHENG_SPEECH_COMMAND",
        "",
        "Program that turns speech into text: {wav} stands for a 16 kHz WAV file, {model} for the model folder; writes text or JSON. Empty: none.",
    ),
    Setting(
        "CHENGHENG_SPEECH_URL",
        "",
        "Instead of a program: http address of a recogniser that takes the WAV as the body of a POST and answers text or JSON.",
    ),
    Setting(
        "CHENGHENG_SPEECH_MODEL", "", "Folder with the recogniser's model, as the operator mounts it; put for {model}."
    ),
    Setting("CHENGHENG_SHARED", "../shared", "Folder with the original target tables and test data, when at hand."),
    Setting("CHENGHENG_LOG_LEVEL", "INFO", "Least level that is logged."),
)

_DEFAULTS = {setting.name: setting.default for setting in SETTINGS}


def text(name: str) -> str:
    """Value of a setting of the table above, stripped; KeyError for a name that the table does not list."""
    return os.environ.get(name, _DEFAULTS[name]).strip()


def flag(name: str) -> bool:
    """A 0/1 setting as bool."""
    return text(name).lower() in {"1", "true", "yes", "on"}


def number(name: str) -> int:
    """An integer setting; ValueError names the variable."""
    try:
        return int(text(name))
    except ValueError as error:
        raise ValueError(f"{name} must be a whole number, not {text(name)!r}") from error


def items(name: str) -> list[str]:
    """A comma-separated setting as list, empty parts left out."""
    return [part.strip() for part in text(name).split(",") if part.strip()]


def reachable_host() -> str:
    """An address by which this machine reaches what listens on CHENGHENG_HOST."""
    host = text("CHENGHENG_HOST")
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104


def site_address() -> str:
    """The address to show to a person on this machine."""
    host = reachable_host()
    return f"http://{f'[{host}]' if ':' in host else host}:{number('CHENGHENG_PORT')}/"


def data_folder() -> Path:
    """The data folder as an absolute path (not created)."""
    return Path(text("CHENGHENG_DATA")).expanduser().resolve()


def secret(name: str, length: int = 50) -> str:
    """A secret of the site: read from `<data>/secrets/<name>`, made there with mode 0600 on first use."""
    folder = data_folder() / "secrets"
    path = folder / name
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="utf-8").strip()
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        value = secrets.token_urlsafe(length)
        file.write(value)
    return value
