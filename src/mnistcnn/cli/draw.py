"""`mnistcnn draw`."""

import sys
from typing import Annotated

import mnistcnn
from mnistcnn.cli import shared_options as o
from mnistcnn.cli.conventions import between
from mnistcnn.cli.output import show_note
from mnistcnn.errors import require


def draw(
    checkpoint: o.CheckpointOption = None,
    host: Annotated[
        str, o.page(metavar="ADDRESS", help="Address to serve on; 0.0.0.0 admits other machines, such as a phone.")
    ] = "127.0.0.1",
    port: Annotated[
        int, o.page(metavar="N", callback=between(0, 65535), help="Port to serve on; 0 takes a free one.")
    ] = 8028,
    open_page: Annotated[bool, o.page("--open/--no-open", help="Open the page in the browser.")] = True,
    device: o.ReadingDeviceOption = "auto",
    quiet: o.QuietOption = False,
) -> None:
    """Open a page to draw on, and read digits as they are drawn. Needs the extra draw."""
    require("`mnistcnn draw`", "draw", "starlette", "uvicorn")
    o.keep_numpy_to_one_thread()
    from mnistcnn.web.reader import Reader
    from mnistcnn.web.server import is_public, open_browser, serve

    with mnistcnn.progress_bar(quiet=quiet) as observer:
        reader = Reader(checkpoint, device=device, observer=observer)

    def ready(address: str) -> None:
        sys.stdout.write(address + "\n")
        sys.stdout.flush()  # a reader at the other end of a pipe waits for the address
        if not quiet and is_public(host):
            show_note("Anyone who can reach this machine can use the page.", warning=True)
        if not quiet:
            show_note("Press Ctrl-C to stop.")
        if open_page:
            open_browser(address)

    serve(reader, host=host, port=port, ready=ready)
