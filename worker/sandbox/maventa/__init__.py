"""Maventa's AutoXChange REST interface: tokens a company, uploads, what became of them, the look-up of persons."""
