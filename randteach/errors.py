"""All errors that are raised on purpose, as one tree.

UserError        a mistake that the user can mend: one message, exit code 2
  DataError      about data
  Unreadable     a plan that can't be read
LoaderError      a reader's own failure
"""

from loaders.errors import DataError, LoaderError, UserError

__all__ = ["DataError", "LoaderError", "UserError"]
