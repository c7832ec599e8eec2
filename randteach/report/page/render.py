"""The page as one text of HTML, by a template; all that comes from a store is escaped."""

from pathlib import Path

import jinja2

from randteach.report.page.contents import Contents, contents
from randteach.store.store import Store

FOLDER = Path(__file__).parent


def page(store: Store) -> tuple[str, Contents]:
    """The page of all studies in a store, and what it says."""
    found = contents(store)
    return render(found), found


def render(found: Contents) -> str:
    """Fill the template in."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(page=found)
