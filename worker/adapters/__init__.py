"""Who is out there: one package per vendor or kind of place. Only `wiring` imports them."""
