"""Fragmented MP4 (ISO/IEC 14496-12, -15) for Media Source Extensions: one fragment per picture. Sans-I/O."""
