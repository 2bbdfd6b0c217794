"""The explorer: one offline page that shows what a model learned from held-out rows, and decodes as you move.

A page is a single HTML file with held-out rows, their codes and errors, and the networks themselves, which a small
hand-written runtime (`explorer/src` of the repository) runs in the browser. It needs no server.

    items        the rows shown, with names, classes and probes               `items`, `row_kind`, `conditions`
    tab          one model's view of them: codes, errors, uncertainty         `tab`, `places`, `sentence`
    program      a network as a list of layers that the page can run          `programs`, `principal_model`
    series page  the page of windows of a series, with the series             `series_page`, `shown_series`
    packing      all numbers in one compressed block of text                  `packing`, `rounding`
    page         the template filled and written                              `page`
"""

from isthmus.explorer.page import write_explorer
from isthmus.explorer.programs import UnknownLayerError
from isthmus.explorer.series_page import write_series_explorer

__all__ = ["UnknownLayerError", "write_explorer", "write_series_explorer"]
