"""What can be wrong with data."""


class DataError(ValueError):
    """A mistake about data that the user can mend: one message, no traceback."""


class LoaderError(RuntimeError):
    """A reader's own failure, such as its thread's end."""
