"""Pages of a PDF: embedded fonts, measured text, marks in millimetres. Used by the invoice and the statement."""
