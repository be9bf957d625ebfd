"""An access point that is reached through a folder: wrappers around it, a transfer service, or a demo."""

from worker.adapters.access_point.folder.client import FolderAccessPoint

__all__ = ["FolderAccessPoint"]
