"""The web page: files that a browser runs, over the HTTP interface that every other client uses.

No framework, no build step, nothing from elsewhere: what lies in ``files`` is what is sent, so the
page works in a laboratory without the internet. `choices` is what of the science the page must
know, `page_files` reads the files, `page_routes` answers them.
"""

from __future__ import annotations

from service.web.page_routes import page_response, page_routes

__all__ = ["page_response", "page_routes"]
