"""The sub-commands: arguments and files in, files and a table out.

They hold no behaviour of their own. Every command imports what it needs when it is called, so that
analysing needs no torch and training no server.
"""
