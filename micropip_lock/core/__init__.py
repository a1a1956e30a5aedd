"""Pure rooms: bytes and text in, values out."""
