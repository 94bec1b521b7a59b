from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PeopleConfig(AppConfig):
    name = "chengheng.common.people"
    label = "people"
    verbose_name = _("People")

    def ready(self) -> None:
        from chengheng.common.people import administrators  # noqa: F401 - declares the roles of this room
        from chengheng.common.ui import navigation
        from chengheng.common.ui.navigation import Item

        navigation.room("people", _("People and rights"), icon="users", order=900)
        for order, (label, name, icon, act) in enumerate(
            (
                (_("Users"), "users", "users", "people.user.view"),
                (_("Organisations"), "organisations", "sitemap", "people.organisation.view"),
                (_("Duties"), "duties", "user-check", "people.duty.view"),
                (_("Permission matrix"), "permissions", "table", "people.permission.view"),
                (_("Access policy"), "policy", "shield-lock", "people.policy.view"),
                (_("Sign-ins"), "sign_ins", "login", "people.sign_in.view"),
            )
        ):
            navigation.add(Item("people", label, f"people:{name}", icon, act, order=order))
