"""The configuration files of a Janus that only a gateway on the same machine may command: libconfig texts by name.

The API listens on loopback alone and asks a secret; plugins that are not used stay off; H.264 is forced by the rooms
because Janus 1.1.2 reads out of bounds in VP8 simulcast. Nothing here is written to disk.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Engine:
    """What the files depend on. Folders are absolute paths; ports are (first, last)."""

    etc: str
    plugins: str
    transports: str
    events: str
    loggers: str
    api_port: int
    secret: str
    admin_key: str
    media_host: str
    media_ports: tuple[int, int]
    loops: int = 2
    public_host: str = ""


_OFF_PLUGINS = (
    "voicemail", "recordplay", "echotest", "videocall", "lua", "duktape", "sip", "nosip", "streaming", "textroom",
)  # fmt: skip
_OFF_TRANSPORTS = ("rabbitmq", "mqtt", "nanomsg", "pfunix", "http")
_OFF_EVENTS = ("mqttevh", "nanomsgevh", "rabbitmqevh", "gelfevh", "wsevh", "sampleevh")
_PROTECTED = ("/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/sbin", "/sys", "/usr", "/root", "/home")


def text(value: str) -> str:
    """A libconfig string."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _libraries(names: tuple[str, ...], stem: str = "libjanus_") -> str:
    return text(",".join(f"{stem}{name}.so" for name in names))


def files(engine: Engine) -> dict[str, str]:
    """File name → content."""
    first, last = engine.media_ports
    mapped = f"\n  nat_1_1_mapping = {text(engine.public_host)}" if engine.public_host else ""
    enforced = f"\n  ice_enforce_list = {text(engine.media_host)}" if engine.media_host else ""
    main = f"""general: {{
  configs_folder = {text(engine.etc)}
  plugins_folder = {text(engine.plugins)}
  transports_folder = {text(engine.transports)}
  events_folder = {text(engine.events)}
  loggers_folder = {text(engine.loggers)}
  debug_level = 3
  debug_timestamps = true
  debug_colors = false
  api_secret = {text(engine.secret)}
  session_timeout = 60
  reclaim_session_timeout = 0
  event_loops = {engine.loops}
  recordings_tmp_ext = "part"
  hide_dependencies = true
  exit_on_dl_error = false
  protected_folders = [{", ".join(text(folder) for folder in (*_PROTECTED, engine.etc))}]
}}
media: {{
  rtp_port_range = "{first}-{last}"
  min_nack_queue = 500
  slowlink_threshold = 8
  no_media_timer = 3
}}
nat: {{{enforced}
  ice_lite = true
  ignore_mdns = true
  full_trickle = true{mapped}
}}
plugins: {{ disable = {_libraries(_OFF_PLUGINS)} }}
transports: {{ disable = {_libraries(_OFF_TRANSPORTS)} }}
loggers: {{ disable = {_libraries(("jsonlog",))} }}
events: {{ broadcast = false  disable = {_libraries(_OFF_EVENTS)} }}
"""
    sockets = f"""general: {{
  json = "compact"
  ws = true
  ws_port = {engine.api_port}
  ws_ip = "127.0.0.1"
  wss = false
  ws_acl = "127.0.0.1"
}}
admin: {{ admin_ws = false  admin_wss = false }}
"""
    rooms = f"""general: {{
  admin_key = {text(engine.admin_key)}
  lock_rtp_forward = true
  string_ids = true
}}
"""
    mixes = f"""general: {{
  admin_key = {text(engine.admin_key)}
  lock_rtp_forward = true
  lock_play_file = true
  string_ids = true
  local_ip = "127.0.0.1"
  rtp_port_range = "{first}-{last}"
}}
"""
    return {
        "janus.jcfg": main,
        "janus.transport.websockets.jcfg": sockets,
        "janus.plugin.videoroom.jcfg": rooms,
        "janus.plugin.audiobridge.jcfg": mixes,
    }
