"""Exceptions about data."""


class UserError(ValueError):
    """A mistake that the user can mend: shown as one message without traceback, exit code 2."""


class DataError(UserError):
    """A mistake about data."""


class LoaderError(RuntimeError):
    """A reader's own failure, such as its thread's end."""
