"""The design system and the shell: base pages, components, navigation, and the registries that rooms fill.

`navigation` (menu items), `search` (what the search box asks), `maplayers` (layers of the map), `headlines` (numbers of
the wall screen). Rooms add from their own `AppConfig.ready()`; nothing here names a room.
"""
