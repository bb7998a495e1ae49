"""Raw file in, features out."""
