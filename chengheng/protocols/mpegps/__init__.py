"""MPEG program streams (ISO/IEC 13818-1) as GB/T 28181 Annex C uses them: reader and writer. Sans-I/O."""
