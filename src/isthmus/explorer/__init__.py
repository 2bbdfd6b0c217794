"""One offline page that shows what a model learned from your own rows, and decodes live as you move.

A page is a single HTML file: held-out rows, their codes and errors, and the networks themselves, which a small
hand-written runtime (`explorer/src` of the repository) runs in the browser. It asks nothing of any server.

    items        the rows shown, with names, classes and probes        `items`
    tab          one model's view of them: codes, errors, uncertainty         `tab`, `places`
    program      a network as a list of layers that the page can run    `programs`
    series_page  the page of windows of a series, with the series   `shown_series`
    packing      all numbers in one compressed block of text            `packing`, `rounding`
    page         the template filled and written                        `page`
"""

from isthmus.explorer.page import write_explorer
from isthmus.explorer.programs import UnknownLayerError
from isthmus.explorer.series_page import write_series_explorer

__all__ = ["UnknownLayerError", "write_explorer", "write_series_explorer"]
