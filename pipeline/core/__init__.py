"""Pure rules: no framework, no clock of their own, no input or output."""
