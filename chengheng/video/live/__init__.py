"""What runs in the live process: SIP sockets, media ports, viewers. One asyncio loop; nothing here may block.

`node` sockets around the sans-I/O endpoint; `ports` media sockets; `source` one stream and its viewers; `platform` the
GB/T 28181 platform; `upstream` our registration at a platform above; `store` the database, called in threads; `web`
routes of the live port.
"""
