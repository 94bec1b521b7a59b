"""H.264 (Rec. ITU-T H.264) and H.265 (H.265) as far as a platform must look: NAL units, key frames, picture size."""
