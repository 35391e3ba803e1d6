"""Beat: what happens because time passed. It claims and sends; the work is done by others."""
