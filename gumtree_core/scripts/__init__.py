"""Declaration, loading and running of scripts."""

from gumtree_core.scripts.declaration import Script, action, group, parameter, result
from gumtree_core.scripts.loading import ScriptInfo, find_script, list_scripts, load_script

__all__ = [
    "Script",
    "ScriptInfo",
    "action",
    "find_script",
    "group",
    "list_scripts",
    "load_script",
    "parameter",
    "result",
]
