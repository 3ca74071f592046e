"""ZKTeco terminals over port 4370: codec, session, records and the source."""
