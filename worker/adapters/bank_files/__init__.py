"""The server where bank or clearing house lays settlement files."""

from worker.adapters.bank_files.sftp import SftpBankFiles

__all__ = ["SftpBankFiles"]
