"""Where document bytes are kept."""

from worker.adapters.document_store.folder import FolderDocumentStore

__all__ = ["FolderDocumentStore"]
