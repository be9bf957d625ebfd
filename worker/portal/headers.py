"""What a browser may do with the portal's pages that differ from the others (support/safe_headers.py)."""

# The one page with a script, the file of ours behind the copy buttons. It may run nothing that comes as text.
INVOICE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; form-action 'none'; frame-ancestors 'none';"
    " base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
# Browsers show a PDF inside a page of their own making, which Safari and Chrome hold to the PDF's policy.
PDF_POLICY = (
    "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; form-action 'none'; frame-ancestors 'none';"
    " base-uri 'none'"
)
