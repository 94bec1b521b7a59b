"""Reference data that every site needs: the four systems that the centre's programmes of 2024 maintain."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from chengheng.maintenance.models import System

SYSTEMS = {
    "video": _("Video surveillance"),
    "platform": _("Digital city management platform"),
    "finance": _("Finance and audit network"),
    "command": _("Video conference and dispatch"),
}
"""Code → name, one for each maintenance programme of the target tables 2024 (programmes 3, 5, 6 and 7)."""

WORDS = {
    "video": ("视频图像监控", "视频监控"),
    "platform": ("数字化城市管理系统", "数字城管系统"),
    "finance": ("财务审计监督", "财务审计"),
    "command": ("视频会议", "指挥调度"),
}
"""Words of a programme's name by which its system is known; the longest that occurs decides."""


def load() -> None:
    """Make the systems that are missing, named in the site's language."""
    from django.conf import settings
    from django.utils import translation

    with translation.override(settings.LANGUAGE_CODE):
        for code, name in SYSTEMS.items():
            System.objects.get_or_create(code=code, defaults={"name": str(name)})
