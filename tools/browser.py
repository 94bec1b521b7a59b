"""How Chromium is started for tests and screenshots: Debian's, quiet, without reaching for the network by itself."""

FLAGS = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # maps draw with WebGL, here on the processor; nothing else does: a whole page drawn so costs forty times as much
    "--use-gl=angle",
    "--use-angle=swiftshader-webgl",
    "--enable-unsafe-swiftshader",
)
