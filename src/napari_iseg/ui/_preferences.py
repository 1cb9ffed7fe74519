"""What the user set in napari's Preferences under "Interactive segmentation"; napari keeps it in a file of its own.

napari before 0.9 has no settings for plugins, and a package that was not installed as a plugin has none either: then
every setting has its default and cannot be changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtCore import QObject

__all__ = ["follow", "preference", "set_preference"]

_PLUGIN = "napari-iseg"


def preference(group: str, name: str, default: Any) -> Any:
    """Return a setting.

    Parameters
    ----------
    group, name
        As in ``contributions.configurations`` of the manifest.
    default
        Where there are no settings.
    """
    return getattr(_group(group), name, default)


def set_preference(group: str, name: str, value: Any) -> None:
    """Change a setting, for good; nothing happens where there are no settings."""
    settings = _group(group)
    if settings is not None and hasattr(settings, name):
        setattr(settings, name, value)


def follow(group: str, owner: QObject, act: Callable[[], None]) -> None:
    """Call ``act`` after each change of a group, as long as ``owner`` lives."""
    settings = _group(group)
    if settings is None:
        return

    def changed(_event: Any = None) -> None:
        act()

    events = settings.events
    events.connect(changed)
    owner.destroyed.connect(lambda: events.disconnect(changed))


def _group(group: str) -> Any:
    try:
        from napari.settings import get_plugin_settings

        return getattr(get_plugin_settings(_PLUGIN), group, None)
    except (ImportError, KeyError):
        return None
