"""Faults by the thousand: what each module does is in its docstring."""
