from django.urls import path

from chengheng.common import tables
from chengheng.video import views
from chengheng.video.tables import AlarmTable, CallTable, CameraTable, DeviceTable, OperationTable, RecordingTable

app_name = "video"
urlpatterns = [
    path("", views.wall, name="wall"),
    path("tree", views.search_tree, name="tree"),
    path("scenes", views.save_scene, name="save_scene"),
    path("cameras/", tables.view(CameraTable), name="cameras"),
    path("cameras.geojson", views.cameras_geojson, name="geojson"),
    path("cameras/<int:pk>/", views.channel, name="channel"),
    path("cameras/<int:pk>/token", views.token, name="token"),
    path("cameras/<int:pk>/records", views.records, name="records"),
    path("cameras/<int:pk>/presets", views.presets, name="presets"),
    path("cameras/<int:pk>/snapshot", views.take_snapshot, name="take_snapshot"),
    path("cameras/<int:pk>/record", views.record, name="record"),
    path("cameras/<int:pk>/fetch/", views.fetch_recording, name="fetch_recording"),
    path("cameras/<int:pk>/plan/", views.plan_recording, name="plan_recording"),
    path("cameras/<int:pk>/home", views.home_position, name="home_position"),
    path("cameras/<int:pk>/guard", views.guard, name="guard"),
    path("plans/<int:pk>/end", views.end_plan, name="end_plan"),
    path("thresholds/", views.thresholds, name="thresholds"),
    path("cameras/<int:pk>/change/", views.change_channel, name="change_channel"),
    path("snapshots/<int:pk>/", views.snapshot, name="snapshot"),
    path("recordings/", tables.view(RecordingTable), name="recordings"),
    path("recordings/<int:pk>/stop", views.stop_recording, name="stop_recording"),
    path("state/", views.state, name="state"),
    path("calls/", tables.view(CallTable), name="calls"),
    path("calls/<uuid:pk>/", views.call, name="call"),
    path("calls/<uuid:pk>/stop", views.stop_call, name="stop_call"),
    path("operations/", tables.view(OperationTable), name="operations"),
    path("operations/new/", views.operation_edit, name="operation_new"),
    path("operations/<int:pk>/", views.operation, name="operation"),
    path("operations/<int:pk>/change/", views.operation_edit, name="operation_change"),
    path("operations/<int:pk>/note", views.operation_note, name="operation_note"),
    path("devices/", tables.view(DeviceTable), name="devices"),
    path("devices/new/", views.device_new, name="device_new"),
    path("devices/<int:pk>/", views.device, name="device"),
    path("devices/<int:pk>/change/", views.device_change, name="device_change"),
    path("devices/<int:pk>/password", views.device_password, name="device_password"),
    path("devices/<int:pk>/catalog", views.device_catalog, name="device_catalog"),
    path("alarms/", tables.view(AlarmTable), name="alarms"),
    path("upstreams/", views.upstreams, name="upstreams"),
    path("upstreams/new/", views.upstream_new, name="upstream_new"),
    path("upstreams/<int:pk>/share", views.upstream_share, name="upstream_share"),
]
