# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What can go wrong while talking to a site, named by what to do next.

SyncError
├── Unavailable       the side does not answer as it should; wait, blame no document
│   └── Unclear       a write may or may not have taken effect; look before writing again
├── NeedsPerson       the credentials or the settings are wrong; stop and say so
│   ├── Unreadable    one DocType cannot be read on one side; leave it aside, and say so
│   └── Halt          going on might do harm; stop until a person has looked
└── Refused           this document cannot be written now; retry it, then quarantine it
    ├── Stale         it changed since it was read; read and reconcile again at once
    ├── Missing       it is not there (any more)
    ├── Duplicate     its name, or a unique value of it, is taken
    └── Blocked       another document stands in the way: a Link target that is not there yet,
                      or a document that links to one that is to be deleted

Adapters translate every failure of their site into one of these; the engine catches nothing else.
"""


class SyncError(Exception):
	"""The base of all. `str(error)` is one sentence for a person, free of secrets."""


class Unavailable(SyncError):
	"""The side did not answer, or not as Frappe does.

	`after` is how long to wait at least, in seconds (from Retry-After), or None.
	"""

	def __init__(self, message: str, *, after: float | None = None):
		super().__init__(message)
		self.after = after


class Unclear(Unavailable):
	"""A write was sent and its answer did not arrive: it may have taken effect."""


class NeedsPerson(SyncError):
	"""No retry will help until a person changes something: the key, a permission, the address."""


class Unreadable(NeedsPerson):
	"""What was asked about one DocType a side does not answer: it is not there, or not for the sync user."""


class Halt(NeedsPerson):
	"""A breaker tripped: sync pauses, and goes on only when a person says so.

	`kind` is one of the breakers of `engine.safety`; with the side and DocType it is about it makes the `key` that a
	person's word is kept under.
	"""

	def __init__(self, message: str, *, kind: str, side: str, doctype: str = ""):
		super().__init__(message)
		self.kind = kind
		self.key = f"{kind}:{side}:{doctype}"


class Refused(SyncError):
	"""The site refused this document, in its own words."""


class Stale(Refused):
	"""The document has been modified since it was read (TimestampMismatchError)."""


class Missing(Refused):
	"""The document does not exist on that site (DoesNotExistError)."""


class Duplicate(Refused):
	"""The name or a unique value is taken (DuplicateEntryError, UniqueValidationError)."""


class Blocked(Refused):
	"""Another document stands in the way (LinkValidationError, LinkExistsError)."""
