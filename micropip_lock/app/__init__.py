"""One verb per file; the only room with tasks."""
