"""Drawing the invoice PDF from the stamped document."""

from worker.stamping.pdf.config import DrawnPdf, PaperConfig, PdfError, PdfMismatch
from worker.stamping.pdf.drawing import draw
from worker.stamping.pdf.proof_sheet import proof_sheet, sample_letter

__all__ = ["DrawnPdf", "PaperConfig", "PdfError", "PdfMismatch", "draw", "proof_sheet", "sample_letter"]
