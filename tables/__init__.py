"""Tables of any format, read and written in chunks with bounded memory."""
