"""Reading a raw file: its header, its blocks of rows, its cells."""
