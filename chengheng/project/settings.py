"""Django's settings, derived from the table in `config`."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.utils.translation import gettext_lazy as _

from chengheng.project import config
from chengheng.project.embedded import Embedded

PACKAGE = Path(__file__).resolve().parent.parent
DATA = config.data_folder()
SHARED = Path(config.text("CHENGHENG_SHARED")).resolve()

SECRET_KEY = config.secret("django_secret_key")
DEBUG = config.flag("CHENGHENG_DEBUG")
DEMO = config.flag("CHENGHENG_DEMO")
ALLOWED_HOSTS = config.items("CHENGHENG_ALLOWED_HOSTS")
TRUSTED_PROXIES = config.items("CHENGHENG_TRUSTED_PROXIES")
LIVE_PORT = config.number("CHENGHENG_LIVE_PORT")
LIVE_HOST = config.reachable_host()
SIP_ID = config.text("CHENGHENG_SIP_ID")
SIP_REALM = config.text("CHENGHENG_SIP_REALM") or SIP_ID[:10]
SIP_HOST = config.text("CHENGHENG_SIP_HOST") or config.text("CHENGHENG_HOST")
SIP_PORT = config.number("CHENGHENG_SIP_PORT")
MEDIA_HOST = config.text("CHENGHENG_MEDIA_HOST")
MEDIA_PORTS = config.text("CHENGHENG_MEDIA_PORTS")
JANUS_PORT = config.number("CHENGHENG_JANUS_PORT")
JANUS_FOLDER = DATA / "janus"
CONFERENCE_HOST = config.text("CHENGHENG_CONFERENCE_HOST")
CONFERENCE_PUBLIC = config.text("CHENGHENG_CONFERENCE_PUBLIC")
CONFERENCE_PORTS = config.text("CHENGHENG_CONFERENCE_PORTS")
TERMINAL_PORT = config.number("CHENGHENG_TERMINAL_PORT")
TURN_URLS = config.text("CHENGHENG_TURN_URLS")
CHROMIUM = config.text("CHENGHENG_CHROMIUM")
SPEECH_COMMAND = config.text("CHENGHENG_SPEECH_COMMAND")
SPEECH_URL = config.text("CHENGHENG_SPEECH_URL")
SPEECH_MODEL = config.text("CHENGHENG_SPEECH_MODEL")
TURN_SECRET = config.text("CHENGHENG_TURN_SECRET")

COMMON = [
    "people", "trail", "calendars", "flow", "places", "files", "notices", "measures",
    "links", "replay", "tables", "intake", "jobs", "ui",
]  # fmt: skip
SYSTEMS = ["patrol", "cleanliness", "video", "opinion", "maintenance", "finance", "command"]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "procrastinate.contrib.django",
    *(f"chengheng.common.{name}" for name in COMMON),
    *(f"chengheng.{name}" for name in SYSTEMS),
    "chengheng.performance",
    "chengheng.portal",
    "chengheng.simulate",
]

MIDDLEWARE = [
    "chengheng.project.health.measured",
    "chengheng.common.people.middleware.Requests",
    "django.middleware.security.SecurityMiddleware",
    "chengheng.project.machines.Machines",
    "chengheng.common.ui.csp.ContentSecurityPolicy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "chengheng.common.ui.preferences.Language",
    "django.contrib.messages.middleware.MessageMiddleware",
    "chengheng.common.people.middleware.Sessions",
    "chengheng.common.people.middleware.SignInRequired",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "chengheng.common.ui.border.RefusalBorder",
]

ROOT_URLCONF = "chengheng.project.urls"
WSGI_APPLICATION = "chengheng.project.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
            ],
        },
    }
]


def _database() -> dict[str, object]:
    url = config.text("DATABASE_URL")
    if url:
        parts = urlsplit(url)
        connection = {
            "HOST": unquote(parts.hostname or ""),
            "PORT": str(parts.port or ""),
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "NAME": unquote(parts.path.lstrip("/")),
        }
    else:
        embedded = Embedded.of_site().connection()
        connection = {
            "HOST": embedded["host"],
            "PORT": embedded["port"],
            "USER": embedded["user"],
            "PASSWORD": embedded["password"],
            "NAME": embedded["dbname"],
        }
    return {
        "ENGINE": "chengheng.common.database",
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        **connection,
    }


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "people.User"
AUTHENTICATION_BACKENDS = ["chengheng.common.people.auth.Backend"]
PASSWORD_HASHERS = ["chengheng.common.people.hashing.Argon2"]
AUTH_PASSWORD_VALIDATORS: list[dict[str, str]] = []  # people.rules.password_faults asks instead, by the dated policy
LOGIN_URL = "people:sign_in"
LOGIN_REDIRECT_URL = "/"

HTTPS = config.flag("CHENGHENG_HTTPS")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "session"
SESSION_COOKIE_AGE = 24 * 3600  # the most that a policy may allow; the policy in force ends sessions earlier
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS and TRUSTED_PROXIES else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "chengheng.common.ui.views.csrf_refused"
MAP_TILES = config.text("CHENGHENG_MAP_TILES")
REMOTE_WRITE_URL = config.text("CHENGHENG_REMOTE_WRITE_URL")
REMOTE_WRITE_TOKEN = config.text("CHENGHENG_REMOTE_WRITE_TOKEN")
EMAIL_URL = config.text("CHENGHENG_EMAIL_URL")
EMAIL_FROM = config.text("CHENGHENG_EMAIL_FROM")
SITE_URL = config.text("CHENGHENG_SITE_URL")
INSIDE_HOSTS = config.items("CHENGHENG_INSIDE_HOSTS")

LANGUAGE_CODE = config.text("CHENGHENG_LANGUAGE")
LOCALE_PATHS = [PACKAGE / "project" / "locale", PACKAGE / "common" / "locale"]
LANGUAGES = [("zh-hans", _("Simplified Chinese")), ("en", _("English"))]
TIME_ZONE = "Asia/Shanghai"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = DATA / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
# The front-end build puts a content hash into its files' names: they never change under the same name.
WHITENOISE_IMMUTABLE_FILE_TEST = r"/build/assets/.+-[\w-]{8}\.\w+$"
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = DEBUG
FILE_STORE = DATA / "files"
EXPORT_ROWS = config.number("CHENGHENG_EXPORT_ROWS")
DATA_UPLOAD_MAX_MEMORY_SIZE = 20 * 1024 * 1024

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request_id": {"()": "chengheng.common.people.logs.RequestIdFilter"}},
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["request_id"]}},
    "root": {"handlers": ["stderr"], "level": config.text("CHENGHENG_LOG_LEVEL")},
    "loggers": {"procrastinate": {"level": "WARNING"}},  # it tells of every job; failures are warnings and above
}
