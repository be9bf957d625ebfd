"""Settlement: what debtors pay and what the factor charges becomes balanced vouchers in the client's books."""
