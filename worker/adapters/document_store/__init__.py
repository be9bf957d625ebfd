"""Where document bytes are kept. The S3 store is imported when chosen: its library is an extra."""

from worker.adapters.document_store.folder import FolderDocumentStore

__all__ = ["FolderDocumentStore"]
