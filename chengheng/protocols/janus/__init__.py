"""Janus (the WebRTC server), as far as a gateway beside it needs: API messages, descriptions, configuration, recordings.

Sans-I/O: texts and bytes in, values out. What must not go in: sockets, clocks, meetings.
"""
