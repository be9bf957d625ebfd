"""Stamping: the invoice becomes the factor's. Notice, payee, account and KID in the XML; the PDF drawn from it."""
