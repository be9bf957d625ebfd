"""Drawing the invoice PDF from the stamped document."""

from worker.stamping.pdf.config import DrawnPdf, PaperConfig, PdfError, PdfMismatch
from worker.stamping.pdf.drawing import draw

__all__ = ["DrawnPdf", "PaperConfig", "PdfError", "PdfMismatch", "draw"]
