"""Tell by a file's first bytes whether it is what its name says."""

from transferz.tables.streams import WEB_PAGE

SIGNATURES = {
    ".gz": b"\x1f\x8b",
    ".fits": b"SIMPLE  =",
    ".parquet": b"PAR1",
    ".hdf5": b"\x89HDF\r\n\x1a\n",
}


def wrong_type(head: bytes, name: str) -> str:
    """Say what is wrong with a file that is not what its name says.

    Parameters
    ----------
    head : bytes
        Its first bytes, 512 will do.
    name : str
        Its name.

    Returns
    -------
    str
        What it is instead; empty where nothing speaks against it.
    """
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((*WEB_PAGE, b"<?xml")):
        return "it is a web page (of a login or an error, say), not data"
    if not head:
        return "it is empty"
    for ending, signature in SIGNATURES.items():
        if name.endswith(ending):
            return "" if head.startswith(signature) else f"it does not begin as {ending} files do"
    begins = [ending for ending, signature in SIGNATURES.items() if head.startswith(signature)]
    return f"it begins as {begins[0]} files do" if begins else ""
