"""The git repository that holds and shares scripts."""

from gumtree_core.repository.repository import Commit, ScriptRepository, SyncResult
from gumtree_core.repository.seeding import create_central

__all__ = ["Commit", "ScriptRepository", "SyncResult", "create_central"]
