import pytest
from types import SimpleNamespace as N
from decimal import Decimal
from tests.builders import holder, organisation
from tests.things.models import Lamp

@pytest.mark.django_db(transaction=True)
def test_look(signed_in, live_server, settings):
    from django.test.utils import override_settings
    user = holder("lamp.keeper", organisation("天津市数字化城市管理考核中心"), name="王建国")
    from django.utils import timezone
    user.set_unusable_password(); user.save()
    page = signed_in(user)
    import os
    which = os.environ.get("LOOK", "/design/").split(",")
    for theme in ("light", "dark"):
        for w, h in ((1440, 900), (390, 844)):
            page.set_viewport_size({"width": w, "height": h})
            page.context.add_cookies([{"name": "theme", "value": theme, "url": live_server.url}])
            for path in which:
                page.goto(live_server.url + path)
                page.wait_for_timeout(1500)
                name = path.strip("/").replace("/", "-").replace("?", "-") or "overview"
                page.screenshot(path=f"/tmp/shots/{name}-{theme}-{w}.png", full_page=True)
    print("FAULTS", page.faults)
