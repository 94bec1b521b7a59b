from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PlacesConfig(AppConfig):
    name = "chengheng.common.places"
    label = "places"
    verbose_name = _("Places")

    def ready(self) -> None:
        from chengheng.common import preparation
        from chengheng.common.places import gazetteer, roles
        from chengheng.common.ui import maplayers, navigation, search

        def districts() -> None:
            from chengheng.common.places.actions import load_shipped_districts

            load_shipped_districts()

        preparation.add("places.districts", districts)
        maplayers.add(
            "places.grid",
            _("Unit grids"),
            "/places/areas.geojson?level=grid",
            shape="area",
            tone="none",
            room="places",
            order=900,
            bounded=True,
        )
        navigation.add(navigation.Item("places", _("Areas"), "places:areas_tree", "map-2", order=10))
        navigation.add(navigation.Item("places", _("Layers of areas"), "places:layers", "layers", roles.LAYER_VIEW, 20))
        search.add("places", gazetteer.hits)
