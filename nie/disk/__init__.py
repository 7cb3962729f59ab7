"""Files on the disk: whole or not there, known by their digests, and read with care."""
