"""Lock formats: text to Lock and back, one file a format."""
