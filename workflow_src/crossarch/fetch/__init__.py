"""First stage of the flow: every file made by others, checked byte for byte, under one local path.

The data stage reads what this stage puts in place; nothing else in the project opens a network
connection.
"""
