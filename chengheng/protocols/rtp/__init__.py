"""RTP as cameras send it (RFC 3550, RFC 4571): framing over TCP, order, loss, one piece per time stamp. Sans-I/O."""
