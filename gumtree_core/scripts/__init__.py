"""Declaration, loading and running of scripts."""

from gumtree_core.scripts.loading import ScriptInfo, find_script, list_scripts, load_script
from gumtree_core.scripts.members import action, group, parameter, result
from gumtree_core.scripts.preparation import prepared
from gumtree_core.scripts.script import Script

__all__ = [
    "Script",
    "ScriptInfo",
    "action",
    "find_script",
    "group",
    "list_scripts",
    "load_script",
    "parameter",
    "prepared",
    "result",
]
