"""crossarch: how much accuracy does a network lose on data distilled for another one?"""

__version__ = "0.1.0"
