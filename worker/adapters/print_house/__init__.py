"""Where letters are printed and posted: a folder or an SFTP server, both with the same neutral manifest."""

from worker.adapters.print_house.folder import FolderPrintHouse
from worker.adapters.print_house.sftp import SftpPrintHouse

__all__ = ["FolderPrintHouse", "SftpPrintHouse"]
