"""Getting files from archives: streamed, resumed, retried, checked, then moved into place."""
