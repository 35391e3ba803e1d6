"""The HTTP API: known callers, one transaction a request, problems that name the field.

Never: rules of the product; those are the services'.
"""
